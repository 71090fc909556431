package io.hybridbackup.restore;

import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.runtime.Mounts;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.Set;

/** The folder that files are restored to. */
final class MediaTarget {
  /** For what nobody but this service is to look into. */
  static final FileAttribute<Set<PosixFilePermission>> PRIVATE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  private final Path folder;

  MediaTarget(Path folder) {
    this.folder = folder;
  }

  /** How the folder's content is to be exchanged for what that run brings. */
  Exchange.Folders plan(RunId run) throws IOException {
    Path real = real(folder.toAbsolutePath().normalize());
    boolean existed = Files.exists(real);
    boolean within =
        existed && (Mounts.isAt(real) || isOnADiskOfItsOwn(real) || !mayWriteBeside(real));
    return new Exchange.Folders(
        real.toString(), within, existed, kept(run, real, within), null, false);
  }

  /**
   * Makes sure that the target is still to be seen.
   *
   * @param earlier what an earlier epoch of the same restore has found
   * @param now what is there now
   * @throws ComponentFailure if not, which may pass
   */
  static void requireStillThere(Exchange.Folders earlier, Exchange.Folders now)
      throws ComponentFailure {
    if ((earlier.existed() && !now.existed()) || (earlier.within() && !now.within())) {
      throw ComponentFailure.passing(
          FailureCode.MEDIA_MISSING,
          "the target folder "
              + earlier.folder()
              + " is not what it was when the restore began: mount its disk where this service runs",
          null);
    }
  }

  /** The restores that have scratch folders beside it or in it. */
  Set<RunId> restores() throws IOException {
    return Gate.runs(real(folder.toAbsolutePath().normalize()));
  }

  /** How what an earlier restore has replaced comes back. */
  static Exchange.Folders planUndoing(RunId run, Exchange.Folders undone) {
    Path real = Path.of(undone.folder());
    return new Exchange.Folders(
        undone.folder(),
        undone.within(),
        Files.exists(real),
        kept(run, real, undone.within()),
        undone.existed() ? undone.keptAs() : null,
        !undone.existed());
  }

  private static String kept(RunId run, Path real, boolean within) {
    Path kept =
        within
            ? real.resolve(".before-" + run)
            : parent(real).resolve(real.getFileName() + "_before_" + run);
    return kept.toString();
  }

  /**
   * Makes sure that nothing would be replaced.
   *
   * @throws ComponentFailure if there is something there
   */
  void requireEmpty() throws ComponentFailure, IOException {
    if (Files.exists(folder, LinkOption.NOFOLLOW_LINKS)
        && (!Files.isDirectory(folder) || !isEmpty(folder))) {
      throw ComponentFailure.permanent(
          FailureCode.TARGET_NOT_EMPTY,
          "the target folder "
              + folder
              + " is not empty; ask for it to be replaced (--replace), move the files away or name"
              + " another target",
          null);
    }
  }

  /**
   * Makes sure that the folder can be exchanged.
   *
   * @return the folder, which exists, that what comes in is made in or below
   * @throws ComponentFailure if not
   */
  Path requireExchangeable(Exchange.Folders plan) throws ComponentFailure {
    Path target = Path.of(plan.folder());
    if (plan.existed() && !Files.isDirectory(target)) {
      throw ComponentFailure.permanent(
          FailureCode.TARGET_NOT_EMPTY,
          "the target " + folder + " is not a folder; move it away",
          null);
    }
    Path home = existing(plan.within() ? target : parent(target));
    if (!Files.isWritable(home) || (plan.existed() && !Files.isWritable(target))) {
      throw ComponentFailure.permanent(
          FailureCode.MEDIA_PERMISSION,
          "files are verified beside the target folder before they go in; let this service write in "
              + home
              + " and in "
              + target,
          null);
    }
    return home;
  }

  private static boolean mayWriteBeside(Path real) {
    return Files.isWritable(parent(real));
  }

  private static boolean isOnADiskOfItsOwn(Path real) throws IOException {
    return !Objects.equals(
        Files.getAttribute(real, "unix:dev"), Files.getAttribute(parent(real), "unix:dev"));
  }

  /** Without symbolic links, as far as the path exists. */
  private static Path real(Path path) throws IOException {
    if (Files.exists(path)) {
      return path.toRealPath();
    }
    Path parent = path.getParent();
    return parent == null ? path : real(parent).resolve(String.valueOf(path.getFileName()));
  }

  private static Path existing(Path path) {
    Path existing = path;
    while (!Files.exists(existing)) {
      existing = parent(existing);
    }
    return existing;
  }

  static Path parent(Path folder) {
    return Objects.requireNonNull(folder.getParent(), "the root folder is no target");
  }

  private static boolean isEmpty(Path folder) throws IOException {
    try (DirectoryStream<Path> children =
        Files.newDirectoryStream(folder, child -> !Gate.isOwn(child))) {
      return !children.iterator().hasNext();
    }
  }
}
