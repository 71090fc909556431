package io.hybridbackup.common.archive;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads the index of an earlier part group by group: entries whose headers share a member, together
 * with that member and all members up to the next group's. A group holds whole entries and nothing
 * of any other, and is forgotten when it has been handled.
 */
final class EarlierEntries implements IndexListener {
  /** What becomes of groups. */
  @FunctionalInterface
  interface Handler {
    void group(Group group) throws IOException;
  }

  /**
   * @param entries in their order; at least one
   * @param members where their members are
   * @param first number of the first member
   * @param end number of the first member of the next group
   */
  record Group(List<ArchiveEntry> entries, KnownMembers members, long first, long end) {}

  private final KnownMembers members;
  private final Handler handler;
  private List<ArchiveEntry> entries = new ArrayList<>();

  private EarlierEntries(KnownMembers members, Handler handler) {
    this.members = members;
    this.handler = handler;
  }

  /**
   * Reads all groups, without the last one of a part whose writer was killed.
   *
   * @param members are filled on the way
   * @throws ArchiveCorruptException if the index is damaged; groups before that have been handled
   */
  static void read(PartReader part, KnownMembers members, Handler handler) throws IOException {
    EarlierEntries reading = new EarlierEntries(members, handler);
    part.index(reading);
    // What a killed writer has left may hold the beginning of entries that it did not get to index.
    if (part.isWhole()) {
      reading.endGroup(members.size());
    }
  }

  @Override
  public void member(IndexLine.Span span) {
    members.add(span);
  }

  @Override
  public void entry(ArchiveEntry entry) throws IOException {
    long member = entry.header().member();
    if (!entries.isEmpty() && entries.getFirst().header().member() != member) {
      endGroup(member);
    }
    entries.add(entry);
  }

  private void endGroup(long end) throws IOException {
    if (!entries.isEmpty()) {
      Group group =
          new Group(
              entries,
              members,
              entries.getFirst().header().member(),
              Math.min(end, members.size()));
      entries = new ArrayList<>();
      handler.group(group);
    }
  }
}
