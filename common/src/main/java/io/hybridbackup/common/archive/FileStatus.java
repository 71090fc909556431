package io.hybridbackup.common.archive;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;

/**
 * What lstat(2) says of a file.
 *
 * @param modified when its content last changed, or what somebody has set instead
 * @param changed when anything of it last changed, which nobody can set
 */
public record FileStatus(
    int fullMode,
    long uid,
    long gid,
    long links,
    long device,
    long inode,
    long deviceNumber,
    long size,
    Instant modified,
    Instant changed) {
  private static final int TYPE = 0170000;

  /** The kernel's clock for files moves in steps of at most 10 ms. */
  private static final Duration TICK = Duration.ofMillis(20);

  /** Of filesystems that keep whole seconds, or every other of them. */
  private static final Duration COARSE_TICK = Duration.ofSeconds(2);

  /** Values of the type bits of a mode. */
  static final int FIFO = 0010000;

  static final int CHARACTER_DEVICE = 0020000;
  public static final int FOLDER = 0040000;
  static final int BLOCK_DEVICE = 0060000;
  public static final int FILE = 0100000;
  static final int SYMLINK = 0120000;
  static final int SOCKET = 0140000;

  public static FileStatus of(Path path) throws IOException {
    Map<String, Object> found =
        Files.readAttributes(
            path,
            "unix:mode,uid,gid,nlink,dev,ino,rdev,size,lastModifiedTime,ctime",
            LinkOption.NOFOLLOW_LINKS);
    return new FileStatus(
        (int) number(found, "mode"),
        Integer.toUnsignedLong((int) number(found, "uid")),
        Integer.toUnsignedLong((int) number(found, "gid")),
        number(found, "nlink"),
        number(found, "dev"),
        number(found, "ino"),
        number(found, "rdev"),
        number(found, "size"),
        time(found, "lastModifiedTime"),
        time(found, "ctime"));
  }

  private static long number(Map<String, Object> found, String name) {
    if (found.get(name) instanceof Number number) {
      return number.longValue();
    }
    throw new IllegalStateException("the platform does not tell a file's " + name);
  }

  private static Instant time(Map<String, Object> found, String name) {
    if (found.get(name) instanceof FileTime time) {
      return time.toInstant();
    }
    throw new IllegalStateException("the platform does not tell a file's " + name);
  }

  /** One of the constants above. */
  public int type() {
    return fullMode & TYPE;
  }

  int permissions() {
    return fullMode & 07777;
  }

  /** Whether a file's content may have changed between the two looks. */
  public boolean changedSince(FileStatus earlier) {
    return size != earlier.size
        || !modified.equals(earlier.modified)
        || !changed.equals(earlier.changed)
        || inode != earlier.inode
        || type() != earlier.type();
  }

  /** Whether anything of the file may have changed at that time or later. */
  public boolean mayHaveChangedSince(Instant time) {
    boolean coarse = changed.equals(changed.truncatedTo(ChronoUnit.SECONDS));
    return !changed.isBefore(time.minus(coarse ? COARSE_TICK : TICK));
  }
}
