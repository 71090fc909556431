package io.hybridbackup.common.archive;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Which files of a tree are one file under several names. The names are found in a first walk and
 * asked for in a second one of the same order. A file that has only one of its names in the tree
 * costs eight to sixteen bytes, as a whole tree may be linked with one elsewhere.
 */
final class HardLinks {
  private final Inodes seen = new Inodes();
  private final Map<Identity, Group> groups = new HashMap<>();

  private record Identity(long device, long inode) {
    static Identity of(FileStatus status) {
      return new Identity(status.device(), status.inode());
    }
  }

  private static final class Group {
    private final List<Path> others = new ArrayList<>();
    private boolean asked;
  }

  /** Tells of a file with several links, in the first walk; true if it had not been found yet. */
  boolean found(FileStatus status, Path path) {
    boolean first = seen.add(status);
    if (!first) {
      groups.computeIfAbsent(Identity.of(status), file -> new Group()).others.add(path);
    }
    return first;
  }

  /** Whether the file has several names in the tree. */
  boolean isGrouped(FileStatus status) {
    return status.links() > 1 && groups.containsKey(Identity.of(status));
  }

  /** Whether this is the first question about the file, so that it is to be written now. */
  boolean first(FileStatus status) {
    Group group = groups.get(Identity.of(status));
    if (group == null) {
      return true;
    }
    boolean first = !group.asked;
    group.asked = true;
    return first;
  }

  /** The names of the file other than the first, in the order of the walk. */
  List<Path> others(FileStatus status) {
    Group group = groups.get(Identity.of(status));
    return group == null ? List.of() : group.others;
  }
}
