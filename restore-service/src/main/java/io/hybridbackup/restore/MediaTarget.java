package io.hybridbackup.restore;

import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.process.NativeTools;
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
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The folder that files are restored to. */
final class MediaTarget {
  /** For what nobody but this service is to look into. */
  static final FileAttribute<Set<PosixFilePermission>> PRIVATE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  private static final Path SELF = Path.of("/proc/self");

  private final Path folder;

  MediaTarget(Path folder) {
    this.folder = folder;
  }

  /** How the folder's content is to be exchanged for what that run brings. */
  Exchange.Folders plan(RunId run) throws IOException {
    Path real = real(folder.toAbsolutePath().normalize());
    boolean existed = Files.exists(real);
    boolean within = existed && isPlaceOfItsOwn(real);
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
      throw away(earlier);
    }
  }

  /**
   * Makes sure that the disk is there on which a restore has left something.
   *
   * @param restored what that restore has exchanged
   * @param left what it has left; null if nothing but the target folder
   * @throws ComponentFailure if neither that nor the target folder can be seen, which may pass
   */
  static void requireInSight(Exchange.Folders restored, @Nullable String left)
      throws ComponentFailure, IOException {
    if (left == null || !Files.exists(Path.of(left))) {
      Path folder = Path.of(restored.folder());
      if (!Files.exists(folder) || (restored.within() && !isPlaceOfItsOwn(folder))) {
        throw away(restored);
      }
    }
  }

  private static ComponentFailure away(Exchange.Folders folders) {
    return ComponentFailure.passing(
        FailureCode.MEDIA_MISSING,
        "the target folder "
            + folders.folder()
            + " is not what it was when the restore began: mount its disk where this service runs",
        null);
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

  /**
   * Makes sure that no other disk would go away with what is there, and come back over what comes
   * in.
   *
   * @throws ComponentFailure if one is mounted in the target
   */
  static void requireOneDisk(Exchange.Folders plan) throws ComponentFailure, IOException {
    Optional<Path> mounted = Mounts.anyBelow(Path.of(plan.folder()));
    if (mounted.isPresent()) {
      throw ComponentFailure.permanent(
          FailureCode.TARGET_IN_USE,
          "something is mounted at %s, within the target folder %s, and would go away with what the restore replaces; unmount it, restore the two folders one by one, or restore in place (--in-place)"
              .formatted(mounted.get(), plan.folder()),
          null);
    }
  }

  /**
   * Makes sure that what is in the target can be moved out of it, entry by entry, where that is how
   * it is exchanged. Only a folder's owner sets its times, and whoever moves a folder elsewhere
   * writes in it.
   *
   * @throws ComponentFailure if not
   */
  static void requireMovable(Exchange.Folders plan) throws ComponentFailure, IOException {
    Path target = Path.of(plan.folder());
    if (!plan.within() || NativeTools.isRoot()) {
      return;
    }
    if (!Files.getAttribute(target, "unix:uid").equals(Files.getAttribute(SELF, "unix:uid"))) {
      throw ComponentFailure.permanent(
          FailureCode.MEDIA_PERMISSION,
          "the files are exchanged within the target folder %s, which belongs to somebody else; run the restore service as its owner or as root, or let it write in %s"
              .formatted(target, parent(target)),
          null);
    }
    try (DirectoryStream<Path> folders =
        Files.newDirectoryStream(
            target,
            entry -> Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS) && !Gate.isOwn(entry))) {
      for (Path moved : folders) {
        if (!Files.isWritable(moved)) {
          throw ComponentFailure.permanent(
              FailureCode.MEDIA_PERMISSION,
              "the folder %s cannot be moved out of the target folder; let the restore service write in it, or run that as root"
                  .formatted(moved),
              null);
        }
      }
    }
  }

  /** Whether nothing can be exchanged for the folder itself. */
  private static boolean isPlaceOfItsOwn(Path real) throws IOException {
    return Mounts.isAt(real) || isOnADiskOfItsOwn(real) || !Files.isWritable(parent(real));
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
