package io.hybridbackup.common.archive;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Finds paths in a tree, following no links but where folders are replaced by links at that very
 * moment. For one thread.
 */
public final class TreePaths {
  private final Path root;
  private final EntryPath rawRoot;

  /** The folder that was last seen to be real, as no link may lead to what is found. */
  private @Nullable Path real;

  /**
   * @param root absolute
   */
  public TreePaths(Path root) {
    this.root = root;
    this.rawRoot = EntryPath.of(root);
  }

  /** Where the entry's path is in the tree; only for paths that were found. */
  Path path(ArchiveEntry entry) {
    String below = entry.path().octets().substring(MediaPart.ROOT.octets().length());
    return new EntryPath(rawRoot.octets() + below).toPath();
  }

  /**
   * Whether there is a file, or what stands for one, that has a place in an archive: folders and
   * sockets do not count.
   *
   * @param path relative to the tree
   */
  public boolean has(EntryPath path) throws IOException {
    return find(path)
        .filter(status -> status.type() != FileStatus.SOCKET && status.type() != FileStatus.FOLDER)
        .isPresent();
  }

  /** What lies at the entry's path now, if anything does. */
  Optional<FileStatus> find(ArchiveEntry entry) throws IOException {
    String below = MediaPart.ROOT.octets() + "/";
    String octets = entry.path().octets();
    return octets.startsWith(below)
        ? find(new EntryPath(octets.substring(below.length())))
        : Optional.empty();
  }

  /**
   * What lies at a path, if anything does.
   *
   * @param below relative to the tree
   */
  public Optional<FileStatus> find(EntryPath below) throws IOException {
    for (String name : below.octets().split("/", -1)) {
      if (name.isEmpty() || name.equals(".") || name.equals("..") || name.indexOf(0) >= 0) {
        return Optional.empty();
      }
    }
    Path path = new EntryPath(rawRoot.octets() + "/" + below.octets()).toPath();
    Path parent = path.getParent();
    return parent != null && isReal(parent) ? status(path) : Optional.empty();
  }

  private boolean isReal(Path folder) throws IOException {
    if (folder.equals(root) || folder.equals(real)) {
      return true;
    }
    Path parent = folder.getParent();
    if (parent == null || !isReal(parent)) {
      return false;
    }
    Optional<FileStatus> status = status(folder);
    if (status.isEmpty() || status.get().type() != FileStatus.FOLDER) {
      return false;
    }
    real = folder;
    return true;
  }

  private static Optional<FileStatus> status(Path path) throws IOException {
    try {
      return Optional.of(FileStatus.of(path));
    } catch (FileSystemException e) {
      // Gone, or a file where a folder was; what can be seen is described again when it is packed.
      return Optional.empty();
    }
  }
}
