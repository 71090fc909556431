package io.hybridbackup.common.archive;

import io.hybridbackup.common.store.Slice;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The members of an earlier part, found by their number or by the SHA-256 of their content. About
 * 72 bytes a member, as there may be millions. Several threads may use it.
 */
final class KnownMembers {
  private final StoredBytes content;
  private final MemberList members = new MemberList();

  /** The number of a member and one, or 0: open addressing, at most half full. */
  private int[] slots = new int[1024];

  /**
   * @param content where the members lie
   */
  KnownMembers(StoredBytes content) {
    this.content = content;
  }

  /** The member behind all that were added before. */
  synchronized void add(IndexLine.Span member) {
    if (2 * (members.size() + 1) > slots.length) {
      slots = new int[2 * slots.length];
      for (int number = 0; number < members.size(); number++) {
        enter(number);
      }
    }
    members.add(member, 0);
    enter(members.size() - 1);
  }

  private void enter(int number) {
    int slot = slot(members.beginning(number));
    while (slots[slot] != 0) {
      slot = (slot + 1) & (slots.length - 1);
    }
    slots[slot] = number + 1;
  }

  private int slot(long beginning) {
    return (int) beginning & (slots.length - 1);
  }

  /** How many have been added. */
  synchronized int size() {
    return members.size();
  }

  /** The member of this number, from 0. */
  synchronized Member.Reused get(int number) {
    List<Slice> slices = content.range(members.offset(number), members.length(number));
    if (slices.size() != 1) {
      throw new IllegalStateException("member " + number + " lies in several objects");
    }
    return new Member.Reused(
        slices.getFirst(),
        members.plain(number),
        members.sha256(number),
        members.crc64nvme(number));
  }

  /** A member with this content, if there is one. */
  synchronized Optional<Member.Reused> find(String sha256) {
    int first = slot(MemberList.beginning(sha256));
    for (int slot = first; slots[slot] != 0; slot = (slot + 1) & (slots.length - 1)) {
      int number = slots[slot] - 1;
      if (members.isOf(number, sha256)) {
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
}
