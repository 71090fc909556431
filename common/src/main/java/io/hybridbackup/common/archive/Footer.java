package io.hybridbackup.common.archive;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.DataFormatException;

/**
 * The archive's last member. It always has {@link #BYTES} bytes, so that a reader finds it from the
 * archive's end.
 *
 * @param distance from the first byte of the root index to the footer's own first byte
 * @param length of the root index, whole gzip members
 */
record Footer(long distance, long length) {
  private static final byte[] MAGIC = "HYBRIDBK".getBytes(StandardCharsets.US_ASCII);
  private static final int PLAIN_BYTES = MAGIC.length + Integer.BYTES + 2 * Long.BYTES;

  static final int BYTES = GzipMember.HEADER_BYTES + 5 + PLAIN_BYTES + GzipMember.TRAILER_BYTES;

  byte[] encode() {
    byte[] plain =
        ByteBuffer.allocate(PLAIN_BYTES)
            .put(MAGIC)
            .putInt(RootIndex.VERSION)
            .putLong(distance)
            .putLong(length)
            .array();
    return GzipMember.stored(plain, plain.length);
  }

  /**
   * Reads {@link #BYTES} bytes.
   *
   * @throws DataFormatException if they are not a footer
   * @throws UnknownVersionException if it is of a newer format
   */
  static Footer decode(byte[] member) throws DataFormatException {
    ByteBuffer plain = ByteBuffer.wrap(GzipMember.decode(member, PLAIN_BYTES));
    byte[] magic = new byte[MAGIC.length];
    plain.get(magic);
    if (!Arrays.equals(magic, MAGIC)) {
      throw new DataFormatException("it does not end with this product's footer");
    }
    UnknownVersionException.requireKnown("its format", plain.getInt(), RootIndex.VERSION);
    Footer footer = new Footer(plain.getLong(), plain.getLong());
    if (footer.length < 1 || footer.distance < footer.length) {
      throw new DataFormatException("its footer points nowhere");
    }
    return footer;
  }
}
