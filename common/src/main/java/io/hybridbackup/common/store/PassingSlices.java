package io.hybridbackup.common.store;

import java.io.OutputStream;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Compares what passes through this process of an object that is being composed with the checksums
 * that its slices are known to have. A slice may pass in ranges, in any order, by several threads;
 * one of which the store copies a range by itself is not compared.
 */
final class PassingSlices {
  private record Range(long bytes, long crc64nvme) {}

  private final List<Piece> pieces;

  /** Where each piece begins in the object, and where the last one ends. */
  private final long[] offsets;

  /**
   * The ranges that have passed, by the number of their piece and by their offset in the object.
   */
  private final Map<Integer, SortedMap<Long, Range>> passed = new HashMap<>();

  PassingSlices(List<Piece> pieces) {
    this.pieces = pieces;
    this.offsets = new long[pieces.size() + 1];
    for (int i = 0; i < pieces.size(); i++) {
      offsets[i + 1] = offsets[i] + pieces.get(i).bytes();
    }
  }

  /**
   * Takes a range of the object. The stream throws {@link StoreException.Corrupt}, when it is
   * closed at the latest, if with that a slice has passed whole and is not what it should be.
   *
   * @param offset in the object
   */
  Passage from(long offset) {
    return new Passage(offset);
  }

  private synchronized void add(int number, long offset, Range range) {
    if (!(pieces.get(number) instanceof Slice slice) || slice.crc64nvme() == null) {
      return;
    }
    SortedMap<Long, Range> ranges = passed.computeIfAbsent(number, _ -> new TreeMap<>());
    ranges.put(offset, range);
    if (ranges.values().stream().mapToLong(Range::bytes).sum() < slice.bytes()) {
      return;
    }
    passed.remove(number);
    long whole = new Crc64Nvme().value();
    for (Range each : ranges.values()) {
      whole = Crc64Nvme.combine(whole, each.crc64nvme(), each.bytes());
    }
    if (whole != Crc64Nvme.parse(slice.crc64nvme())) {
      throw new StoreException.Corrupt(
          "%s is damaged between the bytes %d and %d: they do not have the CRC64NVME with which they were written"
              .formatted(slice.object(), slice.offset(), slice.offset() + slice.bytes()),
          slice);
    }
  }

  /** A range of the object that passes. For one thread. */
  final class Passage extends OutputStream {
    private int number;
    private long begun;
    private long at;
    private Crc64Nvme crc = new Crc64Nvme();

    private Passage(long offset) {
      int found = Arrays.binarySearch(offsets, offset);
      number = found < 0 ? -found - 2 : found;
      begun = offset;
      at = offset;
    }

    @Override
    public void write(int oneByte) {
      write(new byte[] {(byte) oneByte}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
      for (int written = 0; written < length; ) {
        int taken = (int) Math.min(length - written, offsets[number + 1] - at);
        crc.update(bytes, offset + written, taken);
        written += taken;
        at += taken;
        if (at == offsets[number + 1]) {
          endRange();
          number++;
        }
      }
    }

    private void endRange() {
      if (at > begun) {
        long from = begun;
        begun = at;
        add(number, from, new Range(at - from, crc.value()));
        crc = new Crc64Nvme();
      }
    }

    @Override
    public void close() {
      endRange();
    }
  }
}
