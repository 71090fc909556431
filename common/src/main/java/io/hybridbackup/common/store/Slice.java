package io.hybridbackup.common.store;

import org.jspecify.annotations.Nullable;

/**
 * A range of an object that will be copied into another.
 *
 * @param etag the object's, as it was when the slice was made; a copy fails if it has changed since
 * @param offset of the first byte
 * @param bytes length of the range, at least 1
 * @param crc64nvme that the range should have, 16 hex digits; null if that is not known
 */
public record Slice(
    ObjectKey object, String etag, long offset, long bytes, @Nullable String crc64nvme)
    implements Piece {
  public Slice {
    if (offset < 0 || bytes < 1) {
      throw new IllegalArgumentException("no such range: " + offset + " + " + bytes);
    }
  }

  /** One whose checksum is not known. */
  public Slice(ObjectKey object, String etag, long offset, long bytes) {
    this(object, etag, offset, bytes, null);
  }

  /** The same range, which should have this checksum. */
  public Slice knownBy(String checksum) {
    return new Slice(object, etag, offset, bytes, checksum);
  }
}
