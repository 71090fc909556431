package io.hybridbackup.common.manifest;

import io.hybridbackup.common.archive.EscapedPath;
import java.util.List;

/**
 * The paths that became something else after the last pass before the snapshot: a folder a file, a
 * file a symbolic link, and so on. The archive has what they are now, and not what they were then,
 * nor what was below them.
 *
 * @param count how many there are, at least one; what was below them does not count
 * @param paths the first of them, {@link #NAMED} at most; each {@link EscapedPath#brief brief}
 */
public record KindChanges(long count, List<String> paths) {
  /** How many paths are named. */
  public static final int NAMED = 100;

  public KindChanges {
    paths = List.copyOf(paths);
  }
}
