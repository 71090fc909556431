package io.hybridbackup.mediasync;

import io.hybridbackup.common.archive.EntryPath;
import io.hybridbackup.common.archive.FileStatus;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.process.ToolCommand;
import io.hybridbackup.common.process.ToolException;
import io.hybridbackup.common.runtime.Filesystem;
import io.hybridbackup.common.runtime.Mounts;
import io.hybridbackup.common.settings.Settings;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The folder where a source's media are staged: {@code tree/} is a persistent copy, or each {@code
 * pass-…/} a tree of links; {@code prepared} names the attempt that it has been prepared for.
 *
 * <p>Two locks guard it. The worker holds {@code lock}, even while its process is frozen, and
 * starts rsync only as long as it does. Each rsync holds {@code rsync.lock}, even when the worker
 * is gone. They are two files because network filesystems make one kind of lock of both.
 */
final class Staging implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Staging.class);

  /**
   * The folders that workers of this process hold. The kernel drops a process's locks on a file as
   * soon as it closes the file anywhere, so nobody here may even open it a second time.
   */
  private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

  private static final Pattern PASS = Pattern.compile("pass-(\\d{6})(\\.incomplete)?");

  private final Path folder;
  private final Settings.Media media;
  private final FileChannel lock;

  private Staging(Path folder, Settings.Media media, FileChannel lock) {
    this.folder = folder;
    this.media = media;
    this.lock = lock;
  }

  /**
   * Opens the staging folder, making it if need be, for this worker alone; empty as long as another
   * has it.
   *
   * @param media what is to be staged
   * @throws ComponentFailure if it cannot be made
   */
  static Optional<Staging> tryOpen(Path folder, Settings.Media media) throws ComponentFailure {
    try {
      Files.createDirectories(folder);
      // The copy holds what others may not read; modes below are the source's own.
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));
      if (media.staging() == Settings.Staging.COPY) {
        Files.createDirectories(folder.resolve("tree"));
      }
      return tryLock(folder, media);
    } catch (IOException e) {
      if (isFull(e)) {
        throw full(media.location(), String.valueOf(e.getMessage()), e);
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

  static ComponentFailure full(Path media, String said, @Nullable Exception cause) {
    return ComponentFailure.permanent(
        FailureCode.DISK_FULL,
        "there is no room to stage "
            + media
            + "; free some, or name a data-directory on a larger disk: "
            + said,
        cause);
  }

  private static Optional<Staging> tryLock(Path folder, Settings.Media media) throws IOException {
    if (!HELD.add(folder)) {
      return Optional.empty();
    }
    FileChannel lock = null;
    boolean locked = false;
    try {
      lock = FileChannel.open(lock(folder), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      locked = lock.tryLock() != null;
      return locked ? Optional.of(new Staging(folder, media, lock)) : Optional.empty();
    } finally {
      if (!locked) {
        release(folder, lock);
      }
    }
  }

  private static void release(Path folder, @Nullable FileChannel lock) throws IOException {
    try {
      if (lock != null) {
        lock.close();
      }
    } finally {
      HELD.remove(folder);
    }
  }

  /** Held by the worker that has the folder. */
  static Path lock(Path folder) {
    return folder.resolve("lock");
  }

  /** Held by the rsync that writes to the tree. */
  Path rsyncLock() {
    return folder.resolve("rsync.lock");
  }

  /** Somebody did not let a lock go in time. */
  static ComponentFailure busy(Path lock) {
    String holder = holder(lock).map(pid -> "process " + pid).orElse("another process");
    return ComponentFailure.passing(
        FailureCode.BUSY,
        holder
            + " holds "
            + lock
            + " and has not let go of it in time; see whether it is frozen or hangs on a disk, and"
            + " end it, children too",
        null);
  }

  /** The process that took a lock, if the kernel tells. */
  static Optional<String> holder(Path lock) {
    try {
      String inode = ":" + Files.getAttribute(lock, "unix:ino");
      return Files.readAllLines(Path.of("/proc/locks")).stream()
          .map(line -> line.split(" +", -1))
          .filter(fields -> fields.length > 5 && fields[5].endsWith(inode))
          .map(fields -> fields[4])
          .findFirst();
    } catch (IOException e) {
      LOG.debug("cannot find out who holds {}", lock, e);
      return Optional.empty();
    }
  }

  Path folder() {
    return folder;
  }

  /** Where the copy is, if files are copied. */
  Path copy() {
    return folder.resolve("tree");
  }

  /** What the copy had and the pass after the snapshot has taken the place of. */
  Path replaced() {
    return folder.resolve("replaced");
  }

  /**
   * Makes {@link #temporary()} anew, with nothing in it.
   *
   * @return when, by the clock of the filesystem
   */
  Instant newTemporary() throws IOException {
    removeTemporary();
    return FileStatus.of(Files.createDirectory(temporary())).changed();
  }

  void removeTemporary() throws IOException {
    if (Files.exists(temporary())) {
      OwnFolders.remove(temporary());
    }
  }

  /** Where rsync writes a file of the copy until it is whole. */
  Path temporary() {
    return folder.resolve("temporary");
  }

  /** Files of the copy that are in doubt, also if another worker has found that out. */
  List<EntryPath> doubts() throws IOException {
    if (!Files.exists(doubtsFile())) {
      return List.of();
    }
    String paths = Files.readString(doubtsFile(), StandardCharsets.ISO_8859_1);
    return Stream.of(paths.split("\0")).map(EntryPath::new).toList();
  }

  void keepDoubts(List<EntryPath> doubts) throws IOException {
    if (doubts.isEmpty()) {
      Files.deleteIfExists(doubtsFile());
      return;
    }
    Path whole = folder.resolve("doubts.new");
    Files.writeString(
        whole,
        doubts.stream().map(EntryPath::octets).collect(Collectors.joining("\0")),
        StandardCharsets.ISO_8859_1);
    Files.move(whole, doubtsFile(), StandardCopyOption.ATOMIC_MOVE);
  }

  private Path doubtsFile() {
    return folder.resolve("doubts");
  }

  /** Names files of the copy to rsync. */
  Path list() {
    return folder.resolve("list");
  }

  void removeReplaced() throws IOException {
    if (Files.exists(replaced())) {
      OwnFolders.remove(replaced());
    }
  }

  /** There if links were last made to something; a copy that is kept speaks for itself. */
  Path filled() {
    return folder.resolve("filled");
  }

  void markFilled() throws IOException {
    if (!Files.exists(filled())) {
      Files.createFile(filled());
    }
  }

  /** What tells that the source had something in it at the last backup, if it had. */
  Optional<Path> evidence() throws IOException {
    if (Files.exists(filled())) {
      return Optional.of(filled());
    }
    return Files.exists(copy()) && !isEmpty(copy()) ? Optional.of(copy()) : Optional.empty();
  }

  /** A new, empty folder for a pass that makes links. */
  Path newPass() throws IOException {
    List<Path> all = new ArrayList<>(passes());
    all.addAll(incomplete());
    int highest = all.stream().mapToInt(Staging::number).max().orElse(0);
    return Files.createDirectory(folder.resolve("pass-%06d.incomplete".formatted(highest + 1)));
  }

  /** Lets a pass count. */
  Path completed(Path pass) throws IOException {
    return Files.move(pass, folder.resolve("pass-%06d".formatted(number(pass))));
  }

  /** The completed passes that made links, the oldest first. */
  List<Path> passes() throws IOException {
    return passes(true);
  }

  /** Those that were broken off. */
  List<Path> incomplete() throws IOException {
    return passes(false);
  }

  private List<Path> passes(boolean complete) throws IOException {
    return OwnFolders.children(folder).stream()
        .filter(path -> {
          Matcher name = PASS.matcher(path.getFileName().toString());
          return name.matches() && (name.group(2) == null) == complete;
        })
        .sorted()
        .toList();
  }

  /** Removes all of them; what is linked there has other names. */
  void removePasses() throws IOException {
    unprepare();
    for (Path pass : passes()) {
      OwnFolders.remove(pass);
    }
    for (Path pass : incomplete()) {
      OwnFolders.remove(pass);
    }
  }

  private static int number(Path pass) {
    Matcher name = PASS.matcher(pass.getFileName().toString());
    if (!name.matches()) {
      throw new IllegalArgumentException(pass.toString());
    }
    return Integer.parseInt(name.group(1));
  }

  /**
   * Compares what is free with what will be taken.
   *
   * @throws ComponentFailure if there is not enough
   */
  void requireRoom(long bytes, long inodes, NativeTools tools)
      throws ComponentFailure, IOException, InterruptedException {
    Filesystem disk = Filesystem.of(folder, tools);
    long freeBytes = disk.freeBytes();
    long freeInodes = disk.inodes().map(Filesystem.Inodes::free).orElse(inodes);
    if (bytes > freeBytes || inodes > freeInodes) {
      throw full(
          media.location(),
          "it takes %d bytes and %d inodes, and %s has %d and %d free"
              .formatted(bytes, inodes, folder, freeBytes, freeInodes),
          null);
    }
  }

  /**
   * Whether a copy may lack room, so that it is worth to look through the source. It does not where
   * more is free than is in use on the source's filesystem, if the source is on one alone, which
   * does not compress; but for sparse files, which take their whole length in a copy.
   */
  boolean mayLackRoom(NativeTools tools) throws IOException, InterruptedException {
    Filesystem source = Filesystem.of(media.location(), tools);
    Filesystem disk = Filesystem.of(folder, tools);
    Optional<Filesystem.Inodes> sources = source.inodes();
    Optional<Filesystem.Inodes> ours = disk.inodes();
    boolean fits =
        source.storesPlainly()
            && source.usedBytes() < disk.freeBytes()
            && sources.isPresent()
            && (ours.isEmpty() || sources.get().used() < ours.get().free())
            && Mounts.anyBelow(media.location().toRealPath()).isEmpty();
    return !fits;
  }

  /**
   * Compares what is free with what the copy will take beyond what it takes now. What rsync needs
   * on the way comes on top, so what is refused cannot have succeeded.
   *
   * @param whole what the copy will be
   * @throws ComponentFailure if there is not enough
   */
  void requireRoomForCopy(Rsync.Size whole, NativeTools tools)
      throws ComponentFailure, IOException, InterruptedException {
    Filesystem disk = Filesystem.of(folder, tools);
    long bytes = disk.storesPlainly() ? whole.bytes() : 0;
    long inodes = whole.inodes();
    if (bytes > disk.freeBytes()) {
      bytes -= taken("--block-size=1", tools).orElse(bytes);
    }
    if (inodes > disk.inodes().map(Filesystem.Inodes::free).orElse(inodes)) {
      // One of those is the tree itself, which is no part of the whole.
      inodes -= taken("--inodes", tools).orElse(inodes + 1) - 1;
    }
    requireRoom(bytes, inodes, tools);
  }

  /** What the copy takes now, in the unit of that option, if it can be found out. */
  private OptionalLong taken(String option, NativeTools tools) throws InterruptedException {
    try {
      String said = tools.run(ToolCommand.of("du", "--summarize", option, "--", copy().toString()));
      return OptionalLong.of(Long.parseLong(said.split("\t", 2)[0]));
    } catch (ToolException e) {
      LOG.debug("cannot find out what {} takes", copy(), e);
      return OptionalLong.empty();
    }
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

  /** From here on what is staged may change in any way. */
  void unprepare() throws IOException {
    Files.deleteIfExists(folder.resolve("prepared"));
  }

  void prepared(RunId run, int attempt) throws IOException {
    Files.writeString(folder.resolve("prepared"), label(run, attempt));
  }

  private String label(RunId run, int attempt) {
    return run + " " + attempt + " " + media.staging() + "\n";
  }

  @Override
  public void close() throws IOException {
    release(folder, lock);
  }
}
