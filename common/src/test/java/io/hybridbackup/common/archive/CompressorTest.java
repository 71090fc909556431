package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CompressorTest {
  private static final int BYTES = 1 << 20;

  static Stream<IntFunction<Deflate>> ways() {
    return Stream.of(Deflate::platform, libdeflate()::open);
  }

  private static LibDeflate libdeflate() {
    return LibDeflate.load()
        .orElseThrow(
            () -> new AssertionError("libdeflate is missing; install the package libdeflate0"));
  }

  @ParameterizedTest
  @MethodSource("ways")
  void shouldGiveTextBackWhole(IntFunction<Deflate> way) throws Exception {
    byte[] plain = rows(BYTES - 17);
    try (Compressor compressor = new Compressor(2, 6, way)) {
      // when
      Member.Fresh member =
          (Member.Fresh) compressor.compress(plain.clone(), plain.length, List.of()).get();

      // then
      assertThat(GzipMember.decode(member.gzip(), plain.length)).isEqualTo(plain);
      assertThat(member.gzip().length).isLessThan(plain.length / 3);
      assertThat(member.sha256()).isEqualTo(Sha256.of(plain, plain.length));
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void shouldStoreWhatDoesNotShrink(IntFunction<Deflate> way) throws Exception {
    byte[] plain = new byte[BYTES];
    new Random(7).nextBytes(plain);
    try (Compressor compressor = new Compressor(1, 6, way)) {
      // when
      Member.Fresh member =
          (Member.Fresh) compressor.compress(plain.clone(), plain.length, List.of()).get();

      // then
      assertThat(GzipMember.decode(member.gzip(), plain.length)).isEqualTo(plain);
      assertThat(member.gzip().length).isLessThan(plain.length + plain.length / 1000);
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void shouldSayThatWhatDoesNotShrinkDoesNotFit(IntFunction<Deflate> way) {
    byte[] plain = new byte[BYTES];
    new Random(7).nextBytes(plain);
    try (Deflate deflate = way.apply(6)) {
      // then
      assertThat(deflate.deflate(plain, 0, plain.length, new byte[plain.length])).isEqualTo(-1);
    }
  }

  @Test
  void shouldMakeTextSmallerWithLibdeflateThanTheJdkMakesItAtItsBest() throws Exception {
    byte[] plain = rows(BYTES);
    try (Deflate jdk = Deflate.platform(9);
        Deflate libdeflate = libdeflate().open(7)) {
      // when
      int jdkBytes = jdk.deflate(plain, 0, plain.length, new byte[plain.length]);
      int bytes = libdeflate.deflate(plain, 0, plain.length, new byte[plain.length]);

      // then
      assertThat(bytes).isPositive().isLessThanOrEqualTo(jdkBytes + jdkBytes / 100);
    }
  }

  /** Lines as a table of an application has them. */
  private static byte[] rows(int bytes) {
    Random random = new Random(42);
    StringBuilder text = new StringBuilder(bytes + 200);
    for (int row = 1; text.length() < bytes; row++) {
      text.append(row)
          .append("\tdocument ")
          .append(Integer.toHexString(random.nextInt(1 << 20)))
          .append("\t2026-01-11 02:00:00\tdepartment ")
          .append(random.nextInt(20))
          .append("\t\\N\n");
    }
    return Arrays.copyOf(text.toString().getBytes(StandardCharsets.US_ASCII), bytes);
  }
}
