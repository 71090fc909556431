package io.hybridbackup.mediasync;

import io.hybridbackup.common.archive.EntryPath;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.ProgressReporter;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.process.NativeTools;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Hard links to the source's files themselves, for as long as a backup takes.
 *
 * <p>Each pass goes into a new, empty folder, and no later one does anything there: rsync sets
 * modes and times of what it finds in place, and here that would be the source's. Of a link nothing
 * but its name is ever changed.
 */
final class LinkedTree implements StagedTree {
  /** The type bits of a mode, and two of their values. */
  private static final int TYPE = 0170000;

  private static final int FOLDER = 0040000;
  private static final int FILE = 0100000;

  /** What a folder takes at least. */
  private static final int FOLDER_BYTES = 4096;

  /** Both the passes before and after the snapshot are there at once. */
  private static final int PASSES = 2;

  private final Staging staging;
  private final Rsync rsync;
  private final NativeTools tools;
  private final Path source;

  LinkedTree(Staging staging, Rsync rsync, NativeTools tools, Path source) {
    this.staging = staging;
    this.rsync = rsync;
    this.tools = tools;
    this.source = source;
  }

  @Override
  public void begin(Work work) throws ComponentFailure, IOException, InterruptedException {
    rsync.awaitOthers(staging, work);
    if (Files.exists(staging.copy())) {
      if (!Staging.isEmpty(staging.copy())) {
        staging.markFilled();
      }
      OwnFolders.remove(staging.copy());
    }
    staging.removeReplaced();
    staging.removeTemporary();
    end();
    requireLinks();
    Path empty = staging.newPass();
    long folders = rsync.sizeOfCopy(empty, work).folders();
    Files.delete(empty);
    staging.requireRoom(PASSES * folders * FOLDER_BYTES, PASSES * folders, tools);
  }

  @Override
  public void mirror(Work work, ProgressReporter progress)
      throws ComponentFailure, IOException, InterruptedException {
    List<Path> earlier = staging.passes();
    Path newest = pass(work, progress);
    requireLinked(newest, source);
    for (Path pass : earlier) {
      OwnFolders.remove(pass);
    }
    if (Staging.isEmpty(newest)) {
      Files.deleteIfExists(staging.filled());
    } else {
      staging.markFilled();
    }
  }

  @Override
  public SortedSet<Path> update(Work work, ProgressReporter progress)
      throws ComponentFailure, IOException, InterruptedException {
    List<Path> earlier = staging.passes();
    Path newest = pass(work, progress);
    SortedSet<Path> changed = new TreeSet<>();
    for (Path pass : earlier.reversed()) {
      changed.addAll(OwnFolders.kindChanges(pass, newest));
      OwnFolders.merge(pass, newest);
    }
    return changed;
  }

  private Path pass(Work work, ProgressReporter progress)
      throws ComponentFailure, IOException, InterruptedException {
    Path folder = staging.newPass();
    rsync.run(List.of("--link-dest=" + source + "/"), staging, folder, work, progress);
    return staging.completed(folder);
  }

  /** Packing reads the files themselves, and tells of those that change meanwhile. */
  @Override
  public void settle(Work work, ProgressReporter progress) {}

  @Override
  public List<EntryPath> unsettled() {
    return List.of();
  }

  @Override
  public Path root() throws IOException {
    return staging.passes().getLast();
  }

  @Override
  public void end() throws IOException {
    staging.removePasses();
  }

  /** Finds a file that can be linked, if there are files at all. */
  private void requireLinks() throws ComponentFailure, IOException {
    if (!Files.getAttribute(source, "unix:dev")
        .equals(Files.getAttribute(staging.folder(), "unix:dev"))) {
      throw cannotLink(source, "they are on different filesystems", null);
    }
    @Nullable IOException[] failed = {null};
    Path[] file = {source};
    Files.walkFileTree(
        source,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path found, BasicFileAttributes attributes) {
            if (!attributes.isRegularFile()) {
              return FileVisitResult.CONTINUE;
            }
            failed[0] = failure(found);
            file[0] = found;
            return failed[0] == null ? FileVisitResult.TERMINATE : FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path found, IOException e) {
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException e) {
            return FileVisitResult.CONTINUE;
          }
        });
    if (failed[0] != null) {
      throw cannotLink(file[0], String.valueOf(failed[0].getMessage()), failed[0]);
    }
  }

  /**
   * Where rsync cannot link it copies, and says nothing. So it may where a file was written to at
   * that very moment, but not where the kernel forbids it.
   */
  private void requireLinked(Path staged, Path original) throws ComponentFailure, IOException {
    for (Path path : OwnFolders.children(staged)) {
      Path itsOriginal = original.resolve(path.getFileName());
      Map<String, Object> status = status(path);
      if (isType(status, FOLDER)) {
        requireLinked(path, itsOriginal);
      } else if (isType(status, FILE) && Integer.valueOf(1).equals(status.get("nlink"))) {
        IOException failed = failure(itsOriginal);
        if (failed != null) {
          throw cannotLink(itsOriginal, String.valueOf(failed.getMessage()), failed);
        }
      }
    }
  }

  private static boolean isType(Map<String, Object> status, int type) {
    return status.get("mode") instanceof Integer mode && (mode & TYPE) == type;
  }

  private static Map<String, Object> status(Path path) throws IOException {
    return Files.readAttributes(path, "unix:mode,nlink", LinkOption.NOFOLLOW_LINKS);
  }

  /** Why a file that is still there cannot be linked; null if it can. */
  private @Nullable IOException failure(Path file) {
    Path link = staging.folder().resolve("link");
    try {
      Files.deleteIfExists(link);
      if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
        Files.createLink(link, file);
        Files.delete(link);
      }
      return null;
    } catch (NoSuchFileException e) {
      return null;
    } catch (IOException e) {
      return e;
    }
  }

  private ComponentFailure cannotLink(Path file, String reason, @Nullable Exception cause) {
    return ComponentFailure.permanent(
        FailureCode.MEDIA_PERMISSION,
        file
            + " cannot be linked into the staging folder "
            + staging.folder()
            + ": "
            + reason
            + "; put data-directory on the filesystem and mount of "
            + source
            + ", let this service run as root or as the files' owner, or write staging: copy",
        cause);
  }
}
