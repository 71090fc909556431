package io.hybridbackup.common.archive;

import java.security.MessageDigest;
import java.util.Arrays;

/**
 * The records of a lookup on their way into it. Eight bytes a path, as there may be millions. For
 * one thread.
 */
final class LookupRecords {
  static final int RECORD_BYTES = Long.BYTES;
  private static final int NUMBER_BITS = 24;
  private static final int NUMBER_MASK = (1 << NUMBER_BITS) - 1;

  private final MessageDigest digest = Sha256.digest();

  /** With their first bit turned over, so that they sort as numbers without sign. */
  private long[] records = new long[1024];

  private int size;

  /** The first five bytes of the SHA-256 of a path's bytes. */
  static long hash(EntryPath path) {
    return hash(Sha256.digest(), path);
  }

  private static long hash(MessageDigest digest, EntryPath path) {
    byte[] sha256 = digest.digest(path.bytes());
    long hash = 0;
    for (int i = 0; i < Long.BYTES - NUMBER_BITS / Byte.SIZE; i++) {
      hash = hash << Byte.SIZE | (sha256[i] & 0xff);
    }
    return hash;
  }

  static long hash(long record) {
    return record >>> NUMBER_BITS;
  }

  static String hex(long hash) {
    return "%010x".formatted(hash);
  }

  /** The index member that a record tells. */
  static int number(long record) {
    return (int) record & NUMBER_MASK;
  }

  void add(EntryPath path, int number) {
    if (size == records.length) {
      records = Arrays.copyOf(records, 2 * size);
    }
    records[size++] = (hash(digest, path) << NUMBER_BITS | number) ^ Long.MIN_VALUE;
  }

  void sort() {
    Arrays.sort(records, 0, size);
  }

  int size() {
    return size;
  }

  /** One of those that have been sorted. */
  long get(int at) {
    return records[at] ^ Long.MIN_VALUE;
  }
}
