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
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The folder through which files go into a target and out of it, by renaming alone. It lies beside
 * the target or, where that is a mount point, in it.
 *
 * <p>Its name holds the epoch, and every renaming begins or ends in it. A later epoch renames the
 * gate itself before it does anything: whatever an earlier one that was frozen still tries then
 * finds no such path. What is in the gate tells how far the exchange has come:
 *
 * <ul>
 *   <li>{@code next}: nothing of it is in the target yet;
 *   <li>{@code incoming}: the target has been cleared, entry by entry, and is being filled;
 *   <li>{@code previous}: what was in the target.
 * </ul>
 */
final class Gate {
  private static final Logger LOG = LoggerFactory.getLogger(Gate.class);

  /** What an exchange within a folder leaves where it is: the service's own, and the disk's. */
  private static final String OWN = "\\.(restore|before)-[a-z2-7]{26}(-\\d+)?|lost\\+found";

  /** Not that of {@link #removeKept}, which holds what was the application's. */
  private static final String EPOCH = "[1-9]\\d{0,8}";

  private static final String NEXT = "next";
  private static final String INCOMING = "incoming";
  private static final String PREVIOUS = "previous";
  private static final String STRAY = "stray";

  /** What is in the target because it was overwritten in place. */
  private static final String OVERWRITTEN = "overwritten";

  /** Names within a target that rsync is to leave alone, as {@link #OWN} has them. */
  private static final List<String> LEFT_ALONE =
      List.of(
          "/.restore-" + "[a-z2-7]".repeat(26) + "-*",
          "/.before-" + "[a-z2-7]".repeat(26),
          "/lost+found");

  private static final Duration LOCK_POLL = Duration.ofMillis(500);
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  /** Empty folders that are like the target's own before and after. */
  private static final String ROOT_BEFORE = "root-before";

  private static final String ROOT_AFTER = "root-after";

  private final Exchange.Folders folders;
  private final Path target;
  private final Path path;
  private final NativeTools tools;
  private final String rsync;
  private final Consumer<String> steps;

  /**
   * @param steps is told of each step before it is taken
   */
  Gate(
      Exchange.Folders folders,
      RunId run,
      int epoch,
      NativeTools tools,
      String rsync,
      Consumer<String> steps) {
    this.folders = folders;
    this.target = Path.of(folders.folder());
    this.path = place(folders, run, epoch);
    this.tools = tools;
    this.rsync = rsync;
    this.steps = steps;
  }

  private static Path place(Exchange.Folders folders, RunId run, int epoch) {
    return home(folders).resolve(prefix(folders, run) + epoch);
  }

  /** The folder in which the gate lies. */
  private static Path home(Exchange.Folders folders) {
    Path target = Path.of(folders.folder());
    return folders.within() ? target : MediaTarget.parent(target);
  }

  private static String prefix(Exchange.Folders folders, RunId run) {
    String name = folders.within() ? "" : "." + Path.of(folders.folder()).getFileName();
    return name + ".restore-" + run + "-";
  }

  /** The name by which a folder within a target is none of the application's. */
  static boolean isOwn(Path entry) {
    return String.valueOf(entry.getFileName()).matches(OWN);
  }

  /** Makes the gate, empty. Belongs to one epoch of one restore. */
  void make() throws IOException {
    Files.createDirectories(home(folders));
    Path _ = Files.createDirectory(path, MediaTarget.PRIVATE);
  }

  /** Where what is to come in is put together. */
  Path next() {
    return path.resolve(NEXT);
  }

  /** Takes what an earlier restore has kept for what is to come in. */
  void takeNext(Path kept) throws IOException {
    Files.move(kept, next(), StandardCopyOption.ATOMIC_MOVE);
  }

  /** All that has been put together is on disk, and described for {@link #exchange}. */
  void seal() throws IOException, ComponentFailure, InterruptedException {
    if (folders.within()) {
      copyRoot(next(), path.resolve(ROOT_AFTER));
      copyRoot(target, path.resolve(ROOT_BEFORE));
    }
    sync();
  }

  /**
   * Makes the gate of an earlier epoch this one's.
   *
   * @param first the earliest epoch whose gate counts
   */
  void claim(RunId run, int first) throws IOException {
    int mine = epoch(folders, run, path);
    for (Path gate : gates(folders, run)) {
      int epoch = epoch(folders, run, gate);
      if (epoch >= first && epoch < mine) {
        steps.accept("claim the gate");
        Files.move(gate, path, StandardCopyOption.ATOMIC_MOVE);
      }
    }
  }

