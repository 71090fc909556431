package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Which entries of an archive are meant. Remembers what has been found; for one thread. */
public final class Selection {
  private final List<PathPattern> patterns;
  private final Set<PathPattern> unmatched;

  private Selection(List<PathPattern> patterns) {
    this.patterns = patterns;
    this.unmatched = new LinkedHashSet<>(patterns);
  }

  /**
   * What matches any of the patterns; everything if there are none.
   *
   * @param patterns as {@link PathPattern} has them
   * @throws IllegalArgumentException if one of them is none; the message says why
   */
  public static Selection of(List<String> patterns) {
    return new Selection(patterns.stream().map(PathPattern::parse).toList());
  }

  boolean contains(EntryPath path) {
    boolean contains = patterns.isEmpty();
    for (PathPattern pattern : patterns) {
      if (pattern.matches(path)) {
        contains = true;
        unmatched.remove(pattern);
      }
    }
    return contains;
  }

  /** What is meant of the media, if that is only paths and all below these; else empty. */
  Optional<Set<EntryPath>> mediaPaths() {
    Set<EntryPath> paths = new HashSet<>();
    for (PathPattern pattern : patterns) {
      if (pattern.mayMatchBelow(MediaPart.ROOT)) {
        Optional<EntryPath> path = pattern.path();
        if (path.isEmpty()) {
          return Optional.empty();
        }
        paths.add(path.get());
      }
    }
    return patterns.isEmpty() ? Optional.empty() : Optional.of(paths);
  }

  /** Whether it is worth while to look into a part. */
  boolean mayContain(Component part) {
    List<EntryPath> roots =
        part == Component.DATABASE
            ? List.of(DatabasePart.PATH, DatabasePart.GLOBALS)
            : List.of(MediaPart.ROOT);
    return patterns.isEmpty()
        || patterns.stream().anyMatch(one -> roots.stream().anyMatch(one::mayMatchBelow));
  }

  /** The patterns that nothing has matched so far, as they were typed. */
  public List<String> unmatched() {
    return unmatched.stream().map(PathPattern::toString).toList();
  }
}
