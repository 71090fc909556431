package io.hybridbackup.common.archive;

import java.security.SecureRandom;

/**
 * A set of paths, at eight to sixteen bytes each. It takes a path for one that is in it about once
 * in ten million times that two million are, and for others the next time.
 */
final class PathHashes {
  private final long seed = new SecureRandom().nextLong();
  private final LongSet hashes = new LongSet();

  void add(EntryPath path) {
    boolean _ = hashes.add(hash(path));
  }

  boolean contains(EntryPath path) {
    return hashes.contains(hash(path));
  }

  private long hash(EntryPath path) {
    String octets = path.octets();
    long hash = seed;
    for (int i = 0; i < octets.length(); i++) {
      hash = (hash ^ octets.charAt(i)) * 0x9E3779B97F4A7C15L;
      hash ^= hash >>> 32;
    }
    return hash;
  }
}