  /** Puts what is to come in into the target, from wherever an earlier try left off. */
  void exchange() throws IOException, ComponentFailure, InterruptedException {
    if (folders.within()) {
      exchangeEntries();
    } else if (exists(next())) {
      if (folders.existed() && !exists(path.resolve(PREVIOUS))) {
        steps.accept("move the folder out");
        Files.move(target, path.resolve(PREVIOUS), StandardCopyOption.ATOMIC_MOVE);
      }
      evictStray();
      steps.accept("move the folder in");
      Files.move(next(), target, StandardCopyOption.ATOMIC_MOVE);
    }
    steps.accept("sync");
    sync();
  }

  /** Whether all that is to come in is in the target. */
  boolean isExchanged() throws IOException {
    return exists(path)
        ? isNextIn() && (!exists(path.resolve(INCOMING)) || isEmpty(path.resolve(INCOMING)))
        : exists(target);
  }

  private boolean isNextIn() {
    boolean putBack = folders.nextFrom() != null && exists(Path.of(folders.nextFrom()));
    return !exists(next()) && !putBack;
  }

  /** Puts the target back as it was, from wherever the exchange has got to. */
  void revert() throws IOException, ComponentFailure, InterruptedException {
    if (folders.within()) {
      revertEntries();
      return;
    }
    if (!exists(path)) {
      return;
    }
    if (isNextIn()) {
      steps.accept("move the folder out again");
      Files.move(target, next(), StandardCopyOption.ATOMIC_MOVE);
    }
    if (exists(path.resolve(PREVIOUS))) {
      evictStray();
      steps.accept("move the folder back in");
      Files.move(path.resolve(PREVIOUS), target, StandardCopyOption.ATOMIC_MOVE);
    }
    sync();
    putNextBack();
  }

  /** Whether the target has been overwritten wholly. */
  boolean isOverwritten() {
    return !exists(next());
  }

  /**
   * Makes the target's content equal to what is to come in, where it is. Every file is compared by
   * its content, so that it can be done again.
   */
  void overwrite(Work work) throws IOException, ComponentFailure, InterruptedException {
    List<String> arguments =
        new ArrayList<>(List.of("-aHAX", "--numeric-ids", "--checksum", "--delete"));
    if (folders.within()) {
      LEFT_ALONE.forEach(name -> arguments.add("--exclude=" + name));
    }
    arguments.addAll(List.of("--", next() + "/", target + "/"));
    runAlone(ToolCommand.of(rsync).with(arguments), work);
    steps.accept("sync");
    sync();
    steps.accept("the target is overwritten");
    // At once, so that nobody takes for whole what is half removed.
    Files.move(next(), path.resolve(OVERWRITTEN), StandardCopyOption.ATOMIC_MOVE);
  }

  /** Waits until no rsync of an earlier epoch is at work in the target. */
  void awaitOthers(Work work) throws ComponentFailure, InterruptedException {
    if (exists(path)) {
      runAlone(ToolCommand.of(rsync, "--version"), work);
    }
  }

