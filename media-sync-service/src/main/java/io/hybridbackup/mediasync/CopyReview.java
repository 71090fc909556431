package io.hybridbackup.mediasync;

import io.hybridbackup.common.archive.EntryPath;
import io.hybridbackup.common.archive.FileStatus;
import io.hybridbackup.common.archive.TreePaths;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds in a copy what a pass of rsync may have left wrong without a word: files that were written
 * to while it read them, and files that are one in the copy and several in the source.
 *
 * <p>rsync never parts two names of the copy that seem up to date, and each pass would give both of
 * them the modes and owners of one.
 */
final class CopyReview {
  private final Path copy;
  private final TreePaths copies;
  private final TreePaths sources;

  /**
   * @param source absolute
   */
  CopyReview(Path source, Path copy) {
    this.copy = copy;
    this.copies = new TreePaths(copy);
    this.sources = new TreePaths(source);
  }

  private record Identity(long device, long inode) {
    static Identity of(FileStatus status) {
      return new Identity(status.device(), status.inode());
    }
  }

  /** Of which files in the source each file of the copy with several names is one. */
  private static final class Links {
    private final Map<Long, Identity> first = new HashMap<>();
    private final Set<Long> mixed = new HashSet<>();

    void add(FileStatus staged, FileStatus original) {
      if (staged.links() == 1) {
        return;
      }
      Identity identity = Identity.of(original);
      Identity known = first.putIfAbsent(staged.inode(), identity);
      if (known != null && !known.equals(identity)) {
        mixed.add(staged.inode());
      }
    }
  }

  @FunctionalInterface
  private interface Visitor {
    void file(EntryPath path, FileStatus staged) throws IOException;
  }

  /**
   * The files of the copy that are to be copied again after a pass over all of it.
   *
   * @param begun when the pass did, by the clock of the copy's filesystem
   * @param earlier those that have been in doubt since an earlier pass
   * @return relative to the copy
   */
  List<EntryPath> doubtful(Instant begun, List<EntryPath> earlier) throws IOException {
    Set<EntryPath> doubtful = new LinkedHashSet<>();
    for (EntryPath path : earlier) {
      // What the pass has copied anew is looked at below.
      if (copies
          .find(path)
          .filter(staged -> staged.type() == FileStatus.FILE && !staged.mayHaveChangedSince(begun))
          .isPresent()) {
        doubtful.add(path);
      }
    }
    Links links = new Links();
    visit(
        copy,
        null,
        (path, staged) -> {
          if (staged.links() == 1 && !staged.mayHaveChangedSince(begun)) {
            return;
          }
          Optional<FileStatus> source = source(path);
          if (source.isPresent()) {
            links.add(staged, source.get());
            if (staged.mayHaveChangedSince(begun) && isOther(source.get(), staged, begun)) {
              doubtful.add(path);
            }
          }
        });
    if (!links.mixed.isEmpty()) {
      visit(
          copy,
          null,
          (path, staged) -> {
            if (links.mixed.contains(staged.inode()) && source(path).isPresent()) {
              doubtful.add(path);
            }
          });
    }
    return List.copyOf(doubtful);
  }

  /** Whether a file that was copied since then may have been written to meanwhile. */
  private static boolean isOther(FileStatus source, FileStatus staged, Instant begun) {
    return source.size() != staged.size()
        || !source.modified().equals(staged.modified())
        || source.mayHaveChangedSince(begun);
  }

  /** What those paths are in the source now, if they are files there. */
  Map<EntryPath, FileStatus> sources(List<EntryPath> paths) throws IOException {
    Map<EntryPath, FileStatus> found = new LinkedHashMap<>();
    for (EntryPath path : paths) {
      Optional<FileStatus> source = source(path);
      if (source.isPresent()) {
        found.put(path, source.get());
      }
    }
    return found;
  }

  /**
   * Which of the files are still in doubt when they have been copied again.
   *
   * @param before what they were in the source before that
   */
  List<EntryPath> doubtful(List<EntryPath> paths, Map<EntryPath, FileStatus> before)
      throws IOException {
    List<EntryPath> doubtful = new ArrayList<>();
    Map<EntryPath, Long> inodes = new HashMap<>();
    Links links = new Links();
    for (EntryPath path : paths) {
      Optional<FileStatus> source = source(path);
      FileStatus earlier = before.get(path);
      if (earlier == null || source.isEmpty() || source.get().changedSince(earlier)) {
        doubtful.add(path);
      } else {
        Optional<FileStatus> staged = copies.find(path);
        if (staged.isPresent()) {
          links.add(staged.get(), source.get());
          inodes.put(path, staged.get().inode());
        }
      }
    }
    inodes.forEach((path, inode) -> {
      if (links.mixed.contains(inode)) {
        doubtful.add(path);
      }
    });
    return doubtful;
  }

  private Optional<FileStatus> source(EntryPath path) throws IOException {
    return sources.find(path).filter(status -> status.type() == FileStatus.FILE);
  }

  private static void visit(Path folder, @Nullable EntryPath below, Visitor visitor)
      throws IOException {
    for (Path child : OwnFolders.children(folder)) {
      EntryPath name = EntryPath.of(child.getFileName());
      EntryPath path = below == null ? name : below.resolve(name);
      FileStatus status = FileStatus.of(child);
      if (status.type() == FileStatus.FOLDER) {
        visit(child, path, visitor);
      } else if (status.type() == FileStatus.FILE) {
        visitor.file(path, status);
      }
    }
  }
}
