package io.hybridbackup.common.archive;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Finds what has become of the paths of an earlier part in a tree that nobody writes to. */
final class EarlierPaths {
  private final Path root;
  private final EntryPath rawRoot;

  /** The folder that was last seen to be real, as no link may lead to what is found. */
  private @Nullable Path real;

  /**
   * @param root absolute
   */
  EarlierPaths(Path root) {
    this.root = root;
    this.rawRoot = EntryPath.of(root);
  }

  /** Where the entry's path is in the tree; only for paths that were found. */
  Path path(ArchiveEntry entry) {
    String below = entry.path().octets().substring(MediaPart.ROOT.octets().length());
    return new EntryPath(rawRoot.octets() + below).toPath();
  }

  /** What lies at the entry's path now, if anything does. */
  Optional<FileStatus> find(ArchiveEntry entry) throws IOException {
    List<String> segments = Arrays.asList(entry.path().octets().split("/", -1));
    if (segments.size() < 2
        || !segments.getFirst().equals(MediaPart.ROOT.octets())
        || segments.stream().anyMatch(name -> name.isEmpty() || name.matches("\\.\\.?"))) {
      return Optional.empty();
    }
    Path path = path(entry);
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
