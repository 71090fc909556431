package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class TarHeaderTest {
  private static final long NINE_GIB = 9L * 1024 * 1024 * 1024;

  @Test
  void shouldTellALargeSizeInBase256AndInPax() {
    byte[] header = TarHeader.encode(file(NINE_GIB, Instant.EPOCH));

    assertThat(text(header)).contains(" size=" + NINE_GIB + "\n");
    int block = header.length - TarHeader.BLOCK;
    assertThat(header[block + 124]).isEqualTo((byte) 0x80);
    long size = 0;
    for (int i = 125; i < 136; i++) {
      size = size << 8 | (header[block + i] & 0xff);
    }
    assertThat(size).isEqualTo(NINE_GIB);
  }

  @Test
  void shouldTellNanosecondsBefore1970AsANegativeDecimal() {
    byte[] header = TarHeader.encode(file(1, Instant.ofEpochSecond(-2, 500_000_000)));

    assertThat(text(header)).contains("22 mtime=-1.500000000\n");
  }

  @Test
  void shouldBeOneBlockWhereUstarHoldsEverything() {
    assertThat(TarHeader.encode(file(1, Instant.EPOCH))).hasSize(TarHeader.BLOCK);
  }

  private static String text(byte[] header) {
    return new String(header, StandardCharsets.ISO_8859_1);
  }

  private static ArchiveEntry file(long size, Instant modified) {
    return ArchiveFixture.entry("storage/file", ArchiveEntry.Type.FILE, size, 0644, modified);
  }
}
