package io.hybridbackup.common.archive;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** A set of files, at eight to sixteen bytes each. */
final class Inodes {
  private final Map<Long, Numbers> devices = new HashMap<>();

  /** Adds a file; false if it was there. */
  boolean add(FileStatus file) {
    return devices.computeIfAbsent(file.device(), device -> new Numbers()).add(file.inode());
  }

  boolean contains(FileStatus file) {
    Numbers numbers = devices.get(file.device());
    return numbers != null && numbers.contains(file.inode());
  }

  /** A set of numbers without objects: open addressing, at most half full. */
  private static final class Numbers {
    private long[] slots = new long[1024];
    private int size;

    /** Adds a number that is not 0, as no inode is; false if it was there. */
    boolean add(long number) {
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
      return slots[slot(number)] == number;
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
}
