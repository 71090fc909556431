package io.hybridbackup.common.archive;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Which files of a tree are one file under several names. The names are found in a first walk and
 * asked for in a second one of the same order. A file that has only one of its names in the tree
 * costs eight to sixteen bytes, as a whole tree may be linked with one elsewhere.
 */
final class HardLinks {
  private final Map<Long, Numbers> seen = new HashMap<>();
  private final Map<Identity, Group> groups = new HashMap<>();

  private record Identity(long device, long inode) {
    static Identity of(FileStatus status) {
      return new Identity(status.device(), status.inode());
    }
  }

  private static final class Group {
    private final List<Path> others = new ArrayList<>();
    private boolean asked;
  }

  /** Tells of a file with several links, in the first walk. */
  void found(FileStatus status, Path path) {
    if (!seen.computeIfAbsent(status.device(), device -> new Numbers()).add(status.inode())) {
      groups.computeIfAbsent(Identity.of(status), file -> new Group()).others.add(path);
    }
  }

  /** Whether this is the first question about the file, so that it is to be written now. */
  boolean first(FileStatus status) {
    Group group = groups.get(Identity.of(status));
    if (group == null) {
      return true;
    }
    boolean first = !group.asked;
    group.asked = true;
    return first;
  }

  /** The names of the file other than the first, in the order of the walk. */
  List<Path> others(FileStatus status) {
    Group group = groups.get(Identity.of(status));
    return group == null ? List.of() : group.others;
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
