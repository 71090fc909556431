package io.hybridbackup.common.archive;

import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What of a part's index has to be read for some paths.
 *
 * @param entries those of the paths, in the order of the archive; empty if all of the index has to
 *     be read
 * @param indexMembers those that tell of these entries, of what hard links among them share, and of
 *     the members that hold their content; null if all of the index has to be read
 */
record Excerpt(List<ArchiveEntry> entries, @Nullable BitSet indexMembers) {
  /** All of the index. */
  static final Excerpt WHOLE = new Excerpt(List.of(), null);

  boolean isWhole() {
    return indexMembers == null;
  }
}
