package io.hybridbackup.common.archive;

import java.util.Arrays;

/** A set of numbers without objects, at eight to sixteen bytes each. */
final class LongSet {
  /** Open addressing, at most half full; 0 is a free slot. */
  private long[] slots = new long[1024];

  private int size;
  private boolean zero;

  /** Adds a number; false if it was there. */
  boolean add(long number) {
    if (number == 0) {
      boolean added = !zero;
      zero = true;
      return added;
    }
    if (2 * (size + 1) > slots.length) {
      long[] old = slots;
      slots = new long[2 * old.length];
      Arrays.stream(old).filter(value -> value != 0).forEach(value -> slots[slot(value)] = value);
    }
    int slot = slot(number);
    if (slots[slot] == number) {
      return false;
    }
    slots[slot] = number;
    size++;
    return true;
  }

  boolean contains(long number) {
    return number == 0 ? zero : slots[slot(number)] == number;
  }

  private int slot(long number) {
    int mask = slots.length - 1;
    int slot = (int) ((number * 0x9E3779B97F4A7C15L) >>> 32) & mask;
    while (slots[slot] != 0 && slots[slot] != number) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }
}
