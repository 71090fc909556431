package io.hybridbackup.common.store;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/**
 * A slice as the store gives it. That it cannot be read is told by a {@link
 * StoreException.Unavailable}, lest whoever decodes it take that for damage: decoding fails with an
 * {@link IOException}.
 */
public final class StoredSlice extends FilterInputStream {
  private final Slice slice;

  private StoredSlice(InputStream in, Slice slice) {
    super(in);
    this.slice = slice;
  }

  /**
   * The caller closes it.
   *
   * @throws StoreException as {@link ObjectStore#open} does, now or while it is read
   */
  public static InputStream open(ObjectStore store, Slice slice) {
    return new StoredSlice(store.open(slice), slice);
  }

  @Override
  public int read() {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] bytes, int offset, int length) {
    try {
      return in.read(bytes, offset, length);
    } catch (IOException e) {
      throw brokenOff(e);
    }
  }

  @Override
  public void close() {
    try {
      in.close();
    } catch (IOException e) {
      throw brokenOff(e);
    }
  }

  private StoreException brokenOff(IOException e) {
    return new StoreException.Unavailable(
        slice.object() + " could not be read: " + e.getMessage(), e, slice);
  }
}
