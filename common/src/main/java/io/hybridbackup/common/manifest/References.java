package io.hybridbackup.common.manifest;

import io.hybridbackup.common.archive.EscapedPath;
import java.util.List;

/**
 * What became of the paths that the database's rows refer to, as its {@code media-references} list
 * them in the snapshot.
 *
 * @param referenced how many there are; one that two rows name counts twice
 * @param missing how many of them are not in the archive
 * @param paths the first of those that are missing, {@link #NAMED} at most; the index of the media
 *     part lists all; each {@link EscapedPath#brief brief}
 */
public record References(long referenced, long missing, List<String> paths) {
  /** How many missing paths are named. */
  public static final int NAMED = 100;

  public References {
    paths = List.copyOf(paths);
  }
}
