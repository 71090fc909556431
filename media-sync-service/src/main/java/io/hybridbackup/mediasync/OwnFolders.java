package io.hybridbackup.mediasync;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Trees whose folders are this service's own, while all else in them may be links to what belongs
 * to others: of that only names are made and removed.
 */
final class OwnFolders {
  private static final String MODE = "unix:mode";
  private static final int OWNER_ALL = 0700;

  /** The bits of a mode that tell a file from a folder, a symbolic link and so on. */
  private static final int KIND = 0170000;

  /** Of a folder without folders, on a filesystem that counts these. */
  private static final Integer LINKS_OF_A_LEAF = 2;

  private OwnFolders() {}

  /**
   * Moves what only the earlier tree has into the newer one, whose folders keep their times and
   * modes. What is a folder in only one of them stays behind. It can be repeated.
   */
  static void merge(Path earlier, Path newer) throws IOException {
    FileTime time = Files.getLastModifiedTime(newer);
    int mode = open(newer);
    int _ = open(earlier);
    for (Path path : children(earlier)) {
      Path place = newer.resolve(path.getFileName());
      if (!Files.exists(place, LinkOption.NOFOLLOW_LINKS)) {
        move(path, place);
      } else if (isFolder(path) && isFolder(place)) {
        merge(path, place);
      }
    }
    Files.setLastModifiedTime(newer, time);
    Files.setAttribute(newer, MODE, mode);
  }

  /** Makes the folders that are empty in a tree in another one as well. */
  static void makeEmptyFoldersOf(Path tree, Path other) throws IOException {
    List<Path> children = children(tree);
    if (children.isEmpty()) {
      Path _ = Files.createDirectories(other);
    } else if (!LINKS_OF_A_LEAF.equals(Files.getAttribute(tree, "unix:nlink"))) {
      for (Path child : children) {
        if (isFolder(child)) {
          makeEmptyFoldersOf(child, other.resolve(child.getFileName()));
        }
      }
    }
  }

  /** The paths, relative to the trees, that are of another kind in the newer one. */
  static SortedSet<Path> kindChanges(Path earlier, Path newer) throws IOException {
    SortedSet<Path> changed = new TreeSet<>();
    collectKindChanges(earlier, newer, Path.of(""), changed);
    return changed;
  }

  private static void collectKindChanges(Path earlier, Path newer, Path below, Set<Path> changed)
      throws IOException {
    int _ = open(earlier);
    for (Path path : children(earlier)) {
      Path place = newer.resolve(path.getFileName());
      Path name = below.resolve(path.getFileName());
      if (!Files.exists(place, LinkOption.NOFOLLOW_LINKS)) {
        continue;
      }
      if (kind(path) != kind(place)) {
        changed.add(name);
      } else if (isFolder(path)) {
        collectKindChanges(path, place, name, changed);
      }
    }
  }

  private static int kind(Path path) throws IOException {
    return (Integer) Files.getAttribute(path, MODE, LinkOption.NOFOLLOW_LINKS) & KIND;
  }

  private static void move(Path from, Path to) throws IOException {
    if (isFolder(from)) {
      int mode = open(from);
      Files.move(from, to);
      Files.setAttribute(to, MODE, mode);
    } else {
      Files.move(from, to);
    }
  }

  /** Removes a tree. */
  static void remove(Path tree) throws IOException {
    int _ = open(tree);
    for (Path path : children(tree)) {
      if (isFolder(path)) {
        remove(path);
      } else {
        Files.delete(path);
      }
    }
    Files.delete(tree);
  }

  /** Lets this service change a folder; gives what its mode was. */
  private static int open(Path folder) throws IOException {
    int mode = ((Integer) Files.getAttribute(folder, MODE)) & 07777;
    if ((mode & OWNER_ALL) != OWNER_ALL) {
      Files.setAttribute(folder, MODE, mode | OWNER_ALL);
    }
    return mode;
  }

  private static boolean isFolder(Path path) {
    return Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS);
  }

  static List<Path> children(Path folder) throws IOException {
    List<Path> children = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder)) {
      stream.forEach(children::add);
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    return children;
  }
}
