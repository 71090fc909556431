package io.hybridbackup.common.archive;

import java.util.HashMap;
import java.util.Map;

/** A set of files, at eight to sixteen bytes each. */
final class Inodes {
  private final Map<Long, LongSet> devices = new HashMap<>();

  /** Adds a file; false if it was there. */
  boolean add(FileStatus file) {
    return devices.computeIfAbsent(file.device(), device -> new LongSet()).add(file.inode());
  }
}
