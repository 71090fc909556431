package io.hybridbackup.mediasync;

import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.ComponentFailure;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;

/**
 * The persistent copy of a source's media, held under a lock: {@code tree/} is the copy, {@code
 * prepared} names the attempt that it has been prepared for.
 */
final class Staging implements AutoCloseable {
  private final Path folder;
  private final FileChannel lock;

  private Staging(Path folder, FileChannel lock) {
    this.folder = folder;
    this.lock = lock;
  }

  /**
   * Opens the staging folder, making it if need be, for this worker alone; empty as long as another
   * has it.
   *
   * @param media what is to be staged
   * @throws ComponentFailure if it cannot be made
   */
  static Optional<Staging> tryOpen(Path folder, Path media) throws ComponentFailure {
    try {
      Files.createDirectories(folder);
      // The copy holds what others may not read; modes below are the source's own.
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));
      Files.createDirectories(folder.resolve("tree"));
      FileChannel lock =
          FileChannel.open(
              folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      if (isLocked(lock)) {
        return Optional.of(new Staging(folder, lock));
      }
      lock.close();
      return Optional.empty();
    } catch (IOException e) {
      if (isFull(e)) {
        throw full(media, String.valueOf(e.getMessage()), e);
      }
      throw ComponentFailure.permanent(
          FailureCode.MEDIA_PERMISSION,
          "the staging folder "
              + folder
              + " cannot be made or opened ("
              + e
              + "); let this service write there, or name another data-directory",
          e);
    }
  }

  static boolean isFull(Exception e) {
    String said = String.valueOf(e.getMessage());
    return said.contains("No space left on device") || said.contains("Disk quota exceeded");
  }

  static ComponentFailure full(Path media, String said, Exception cause) {
    return ComponentFailure.permanent(
        FailureCode.DISK_FULL,
        "there is no room for the staging copy of "
            + media
            + "; free some, or name a data-directory on a larger disk: "
            + said,
        cause);
  }

  private static boolean isLocked(FileChannel lock) throws IOException {
    try {
      return lock.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      return false;
    }
  }

  Path tree() {
    return folder.resolve("tree");
  }

  /** Whether nothing has been staged. */
  boolean isEmpty() throws IOException {
    return isEmpty(tree());
  }

  static boolean isEmpty(Path folder) throws IOException {
    try (DirectoryStream<Path> children = Files.newDirectoryStream(folder)) {
      return !children.iterator().hasNext();
    }
  }

  /** Whether the passes before the snapshot have been made here for that attempt. */
  boolean isPreparedFor(RunId run, int attempt) throws IOException {
    Path file = folder.resolve("prepared");
    return Files.exists(file) && Files.readString(file).equals(label(run, attempt));
  }

  /** From here on the copy may change in any way. */
  void unprepare() throws IOException {
    Files.deleteIfExists(folder.resolve("prepared"));
  }

  void prepared(RunId run, int attempt) throws IOException {
    Files.writeString(folder.resolve("prepared"), label(run, attempt));
  }

  private static String label(RunId run, int attempt) {
    return run + " " + attempt + "\n";
  }

  @Override
  public void close() throws IOException {
    lock.close();
  }
}
