package io.hybridbackup.common.archive;

import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Finds paths in a part's index by its lookup. What the lookup does not lead to is for the whole
 * index to tell, so that a lookup that is wrong takes time and hides nothing.
 */
final class PathSearch {
  private final LookupReader lookup;
  private final Index index;
  private final Map<EntryPath, Found> found = new HashMap<>();

  /** Tells of members of the index, in their order. */
  @FunctionalInterface
  interface Index {
    void tell(BitSet members, IndexListener listener) throws IOException;
  }

  /**
   * @param first the first member of the index that has to be read for it
   * @param last the one that has its line
   */
  private record Found(ArchiveEntry entry, int first, int last) {}

  private PathSearch(LookupReader lookup, Index index) {
    this.lookup = lookup;
    this.index = index;
  }

  /**
   * @throws ArchiveCorruptException if what is read of the lookup or the index is damaged
   */
  static Excerpt find(Set<EntryPath> paths, LookupReader lookup, Index index) throws IOException {
    if (!lookup.isWorthwhile(paths.size())) {
      return Excerpt.WHOLE;
    }
    PathSearch search = new PathSearch(lookup, index);
    search.locate(paths);
    search.locate(search.targets());
    return search.excerpt(paths);
  }

  private Set<EntryPath> targets() {
    Set<EntryPath> targets = new HashSet<>();
    for (Found one : found.values()) {
      EntryPath target = one.entry().target();
      if (one.entry().type() == ArchiveEntry.Type.HARDLINK && target != null) {
        targets.add(target);
      }
    }
    targets.removeAll(found.keySet());
    return targets;
  }

  private void locate(Set<EntryPath> paths) throws IOException {
    BitSet candidates = new BitSet();
    for (EntryPath path : paths) {
      lookup.addCandidates(path, candidates);
    }
    index.tell(
        candidates,
        new IndexListener() {
          private int number;

          @Override
          public void indexMember(int begun, long next) {
            number = begun;
          }

          @Override
          public void member(IndexLine.Span member) {}

          @Override
          public void entry(ArchiveEntry entry) {
            if (paths.contains(entry.path())) {
              found.put(entry.path(), new Found(entry, firstOf(entry, number), number));
            }
          }
        });
  }

  /** The lines of the members that hold its content come before an entry's. */
  private int firstOf(ArchiveEntry entry, int last) {
    return entry.content() == null
        ? last
        : Math.min(lookup.tellingOf(entry.content().member()), last);
  }

  private Excerpt excerpt(Set<EntryPath> paths) {
    List<ArchiveEntry> entries = new ArrayList<>();
    BitSet indexMembers = new BitSet();
    for (EntryPath path : paths) {
      Found one = found.get(path);
      // What a hard link shares is told before it, with other names of the same between them.
      Found shared =
          one != null && one.entry().type() == ArchiveEntry.Type.HARDLINK
              ? found.get(one.entry().target())
              : one;
      if (one == null || shared == null) {
        return Excerpt.WHOLE;
      }
      entries.add(one.entry());
      indexMembers.set(Math.min(shared.first(), one.last()), one.last() + 1);
    }
    entries.sort(
        Comparator.comparingLong((ArchiveEntry entry) -> entry.header().member())
            .thenComparingInt(entry -> entry.header().offset()));
    return new Excerpt(entries, indexMembers);
  }
}
