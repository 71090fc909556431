package io.hybridbackup.common.store;

/**
 * A range of an object that will be copied into another.
 *
 * @param etag the object's, as it was when the slice was made; a copy fails if it has changed since
 * @param offset of the first byte
 * @param bytes length of the range, at least 1
 */
public record Slice(ObjectKey object, String etag, long offset, long bytes) implements Piece {
  public Slice {
    if (offset < 0 || bytes < 1) {
      throw new IllegalArgumentException("no such range: " + offset + " + " + bytes);
    }
  }
}
