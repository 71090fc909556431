package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;

class GzipMembersTest {
  private final byte[] first = new byte[100_000];
  private final byte[] last = "the end".getBytes(StandardCharsets.UTF_8);

  GzipMembersTest() {
    new Random(3).nextBytes(first);
  }

  private byte[] members() throws IOException {
    ByteArrayOutputStream members = new ByteArrayOutputStream();
    members.writeBytes(GzipMember.stored(first, first.length));
    members.writeBytes(GzipMember.stored(new byte[0], 0));
    try (GZIPOutputStream gzip = new GZIPOutputStream(members)) {
      gzip.write(last);
    }
    return members.toByteArray();
  }

  private static byte[] read(byte[] members) throws IOException {
    // A store gives what it has, not what it is asked for.
    InputStream bitByBit =
        new ByteArrayInputStream(members) {
          @Override
          public synchronized int read(byte[] bytes, int offset, int length) {
            return super.read(bytes, offset, Math.min(length, 7));
          }

          @Override
          public int read(byte[] bytes) {
            return read(bytes, 0, bytes.length);
          }
        };
    try (GzipMembers in = new GzipMembers(bitByBit)) {
      return in.readAllBytes();
    }
  }

  @Test
  void shouldReadMembersOneBehindTheOther() throws IOException {
    byte[] both = Arrays.copyOf(first, first.length + last.length);
    System.arraycopy(last, 0, both, first.length, last.length);

    assertThat(read(members())).isEqualTo(both);
  }

  @Test
  void shouldRefuseWhatIsCutShortOrChanged() throws IOException {
    byte[] members = members();

    for (int length : new int[] {5, 50_000, members.length - 1}) {
      assertThatThrownBy(() -> read(Arrays.copyOf(members, length)))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("cut short");
    }
    members[50_000]++;
    assertThatThrownBy(() -> read(members)).hasMessageContaining("CRC32");
    assertThatThrownBy(() -> read(new byte[20])).hasMessageContaining("no gzip member");
  }

  @Test
  void shouldRefuseNamesWhateverTheirLength() {
    byte[] named = new byte[1_000_000];
    Arrays.fill(named, (byte) 'x');
    System.arraycopy(new byte[] {0x1f, (byte) 0x8b, 8, 8}, 0, named, 0, 4);

    assertThatThrownBy(() -> read(named))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("without optional fields");
  }
}
