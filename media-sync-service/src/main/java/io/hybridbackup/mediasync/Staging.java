package io.hybridbackup.mediasync;

import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.ComponentFailure;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;

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
   * Opens the staging folder, making it if need be, for this process alone.
   *
   * @throws ComponentFailure if another process has it, or it cannot be made
   */
  static Staging open(Path folder) throws ComponentFailure {
    try {
      Files.createDirectories(folder);
      // The copy holds what others may not read; modes below are the source's own.
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));
      Files.createDirectories(folder.resolve("tree"));
      FileChannel lock =
          FileChannel.open(
              folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      if (isLocked(lock)) {
        return new Staging(folder, lock);
      }
      lock.close();
    } catch (IOException e) {
      throw ComponentFailure.permanent(
          FailureCode.MEDIA_PERMISSION,
          "the staging folder "
              + folder
              + " cannot be made or opened ("
              + e
              + "); let this service write there, or name another data-directory",
          e);
    }
    throw ComponentFailure.passing(
        FailureCode.BUSY, "another process works in the staging folder " + folder, null);
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
