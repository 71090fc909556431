package io.hybridbackup.common.archive;

import io.hybridbackup.common.natives.Descriptor;
import io.hybridbackup.common.runtime.Mounts;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A folder that is held open: paths through it lead into that very folder, whatever others who may
 * change the folders above rename or put a symbolic link in the place of. Without that, a service
 * that runs as root could be led anywhere by the user whose files it restores.
 *
 * <p>Linux only; without {@code /proc} every method that opens one throws an {@link IOException}.
 */
public final class HeldFolder implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(HeldFolder.class);
  private static final Path SELF = Path.of("/proc/self");
  private static final Pattern HELD = Pattern.compile("/proc/\\d+/fd/\\d+");

  /** The mode's bits by which others than the owner may write. */
  private static final int WRITABLE_BY_OTHERS = 022;

  private final Path name;
  private final Descriptor descriptor;

  /** With the number of this process, so that it leads there in programs that it starts as well. */
  private final Path path;

  private HeldFolder(Path name, Descriptor descriptor, Path self) {
    this.name = name;
    this.descriptor = descriptor;
    this.path = self.resolve("fd").resolve(Integer.toString(descriptor.number()));
  }

  /**
   * Holds a folder.
   *
   * @param folder absolute and without symbolic links
   * @throws IOException also if there is a symbolic link on the way to it
   */
  public static HeldFolder open(Path folder) throws IOException {
    return open(folder, false);
  }

  /** As {@link #open(Path)}, but what is missing of it is made. */
  public static HeldFolder make(Path folder) throws IOException {
    return open(folder, true);
  }

  private static HeldFolder open(Path folder, boolean making) throws IOException {
    Path root = Objects.requireNonNull(folder.getRoot(), "an absolute path is wanted");
    HeldFolder held = hold(root, root);
    for (Path segment : folder) {
      try (HeldFolder parent = held) {
        Path path = parent.path.resolve(segment);
        if (making && !Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
          Files.createDirectory(path);
        }
        held = parent.child(segment);
      }
    }
    return held;
  }

  /**
   * Holds a folder that lies in this one.
   *
   * @param child its name
   * @throws IOException also if a symbolic link is there
   */
  public HeldFolder child(Path child) throws IOException {
    return hold(path.resolve(child), name.resolve(child));
  }

  /**
   * As {@link #child}, but for a folder that this service has made for itself alone.
   *
   * @throws IOException also if it is another's, or others may change what is in it
   */
  public HeldFolder ownChild(Path child) throws IOException {
    HeldFolder held = child(child);
    boolean own = false;
    try {
      own = held.isOwn();
    } finally {
      if (!own) {
        held.close();
      }
    }
    if (!own) {
      throw new IOException(
          held.name
              + " is another user's, or others may write in it, so it is not what this service has"
              + " made there: find out who put it there and move it away; where the filesystem"
              + " gives all files to one user, run this service as that user");
    }
    return held;
  }

  private static HeldFolder hold(Path path, Path name) throws IOException {
    Path self = SELF.toRealPath();
    BasicFileAttributes named =
        Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    // The slash mounts what is mounted on demand.
    byte[] place = new EntryPath(EntryPath.of(path).octets() + "/").bytes();
    HeldFolder held =
        new HeldFolder(name, Descriptor.open(place, name.toString(), Descriptor.Use.PLACE), self);
    boolean same = false;
    try {
      // Whatever link has led elsewhere meanwhile, nothing else is the same file.
      same =
          named.isDirectory()
              && Objects.equals(
                  named.fileKey(),
                  Files.readAttributes(held.path, BasicFileAttributes.class).fileKey());
    } finally {
      if (!same) {
        held.close();
      }
    }
    if (!same) {
      throw new IOException(
          name
              + " is not a folder, or is not the one that it was a moment ago: find out who puts"
              + " symbolic links there, and move them away");
    }
    return held;
  }

  private boolean isOwn() throws IOException {
    int mode = (Integer) Files.getAttribute(path, "unix:mode");
    return Files.getAttribute(path, "unix:uid").equals(Files.getAttribute(SELF, "unix:uid"))
        && (mode & WRITABLE_BY_OTHERS) == 0;
  }

  /** A path that leads to it as long as it is held, here and in programs that are started. */
  public Path path() {
    return path;
  }

  /** A message with paths as people know them; to be asked as long as the folders are held. */
  public static String named(String message) {
    return HELD.matcher(message)
        .replaceAll(held -> Matcher.quoteReplacement(named(Path.of(held.group())).toString()));
  }

  private static Path named(Path held) {
    try {
      return Files.readSymbolicLink(held);
    } catch (IOException e) {
      LOG.debug("cannot find out what {} is", held, e);
      return held;
    }
  }

  /**
   * Deletes something that lies in this folder, with all that is in it, whatever its owner does
   * meanwhile; what is not there is deleted already.
   *
   * @param child its name
   * @throws IOException also if another disk is mounted in it; then nothing is deleted
   */
  public void delete(Path child) throws IOException {
    Optional<Path> mounted = Mounts.anyBelow(name.resolve(child));
    if (mounted.isPresent()) {
      throw new IOException(
          "something is mounted at "
              + mounted.get()
              + ", within what is to be deleted; unmount it");
    }
    deleteTree(child);
  }

  private void deleteTree(Path child) throws IOException {
    Path entry = path.resolve(child);
    if (Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)) {
      try (HeldFolder folder = child(child)) {
        // A restored folder may be read-only even for its owner.
        Files.setAttribute(folder.path, "unix:mode", 0700);
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder.path)) {
          for (Path inside : entries) {
            folder.deleteTree(Objects.requireNonNull(inside.getFileName()));
          }
        } catch (DirectoryIteratorException e) {
          throw e.getCause();
        }
      }
    }
    Files.deleteIfExists(entry);
  }

  @Override
  public void close() throws IOException {
    descriptor.close();
  }
}
