package io.hybridbackup.restore;

import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.process.ToolCommand;
import io.hybridbackup.common.process.ToolException;
import io.hybridbackup.common.process.ToolProcess;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileStore;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The folder that files are restored to, and the scratch folders beside it. */
final class MediaTarget {
  private final Path folder;
  private final NativeTools tools;
  private final String rsync;

  MediaTarget(Path folder, NativeTools tools, String rsync) {
    this.folder = folder;
    this.tools = tools;
    this.rsync = rsync;
  }

  boolean exists() {
    return Files.exists(folder, LinkOption.NOFOLLOW_LINKS);
  }

  /**
   * Makes sure that nothing would be overwritten.
   *
   * @throws ComponentFailure if there is something there
   */
  void requireEmpty() throws ComponentFailure, IOException {
    if (!exists()) {
      return;
    }
    if (!Files.isDirectory(folder)) {
      throw ComponentFailure.permanent(
          FailureCode.TARGET_NOT_EMPTY,
          "the target " + folder + " is not a folder; move it away",
          null);
    }
    if (!isEmpty(folder)) {
      throw ComponentFailure.permanent(
          FailureCode.TARGET_NOT_EMPTY,
          "the target folder "
              + folder
              + " is not empty, and nothing is restored over existing files; move them away or"
              + " name another target",
          null);
    }
  }

  /**
   * Makes sure that there is room for the files twice: verified beside the target, and in it.
   *
   * @throws ComponentFailure if there is not
   */
  void requireRoom(long bytes) throws ComponentFailure, IOException {
    FileStore beside = Files.getFileStore(existing(parent()));
    FileStore within = Files.getFileStore(existing(folder.toAbsolutePath()));
    if (!Files.isWritable(existing(parent()))) {
      throw ComponentFailure.permanent(
          FailureCode.MEDIA_PERMISSION,
          "files are verified beside the target folder before they go in; let this service write"
              + " in "
              + existing(parent()),
          null);
    }
    boolean same = beside.equals(within);
    requireFree(existing(parent()), beside.getUsableSpace(), same ? 2 * bytes : bytes);
    requireFree(folder, within.getUsableSpace(), same ? 2 * bytes : bytes);
  }

  private static void requireFree(Path place, long free, long needed) throws ComponentFailure {
    if (free < needed) {
      throw ComponentFailure.permanent(
          FailureCode.DISK_FULL,
          "%s has %,d bytes free, and the restore needs %,d there for a while; free some"
              .formatted(place, free, needed),
          null);
    }
  }

  private static Path existing(Path path) {
    Path existing = path;
    while (!Files.exists(existing)) {
      existing = Objects.requireNonNull(existing.getParent());
    }
    return existing;
  }

  /** A new, empty folder beside the target, which belongs to one epoch of one restore. */
  Path makeScratch(RunId run, int epoch) throws IOException {
    Files.createDirectories(parent());
    return Files.createDirectory(
        parent().resolve(scratchPrefix(run) + epoch),
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
  }

  /** Removes every scratch folder of a restore. */
  void removeScratch(RunId run) throws IOException {
    if (!Files.isDirectory(parent())) {
      return;
    }
    try (DirectoryStream<Path> found =
        Files.newDirectoryStream(
            parent(),
            path ->
                Objects.requireNonNull(path.getFileName())
                    .toString()
                    .startsWith(scratchPrefix(run)))) {
      for (Path scratch : found) {
        delete(scratch);
      }
    }
  }

  /**
   * Has rsync put a verified folder into the target, which must be empty: nothing is ever deleted
   * there, since an rsync that was frozen and thawed may find its source gone.
   */
  void fill(Path verified, Work work) throws ComponentFailure, InterruptedException {
    ToolCommand command =
        ToolCommand.of(rsync, "-aHAX", "--numeric-ids", "--", verified + "/", folder + "/");
    try (ToolProcess process = tools.start(command)) {
      work.own(process);
      try {
        process.awaitLines(line -> {});
      } finally {
        work.disown(process);
      }
    } catch (ToolException e) {
      boolean full = e.errors().contains("No space left on device");
      throw ComponentFailure.permanent(
          full ? FailureCode.DISK_FULL : FailureCode.TOOL_FAILED,
          e.getMessage() + " (target folder " + folder + ")",
          e);
    }
  }

  /** What the folder itself is like; empty if it is not there. */
  Optional<Folder> look() throws IOException {
    if (!exists()) {
      return Optional.empty();
    }
    return Optional.of(
        new Folder(attribute("unix:mode") & 07777, attribute("unix:uid"), attribute("unix:gid")));
  }

  private int attribute(String name) throws IOException {
    return (int) Objects.requireNonNull(Files.getAttribute(folder, name));
  }

  /**
   * A folder, without what is in it.
   *
   * @param mode its permissions
   */
  record Folder(int mode, int uid, int gid) {}

  /** Makes the target what it was before: empty, or not there. */
  void empty(Optional<Folder> before, Work work) throws IOException {
    if (!exists()) {
      return;
    }
    // What was restored there may be read-only even for its owner.
    Files.setAttribute(folder, "unix:mode", 0700);
    try (DirectoryStream<Path> children = Files.newDirectoryStream(folder)) {
      for (Path child : children) {
        // Another epoch may be filling the folder by now.
        work.checkpoint();
        delete(child);
      }
    }
    if (before.isEmpty()) {
      Files.delete(folder);
      return;
    }
    Folder was = before.get();
    if (attribute("unix:uid") != was.uid() || attribute("unix:gid") != was.gid()) {
      Files.setAttribute(folder, "unix:uid", was.uid());
      Files.setAttribute(folder, "unix:gid", was.gid());
    }
    Files.setAttribute(folder, "unix:mode", was.mode());
  }

  private Path parent() {
    return Objects.requireNonNull(folder.toAbsolutePath().getParent());
  }

  private String scratchPrefix(RunId run) {
    return "." + folder.getFileName() + ".restore-" + run + "-";
  }

  private static boolean isEmpty(Path folder) throws IOException {
    try (DirectoryStream<Path> children = Files.newDirectoryStream(folder)) {
      return !children.iterator().hasNext();
    }
  }

  private static void delete(Path tree) throws IOException {
    Files.walkFileTree(
        tree,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path path, BasicFileAttributes attributes)
              throws IOException {
            // A restored folder may be read-only even for its owner.
            Files.setAttribute(path, "unix:mode", 0700);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path path, BasicFileAttributes attributes)
              throws IOException {
            Files.delete(path);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path path, @Nullable IOException failure)
              throws IOException {
            if (failure != null) {
              throw failure;
            }
            Files.delete(path);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
