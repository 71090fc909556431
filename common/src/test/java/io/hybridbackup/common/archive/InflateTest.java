package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class InflateTest {
  private static final int BYTES = 200_000;

  static Stream<Inflate> ways() {
    return Stream.of(Inflate::byPlatform, LibDeflate.load().orElseThrow()::inflate);
  }

  @ParameterizedTest
  @MethodSource("ways")
  void shouldInflateAStreamThatLiesAnywhereInAnArray(Inflate way) throws Exception {
    byte[] plain = text();
    byte[] deflated = deflate(plain);
    byte[] around = new byte[deflated.length + 300];
    System.arraycopy(deflated, 0, around, 100, deflated.length);
    byte[] back = new byte[plain.length];

    // when
    way.inflate(around, 100, deflated.length, back);

    // then
    assertThat(back).isEqualTo(plain);
  }

  @ParameterizedTest
  @MethodSource("ways")
  void shouldInflateNothing(Inflate way) throws Exception {
    byte[] deflated = deflate(new byte[0]);

    way.inflate(deflated, 0, deflated.length, new byte[0]);
  }

  @ParameterizedTest
  @MethodSource("ways")
  void shouldRefuseAnotherLength(Inflate way) {
    byte[] deflated = deflate(text());

    assertRefused(way, deflated, deflated.length, BYTES - 1);
    assertRefused(way, deflated, deflated.length, BYTES + 1);
    assertRefused(way, deflated, deflated.length, 0);
  }

  @ParameterizedTest
  @MethodSource("ways")
  void shouldRefuseAStreamThatEndsTooEarlyOrTooLate(Inflate way) {
    byte[] deflated = deflate(text());
    byte[] longer = Arrays.copyOf(deflated, deflated.length + 1);

    assertRefused(way, longer, longer.length, BYTES);
    for (int bytes = 0; bytes < deflated.length; bytes += 97) {
      assertRefused(way, deflated, bytes, BYTES);
    }
    assertRefused(way, deflated, deflated.length - 1, BYTES);
  }

  @ParameterizedTest
  @MethodSource("ways")
  void shouldKeepToItsBoundsWhateverTheStreamSays(Inflate way) {
    byte[] deflated = deflate(text());
    Random random = new Random(11);
    int refused = 0;
    for (int i = 0; i < 3000; i++) {
      byte[] damaged = deflated.clone();
      for (int n = 1 + random.nextInt(20); n > 0; n--) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
      }
      refused += refuses(way, damaged) ? 1 : 0;
      random.nextBytes(damaged);
      refused += refuses(way, damaged) ? 1 : 0;
    }

    // then: what changes only literals is for the CRC32 to find
    assertThat(refused).isGreaterThan(5000);
  }

  private static boolean refuses(Inflate way, byte[] deflated) {
    try {
      way.inflate(deflated, 0, deflated.length, new byte[BYTES]);
      return false;
    } catch (DataFormatException e) {
      return true;
    }
  }

  private static void assertRefused(Inflate way, byte[] deflated, int bytes, int plainBytes) {
    assertThatThrownBy(() -> way.inflate(deflated, 0, bytes, new byte[plainBytes]))
        .isInstanceOf(DataFormatException.class);
  }

  private static byte[] text() {
    Random random = new Random(5);
    StringBuilder text = new StringBuilder();
    while (text.length() < BYTES) {
      text.append(random.nextInt(100_000)).append(" leaves of the archive\n");
    }
    return Arrays.copyOf(text.toString().getBytes(StandardCharsets.US_ASCII), BYTES);
  }

  private static byte[] deflate(byte[] plain) {
    try (Deflater deflater = new Deflater(6, true)) {
      deflater.setInput(plain);
      deflater.finish();
      byte[] deflated = new byte[plain.length + 100];
      return Arrays.copyOf(deflated, deflater.deflate(deflated));
    }
  }
}