  /**
   * The lock lies in the gate and goes with it: what an earlier epoch starts late finds neither.
   * What it has started holds it until it ends.
   */
  private void runAlone(ToolCommand command, Work work)
      throws ComponentFailure, InterruptedException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!ranAlone(command, work)) {
      if (System.nanoTime() > end) {
        throw ComponentFailure.passing(
            FailureCode.TARGET_IN_USE,
            "another rsync is at work in "
                + target
                + " and does not end; see whether it is frozen or hangs on a disk, and end it",
            null);
      }
      Optional<Boolean> _ = work.await(Optional::empty, LOCK_POLL);
    }
  }

  /** False if it was not run because another program holds the lock. */
  private boolean ranAlone(ToolCommand command, Work work)
      throws ComponentFailure, InterruptedException {
    try (ToolProcess process = tools.startHolding(path.resolve("rsync.lock"), command)) {
      work.own(process);
      try {
        String _ = process.awaitLines(line -> {});
      } finally {
        work.disown(process);
      }
    } catch (ToolException e) {
      if (e.exitCode() == ToolException.LOCKED) {
        return false;
      }
      throw overwriteFailure(e);
    }
    return true;
  }

  private ComponentFailure overwriteFailure(ToolException e) {
    String said = e.getMessage() + " (target folder " + target + ")";
    if (said.contains("No space left on device") || said.contains("Disk quota exceeded")) {
      return ComponentFailure.permanent(FailureCode.DISK_FULL, said + "; free some", e);
    }
    if (said.contains("Permission denied") || said.contains("Operation not permitted")) {
      return ComponentFailure.permanent(
          FailureCode.MEDIA_PERMISSION, said + "; let this service change everything there", e);
    }
    return ComponentFailure.passing(FailureCode.TOOL_FAILED, said, e);
  }

  /** Keeps what was in the target under its name, and removes the gate. */
  void finish() throws IOException {
    if (!exists(path)) {
      return;
    }
    Path previous = path.resolve(PREVIOUS);
    if (exists(previous)) {
      steps.accept("keep the previous folder");
      Files.move(previous, Path.of(folders.keptAs()), StandardCopyOption.ATOMIC_MOVE);
    }
    Path stray = path.resolve(STRAY);
    if (exists(stray)) {
      Path kept = Path.of(folders.keptAs() + "_" + STRAY);
      Files.move(stray, kept, StandardCopyOption.ATOMIC_MOVE);
      LOG.atWarn()
          .addKeyValue("folder", kept)
          .log("something made a new folder while the target was exchanged; it is kept there");
    }
    steps.accept("remove the gate");
    Path like = path.resolve(ROOT_AFTER);
    FileTime modified = exists(like) ? Files.getLastModifiedTime(like) : null;
    MediaTarget.delete(path);
    if (modified != null) {
      Files.setLastModifiedTime(target, modified);
    }
  }

  /** What was taken from an earlier restore belongs to that again. */
  void putNextBack() throws IOException {
    if (folders.nextFrom() != null && exists(next())) {
      steps.accept("put back what was kept");
      Files.move(next(), Path.of(folders.nextFrom()), StandardCopyOption.ATOMIC_MOVE);
    }
  }

  /**
   * Removes the gates of a restore that exchanges nothing (any more). What one of them has taken
   * from an earlier restore belongs to that again.
   *
   * @param before only those of epochs before this one
   * @throws IOException also if there is something in one that must not be lost
   */
  static void remove(Exchange.Folders folders, RunId run, int before) throws IOException {
    for (Path gate : gates(folders, run)) {
      if (epoch(folders, run, gate) < before) {
        if (exists(gate.resolve(PREVIOUS))
            || exists(gate.resolve(INCOMING))
            || exists(gate.resolve(STRAY))) {
          throw new IOException(
              gate + " still holds files of the target; move them where they belong by hand");
        }
        if (folders.nextFrom() != null && exists(gate.resolve(NEXT))) {
          Files.move(
              gate.resolve(NEXT), Path.of(folders.nextFrom()), StandardCopyOption.ATOMIC_MOVE);
        }
        MediaTarget.delete(gate);
      }
    }
  }

  /** The restores that have gates at a target, which need not be there. */
  static Set<RunId> runs(Path target) throws IOException {
    String beside = Pattern.quote("." + target.getFileName());
    Set<RunId> runs = new HashSet<>(runs(MediaTarget.parent(target), beside));
    runs.addAll(runs(target, ""));
    return runs;
  }

  private static Set<RunId> runs(Path home, String prefix) throws IOException {
    Set<RunId> runs = new HashSet<>();
    if (Files.isDirectory(home)) {
      Pattern gate = Pattern.compile(prefix + "\\.restore-([a-z2-7]{26})-" + EPOCH);
      for (Path entry : entries(home)) {
        Matcher name = gate.matcher(String.valueOf(entry.getFileName()));
        if (name.matches()) {
          runs.add(new RunId(name.group(1)));
        }
      }
    }
    return runs;
  }

  /** Removes what a restore has replaced. */
  static void removeKept(Exchange.Folders folders, RunId run) throws IOException {
    // At once under another name, so that nobody takes for whole what is half gone.
    Path going = place(folders, run, 0);
    MediaTarget.delete(going);
    if (exists(Path.of(folders.keptAs()))) {
      Files.move(Path.of(folders.keptAs()), going, StandardCopyOption.ATOMIC_MOVE);
      MediaTarget.delete(going);
    }
  }

  private static List<Path> gates(Exchange.Folders folders, RunId run) throws IOException {
    if (!Files.isDirectory(home(folders))) {
      return List.of();
    }
    String prefix = prefix(folders, run);
    List<Path> gates = new ArrayList<>();
    try (DirectoryStream<Path> found =
        Files.newDirectoryStream(
            home(folders),
            entry -> {
              String name = String.valueOf(entry.getFileName());
              return name.startsWith(prefix) && name.substring(prefix.length()).matches(EPOCH);
            })) {
      found.forEach(gates::add);
    }
    return gates;
  }

  private static int epoch(Exchange.Folders folders, RunId run, Path gate) {
    return Integer.parseInt(
        String.valueOf(gate.getFileName()).substring(prefix(folders, run).length()));
  }

  private void exchangeEntries() throws IOException, ComponentFailure, InterruptedException {
    Path previous = path.resolve(PREVIOUS);
    Path incoming = path.resolve(INCOMING);
    if (exists(next())) {
      if (!exists(previous)) {
        Path _ = Files.createDirectory(previous, MediaTarget.PRIVATE);
      }
      moveEntries(target, previous);
      steps.accept("the target is cleared");
      Files.move(next(), incoming, StandardCopyOption.ATOMIC_MOVE);
    }
    if (exists(incoming) && !isEmpty(incoming)) {
      moveEntries(incoming, target);
    }
    if (exists(path.resolve(ROOT_AFTER))) {
      likeRoot(path.resolve(ROOT_AFTER));
    }
  }

  private void revertEntries() throws IOException, ComponentFailure, InterruptedException {
    if (!exists(path)) {
      return;
    }
    Path previous = path.resolve(PREVIOUS);
    Path incoming = path.resolve(INCOMING);
    if (exists(incoming)) {
      moveEntries(target, incoming);
      steps.accept("the target is cleared again");
      Files.move(incoming, next(), StandardCopyOption.ATOMIC_MOVE);
    }
    if (exists(previous)) {
      moveEntries(previous, target);
      Files.delete(previous);
    }
    if (exists(path.resolve(ROOT_BEFORE))) {
      likeRoot(path.resolve(ROOT_BEFORE));
    }
    sync();
    putNextBack();
  }

  private void moveEntries(Path from, Path to) throws IOException {
    for (Path entry : entries(from)) {
      if (!isOwn(entry)) {
        steps.accept("move an entry");
        Files.move(
            entry, to.resolve(String.valueOf(entry.getFileName())), StandardCopyOption.ATOMIC_MOVE);
      }
    }
  }

  /** An application that misses its folder may make a new one. */
  private void evictStray() throws IOException {
    if (exists(target)) {
      Path stray = path.resolve(STRAY);
      if (exists(stray)) {
        throw new IOException(
            target + " is made again and again; stop the application that does it");
      }
      Files.move(target, stray, StandardCopyOption.ATOMIC_MOVE);
    }
  }

  private void copyRoot(Path from, Path to)
      throws IOException, ComponentFailure, InterruptedException {
    if (!exists(to)) {
      Path _ = Files.createDirectory(to);
    }
    likeRoot(from, to);
  }

  private void likeRoot(Path like) throws ComponentFailure, InterruptedException {
    steps.accept("describe the target");
    likeRoot(like, target);
  }

  /** Gives one folder the owner, permissions, attributes and time of another. */
  private void likeRoot(Path like, Path folder) throws ComponentFailure, InterruptedException {
    run(
        ToolCommand.of(
            rsync, "-aAX", "--numeric-ids", "--exclude=*", "--", like + "/", folder + "/"));
  }

  private void sync() throws ComponentFailure, InterruptedException {
    Path on = exists(path) ? path : home(folders);
    run(ToolCommand.of("sync", "--file-system", "--", on.toString()));
  }

  private void run(ToolCommand command) throws ComponentFailure, InterruptedException {
    try {
      String _ = tools.run(command);
    } catch (ToolException e) {
      throw ComponentFailure.passing(
          FailureCode.TOOL_FAILED, e.getMessage() + " (target folder " + target + ")", e);
    }
  }

  private static List<Path> entries(Path folder) throws IOException {
    List<Path> entries = new ArrayList<>();
    try (DirectoryStream<Path> found = Files.newDirectoryStream(folder)) {
      found.forEach(entries::add);
    }
    return entries;
  }

  private static boolean isEmpty(Path folder) throws IOException {
    return entries(folder).stream().allMatch(Gate::isOwn);
  }

  private static boolean exists(Path path) {
    return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
  }
}
