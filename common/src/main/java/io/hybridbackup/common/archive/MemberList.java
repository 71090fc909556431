package io.hybridbackup.common.archive;

import io.hybridbackup.common.store.Crc64Nvme;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * What an index tells of members, in 64 bytes each and nothing more, as there may be millions. They
 * are numbered in the order in which they were added, from 0, and can be let go of in that order.
 */
final class MemberList {
  private static final int PAGE = 4096;
  private static final int FIELDS = 8;
  private static final int HASH = 3;
  private static final int HASH_FIELDS = 4;
  private static final int NOTE = HASH + HASH_FIELDS;

  /**
   * Offset, length and length of the content in one, CRC64NVME, the four words of the hash, and the
   * note.
   */
  private final List<long[]> pages = new ArrayList<>();

  private int added;
  private int removed;

  /**
   * @param note whatever else is to be kept of it
   */
  void add(IndexLine.Span member, long note) {
    add(
        member.offset(),
        member.length(),
        member.plain(),
        member.sha256(),
        Crc64Nvme.parse(member.crc64nvme()),
        note);
  }

  /** A member whose offset nobody will ask for. */
  void add(Member member) {
    add(0, member.length(), member.plainBytes(), member.sha256(), member.crc64nvme(), 0);
  }

  private void add(long offset, int length, int plain, String sha256, long crc64nvme, long note) {
    if (added % PAGE == 0) {
      pages.add(new long[PAGE * FIELDS]);
    }
    long[] page = pages.getLast();
    int at = added % PAGE * FIELDS;
    page[at] = offset;
    page[at + 1] = (long) length << 32 | plain;
    page[at + 2] = crc64nvme;
    for (int word = 0; word < HASH_FIELDS; word++) {
      page[at + HASH + word] = word(sha256, word);
    }
    page[at + NOTE] = note;
    added++;
  }

  /** How many have been added, and with that the number of the next. */
  int size() {
    return added;
  }

  /** The number of the first that has not been let go of; {@link #size} if there is none. */
  int first() {
    return removed;
  }

  void removeFirst() {
    removed++;
    if (removed % PAGE == 0) {
      pages.removeFirst();
    }
  }

  IndexLine.Span get(int number) {
    return new IndexLine.Span(
        offset(number),
        length(number),
        plain(number),
        sha256(number),
        Crc64Nvme.hex(crc64nvme(number)));
  }

  long offset(int number) {
    return field(number, 0);
  }

  int length(int number) {
    return (int) (field(number, 1) >>> 32);
  }

  int plain(int number) {
    return (int) field(number, 1);
  }

  long crc64nvme(int number) {
    return field(number, 2);
  }

  String sha256(int number) {
    StringBuilder sha256 = new StringBuilder(64);
    for (int word = 0; word < HASH_FIELDS; word++) {
      sha256.append(HexFormat.of().toHexDigits(field(number, HASH + word)));
    }
    return sha256.toString();
  }

  long note(int number) {
    return field(number, NOTE);
  }

  /** The beginning of the member's hash, which is as good as random. */
  long beginning(int number) {
    return field(number, HASH);
  }

  /** As {@link #beginning(int)}, of any hash. */
  static long beginning(String sha256) {
    return word(sha256, 0);
  }

  /** Whether the member has this hash. */
  boolean isOf(int number, String sha256) {
    for (int word = 0; word < HASH_FIELDS; word++) {
      if (field(number, HASH + word) != word(sha256, word)) {
        return false;
      }
    }
    return true;
  }

  private long field(int number, int field) {
    return pages.get(number / PAGE - removed / PAGE)[number % PAGE * FIELDS + field];
  }

  private static long word(String sha256, int word) {
    return HexFormat.fromHexDigitsToLong(sha256, word * 16, word * 16 + 16);
  }
}
