package io.hybridbackup.common.archive;

import io.hybridbackup.common.store.Crc64Nvme;
import io.hybridbackup.common.store.Slice;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The members of an earlier part, found by their number or by the SHA-256 of their content. About
 * 64 bytes a member, as there may be millions. Several threads may use it.
 */
final class KnownMembers {
  private static final int PAGE = 4096;
  private static final int FIELDS = 7;
  private static final int HASH = 3;
  private static final int HASH_FIELDS = 4;

  private final StoredBytes content;

  /** Offset, length and length of the content in one, CRC64NVME, and the four words of the hash. */
  private final List<long[]> pages = new ArrayList<>();

  /** The number of a member and one, or 0: open addressing, at most half full. */
  private int[] slots = new int[1024];

  private int size;

  /**
   * @param content where the members lie
   */
  KnownMembers(StoredBytes content) {
    this.content = content;
  }

  /** The member behind all that were added before. */
  synchronized void add(IndexLine.Span member) {
    if (2 * (size + 1) > slots.length) {
      slots = new int[2 * slots.length];
      for (int number = 0; number < size; number++) {
        enter(number);
      }
    }
    if (size % PAGE == 0) {
      pages.add(new long[PAGE * FIELDS]);
    }
    long[] page = pages.getLast();
    int at = size % PAGE * FIELDS;
    page[at] = member.offset();
    page[at + 1] = (long) member.length() << 32 | member.plain();
    page[at + 2] = Crc64Nvme.parse(member.crc64nvme());
    for (int word = 0; word < HASH_FIELDS; word++) {
      page[at + HASH + word] = word(member.sha256(), word);
    }
    enter(size);
    size++;
  }

  private void enter(int number) {
    int slot = slot(field(number, HASH));
    while (slots[slot] != 0) {
      slot = (slot + 1) & (slots.length - 1);
    }
    slots[slot] = number + 1;
  }

  /** A word of a hash is as good as random. */
  private int slot(long word) {
    return (int) word & (slots.length - 1);
  }

  /** How many have been added. */
  synchronized int size() {
    return size;
  }

  /** The member of this number, from 0. */
  synchronized Member.Reused get(int number) {
    long lengths = field(number, 1);
    StringBuilder sha256 = new StringBuilder(64);
    for (int word = 0; word < HASH_FIELDS; word++) {
      sha256.append(HexFormat.of().toHexDigits(field(number, HASH + word)));
    }
    List<Slice> slices = content.range(field(number, 0), lengths >>> 32);
    if (slices.size() != 1) {
      throw new IllegalStateException("member " + number + " lies in several objects");
    }
    return new Member.Reused(slices.getFirst(), (int) lengths, sha256.toString(), field(number, 2));
  }

  /** A member with this content, if there is one. */
  synchronized Optional<Member.Reused> find(String sha256) {
    long first = word(sha256, 0);
    for (int slot = slot(first); slots[slot] != 0; slot = (slot + 1) & (slots.length - 1)) {
      int number = slots[slot] - 1;
      if (isOf(number, sha256)) {
        return Optional.of(get(number));
      }
    }
    return Optional.empty();
  }

  /** As {@link #find(String)}, in several parts; the first that has it is taken. */
  static Member.@Nullable Reused find(List<KnownMembers> parts, String sha256) {
    for (KnownMembers part : parts) {
      Optional<Member.Reused> found = part.find(sha256);
      if (found.isPresent()) {
        return found.get();
      }
    }
    return null;
  }

  private boolean isOf(int number, String sha256) {
    for (int word = 0; word < HASH_FIELDS; word++) {
      if (field(number, HASH + word) != word(sha256, word)) {
        return false;
      }
    }
    return true;
  }

  private long field(int number, int field) {
    return pages.get(number / PAGE)[number % PAGE * FIELDS + field];
  }

  private static long word(String sha256, int word) {
    return HexFormat.fromHexDigitsToLong(sha256, word * 16, word * 16 + 16);
  }
}
