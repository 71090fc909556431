package io.hybridbackup.common.archive;

import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoredSlice;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;

/** Bytes that lie in the store as slices, one behind the other. */
final class StoredBytes {
  private final List<Slice> slices;
  private final long[] offsets;
  private final long bytes;

  /**
   * @param slices at least one
   */
  StoredBytes(List<Slice> slices) {
    this.slices = List.copyOf(slices);
    this.offsets = new long[slices.size()];
    long offset = 0;
    for (int i = 0; i < offsets.length; i++) {
      offsets[i] = offset;
      offset += slices.get(i).bytes();
    }
    this.bytes = offset;
  }

  long bytes() {
    return bytes;
  }

  /**
   * Where a range lies.
   *
   * @throws IndexOutOfBoundsException if it does not lie within
   */
  List<Slice> range(long offset, long length) {
    if (offset < 0 || length < 0 || offset > bytes - length) {
      throw new IndexOutOfBoundsException(offset + " + " + length + " of " + bytes);
    }
    List<Slice> found = new ArrayList<>(1);
    int at = Arrays.binarySearch(offsets, offset);
    at = at < 0 ? -at - 2 : at;
    long from = offset;
    long left = length;
    for (; left > 0; at++) {
      Slice slice = slices.get(at);
      long skipped = from - offsets[at];
      long taken = Math.min(left, slice.bytes() - skipped);
      found.add(new Slice(slice.object(), slice.etag(), slice.offset() + skipped, taken));
      from += taken;
      left -= taken;
    }
    return found;
  }

  /**
   * Opens a range, one slice after the other; errors are those of {@link StoredSlice#open}, now or
   * while it is read.
   */
  InputStream open(ObjectStore store, long offset, long length) {
    List<Slice> range = range(offset, length);
    return range.size() == 1
        ? StoredSlice.open(store, range.getFirst())
        : new Slices(store, range.iterator());
  }

  /** Slices behind each other, of which one is open at a time. */
  private static final class Slices extends InputStream {
    private final ObjectStore store;
    private final Iterator<Slice> left;
    private InputStream in;

    Slices(ObjectStore store, Iterator<Slice> left) {
      this.store = store;
      this.left = left;
      this.in =
          left.hasNext() ? StoredSlice.open(store, left.next()) : InputStream.nullInputStream();
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      int read = in.read(bytes, offset, length);
      while (read < 0 && left.hasNext()) {
        in.close();
        in = StoredSlice.open(store, left.next());
        read = in.read(bytes, offset, length);
      }
      return read;
    }

    @Override
    public void close() throws IOException {
      in.close();
    }
  }
}
