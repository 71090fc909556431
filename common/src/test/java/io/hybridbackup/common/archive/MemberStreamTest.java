package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.zip.DataFormatException;
import org.junit.jupiter.api.Test;

class MemberStreamTest {
  @Test
  void shouldGiveMembersOnInTheOrderInWhichTheyCame() throws Exception {
    List<Integer> lengths = new ArrayList<>();
    List<Integer> expected = new ArrayList<>();
    try (Compressor compressor = Compressor.open(4)) {
      MemberStream stream =
          new MemberStream(compressor, List.of(), member -> lengths.add(member.plainBytes()));
      Random random = new Random(1);
      for (int i = 0; i < 100; i++) {
        int bytes = 1 + random.nextInt(300_000);
        expected.add(bytes);
        stream.add(new byte[bytes], bytes);
      }
      stream.flush();
    }

    assertThat(lengths).isEqualTo(expected);
  }

  @Test
  void shouldNotRunFarAheadOfWhatHasBeenGivenOn() throws Exception {
    int[] given = new int[1];
    try (Compressor compressor = Compressor.open(2)) {
      MemberStream stream = new MemberStream(compressor, List.of(), member -> given[0]++);
      for (int i = 1; i <= 50; i++) {
        stream.add(new byte[100], 100);

        assertThat(i - given[0]).isLessThanOrEqualTo(4);
      }
    }
  }

  @Test
  void shouldRunAStepBehindTheMembersBeforeIt() throws Exception {
    List<String> order = new ArrayList<>();
    try (Compressor compressor = Compressor.open(2)) {
      MemberStream stream = new MemberStream(compressor, List.of(), member -> order.add("member"));
      stream.add(new byte[10], 10);
      stream.then(() -> order.add("step"));
      stream.add(new byte[10], 10);
      stream.flush();
    }

    assertThat(order).containsExactly("member", "step", "member");
  }

  @Test
  void shouldStoreWhatDoesNotShrink() throws Exception {
    byte[] noise = new byte[500_000];
    new Random(1).nextBytes(noise);

    byte[] gzip = compress(noise);

    assertThat(gzip.length).isGreaterThan(noise.length).isLessThan(noise.length + 100);
    assertThat(GzipMember.decode(gzip, noise.length)).isEqualTo(noise);
  }

  @Test
  void shouldCompressWhatShrinks() throws Exception {
    byte[] zeros = new byte[500_000];

    byte[] gzip = compress(zeros);

    assertThat(gzip.length).isLessThan(2000);
    assertThat(GzipMember.decode(gzip, zeros.length)).isEqualTo(zeros);
  }

  @Test
  void shouldRefuseAMemberThatIsNotWhole() throws Exception {
    byte[] gzip = compress(new byte[1000]);

    assertThatThrownBy(() -> GzipMember.decode(gzip, 999)).isInstanceOf(DataFormatException.class);
    assertThatThrownBy(() -> GzipMember.decode(gzip, 1001)).isInstanceOf(DataFormatException.class);
    gzip[gzip.length - 5] ^= 1;
    assertThatThrownBy(() -> GzipMember.decode(gzip, 1000)).isInstanceOf(DataFormatException.class);
  }

  private static byte[] compress(byte[] plain) throws IOException {
    List<byte[]> members = new ArrayList<>();
    try (Compressor compressor = Compressor.open(1)) {
      MemberStream stream =
          new MemberStream(
              compressor, List.of(), member -> members.add(((Member.Fresh) member).gzip()));
      stream.add(plain, plain.length);
      stream.flush();
    }
    return members.getFirst();
  }
}
