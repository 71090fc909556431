package io.hybridbackup.restore;

import io.hybridbackup.common.archive.HeldFolder;
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
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The folder through which files go into a target and out of it, by renaming alone. It lies beside
 * the target or, where that is a mount point, in it.
 *
 * <p>That may be the application's own folder, where its user can rename whatever is there and put
 * a symbolic link in its place. So the gate, and the folder that it lies in, are held open from the
 * moment that they are seen to be what they should be, and no path leads to them by name.
 *
 * <p>In the gate is one folder, the chamber, whose name is the epoch, and every renaming begins or
 * ends in it. A later epoch renames the chamber before it does anything: whatever an earlier one
 * that was frozen still tries then finds no such path. The gate is there until the restore has
 * ended: one that cannot be seen says nothing but that its disk is away. What is in the chamber
 * tells how far the exchange has come:
 *
 * <ul>
 *   <li>{@code next}: nothing of it is in the target yet;
 *   <li>{@code incoming}: the target has been cleared, entry by entry, and is being filled;
 *   <li>{@code arrived}: nothing is left of it, as all has come in;
 *   <li>{@code previous}: what was in the target;
 *   <li>{@code strays}: what something else has made in the target meanwhile.
 * </ul>
 */
final class Gate implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Gate.class);

  /** What an exchange within a folder leaves where it is: the service's own, and the disk's. */
  private static final String OWN = "\\.(restore|before)-[a-z2-7]{26}(-\\d+|_stray)?|lost\\+found";

  /** Not that of {@link #removeKept}, which holds what was the application's. */
  private static final String EPOCH = "[1-9]\\d{0,8}";

  private static final String NEXT = "next";
  private static final String INCOMING = "incoming";
  private static final String ARRIVED = "arrived";
  private static final String PREVIOUS = "previous";
  private static final String STRAYS = "strays";

  /** Empty files that are called like what comes in, by which strays are told from that. */
  private static final String NAMES = "names";

  /** What is in the target because it was overwritten in place. */
  private static final String OVERWRITTEN = "overwritten";

  /** Names within a target that rsync is to leave alone, as {@link #OWN} has them. */
  private static final List<String> LEFT_ALONE =
      List.of(
          "/.restore-" + "[a-z2-7]".repeat(26) + "-*",
          "/.before-" + "[a-z2-7]".repeat(26),
          "/.before-" + "[a-z2-7]".repeat(26) + "_stray",
          "/lost+found");

  private static final Duration LOCK_POLL = Duration.ofMillis(500);
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  /** Empty folders that are like the target's own before and after. */
  private static final String ROOT_BEFORE = "root-before";

  private static final String ROOT_AFTER = "root-after";

  private final Exchange.Folders folders;
  private final Work work;
  private final NativeTools tools;
  private final String rsync;
  private final Consumer<String> steps;
  private @Nullable HeldFolder home;
  private @Nullable HeldFolder gate;

  /**
   * @param steps is told of each step before it is taken
   */
  Gate(
      Exchange.Folders folders,
      Work work,
      NativeTools tools,
      String rsync,
      Consumer<String> steps) {
    this.folders = folders;
    this.work = work;
    this.tools = tools;
    this.rsync = rsync;
    this.steps = steps;
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

  /** The gate that an epoch makes. */
  private static Path name(Exchange.Folders folders, RunId run, int epoch) {
    return Path.of(prefix(folders, run) + epoch);
  }

  /** The name by which a folder within a target is none of the application's. */
  static boolean isOwn(Path entry) {
    return String.valueOf(entry.getFileName()).matches(OWN);
  }

  /** Makes the gate, empty, and holds it. Belongs to one epoch of one restore. */
  void make() throws IOException {
    HeldFolder held = HeldFolder.make(home(folders));
    home = held;
    Path name = name(folders, work.run(), work.epoch());
    unseen(
        folders, held, () -> Files.createDirectory(held.path().resolve(name), MediaTarget.PRIVATE));
    gate = held.ownChild(name);
    Path _ = Files.createDirectory(chamber(), MediaTarget.PRIVATE);
  }

  /** Lets go of the gate, if it is held; {@link #claim} holds it again. */
  @Override
  public void close() throws IOException {
    try (HeldFolder _ = home;
        HeldFolder _ = gate) {
      home = null;
      gate = null;
    }
  }

  private HeldFolder home() {
    return Objects.requireNonNull(home, "the gate is not held");
  }

  private HeldFolder gate() {
    return Objects.requireNonNull(gate, "the gate is not held");
  }

  private Path chamber() {
    return gate().path().resolve(Integer.toString(work.epoch()));
  }

  private Path chamber(String name) {
    return chamber().resolve(name);
  }

  private Path target() {
    return folders.within() ? home().path() : beside(folders.folder());
  }

  /** Something that lies where the gate lies. */
  private Path beside(String path) {
    return in(home().path(), Path.of(path));
  }

  /** Where what is to come in is put together, as long as the gate is held. */
  Path next() {
    return chamber(NEXT);
  }

  /** Takes what an earlier restore has kept for what is to come in. */
  void takeNext(Path kept) throws IOException {
    unseen(folders, home(), () -> move(beside(kept.toString()), next()));
  }

  /** All that has been put together is on disk, and described for {@link #exchange}. */
  void seal() throws IOException, ComponentFailure, InterruptedException {
    if (folders.within()) {
      copyRoot(next(), chamber(ROOT_AFTER));
      copyRoot(target(), chamber(ROOT_BEFORE));
    }
    sync();
  }

  /**
   * Holds the gate, and makes the chamber of an earlier epoch this one's.
   *
   * @param first the epoch that has made the gate
   * @throws ComponentFailure if no gate can be seen, which may pass
   */
  void claim(int first) throws IOException, ComponentFailure {
    close();
    if (Files.isDirectory(home(folders))) {
      HeldFolder held = HeldFolder.open(home(folders));
      home = held;
      for (Path name : gates(folders, work.run(), held)) {
        int maker = epoch(folders, work.run(), name);
        if (gate == null && maker >= first && maker <= work.epoch()) {
          gate = held.ownChild(name);
        }
      }
    }
    if (gate != null) {
      claimChamber();
    }
    if (gate == null || !exists(chamber())) {
      throw ComponentFailure.passing(
          FailureCode.MEDIA_MISSING,
          "the files of the restore cannot be seen in "
              + home(folders)
              + ": mount the disk that they and the target folder are on, where this service runs",
          null);
    }
  }

  private void claimChamber() throws IOException {
    List<Path> older = new ArrayList<>();
    for (Path entry : entries(gate().path())) {
      if (!isChamber(entry)) {
        older.add(entry);
      } else if (Integer.parseInt(String.valueOf(entry.getFileName())) < work.epoch()) {
        steps.accept("claim the gate");
        move(entry, chamber());
      }
    }
    // A gate of an older version has no chamber, and its name was changed instead.
    for (Path entry : older) {
      move(entry, in(made(chamber()), entry));
    }
  }

  private static boolean isChamber(Path entry) {
    return String.valueOf(entry.getFileName()).matches(EPOCH);
  }

  /** Puts what is to come in into the target, from wherever an earlier try left off. */
  void exchange() throws IOException, ComponentFailure, InterruptedException {
    if (folders.within()) {
      exchangeEntries();
      describe(ROOT_AFTER);
    } else if (exists(next())) {
      if (folders.existed() && !exists(chamber(PREVIOUS))) {
        steps.accept("move the folder out");
        move(target(), chamber(PREVIOUS));
      }
      steps.accept("move the folder in");
      evict(place());
      move(next(), place());
    }
    sync();
  }

  /** Whether all that is to come in is in the target. */
  boolean isExchanged() throws IOException {
    boolean putBack = folders.nextFrom() != null && exists(beside(folders.nextFrom()));
    return !exists(next()) && !exists(chamber(INCOMING)) && !putBack;
  }

  /** Where the folder that comes in goes. */
  private Path place() {
    return folders.bringsNothing() ? chamber(ARRIVED) : target();
  }

  /** Puts the target back as it was, from wherever the exchange has got to. */
  void revert() throws IOException, ComponentFailure, InterruptedException {
    if (folders.within()) {
      revertEntries();
    } else {
      if (isExchanged()) {
        steps.accept("move the folder out again");
        move(place(), next());
      }
      if (exists(chamber(PREVIOUS))) {
        steps.accept("move the folder back in");
        evict(target());
        move(chamber(PREVIOUS), target());
      }
    }
    keepStrays();
    if (folders.nextFrom() != null && exists(next())) {
      steps.accept("put back what was kept");
      if (folders.within()) {
        likeRoot(chamber(ROOT_AFTER), next());
      }
      move(next(), beside(folders.nextFrom()));
    }
    if (folders.within()) {
      describe(ROOT_BEFORE);
    }
    sync();
  }

  /** Whether the target has been overwritten wholly. */
  boolean isOverwritten() throws IOException {
    return !exists(next());
  }

  /**
   * Makes the target's content equal to what is to come in, where it is. Every file is compared by
   * its content, so that it can be done again.
   */
  void overwrite() throws IOException, ComponentFailure, InterruptedException {
    List<String> arguments =
        new ArrayList<>(List.of("-aHAX", "--numeric-ids", "--checksum", "--delete"));
    if (folders.within()) {
      LEFT_ALONE.forEach(name -> arguments.add("--exclude=" + name));
    }
    try (HeldFolder target = HeldFolder.open(Path.of(folders.folder()))) {
      arguments.addAll(List.of("--", next() + "/", target.path() + "/"));
      runAlone(ToolCommand.of(rsync).with(arguments));
    }
    sync();
    steps.accept("the target is overwritten");
    // At once, so that nobody takes for whole what is half removed.
    move(next(), chamber(OVERWRITTEN));
  }

  /** Waits until no rsync of an earlier epoch is at work in the target. */
  void awaitOthers() throws ComponentFailure, InterruptedException {
    runAlone(ToolCommand.of(rsync, "--version"));
  }

  /**
   * The lock lies in the gate and goes with it: what an earlier epoch starts late finds neither.
   * What it has started holds it until it ends.
   */
  private void runAlone(ToolCommand command) throws ComponentFailure, InterruptedException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!ranAlone(command)) {
      if (System.nanoTime() > end) {
        throw ComponentFailure.passing(
            FailureCode.TARGET_IN_USE,
            "another rsync is at work in "
                + folders.folder()
                + " and does not end; see whether it is frozen or hangs on a disk, and end it",
            null);
      }
      Optional<Boolean> _ = work.await(Optional::empty, LOCK_POLL);
    }
  }

  /** False if it was not run because another program holds the lock. */
  private boolean ranAlone(ToolCommand command) throws ComponentFailure, InterruptedException {
    try (ToolProcess process = tools.startHolding(chamber("rsync.lock"), command)) {
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
      throw rsyncFailure(e);
    }
    return true;
  }

  private ComponentFailure rsyncFailure(ToolException e) {
    String said = said(e);
    if (said.contains("No space left on device") || said.contains("Disk quota exceeded")) {
      return ComponentFailure.permanent(FailureCode.DISK_FULL, said + "; free some", e);
    }
    if (said.contains("Permission denied") || said.contains("Operation not permitted")) {
      return ComponentFailure.permanent(
          FailureCode.MEDIA_PERMISSION, said + "; let this service change everything there", e);
    }
    return ComponentFailure.passing(FailureCode.TOOL_FAILED, said, e);
  }

  /** Gives what was in the target, and what was made there meanwhile, its name for keeping. */
  void keep() throws IOException, ComponentFailure, InterruptedException {
    Path previous = chamber(PREVIOUS);
    if (exists(previous)) {
      steps.accept("keep the previous folder");
      if (folders.within()) {
        likeRoot(chamber(ROOT_BEFORE), previous);
      }
      move(previous, beside(folders.keptAs()));
    }
    keepStrays();
    if (folders.within()) {
      describe(ROOT_AFTER);
    }
    sync();
  }

  private void keepStrays() throws IOException {
    Path strays = chamber(STRAYS);
    if (exists(strays)) {
      Path kept = strays(folders);
      Path place = made(in(home().path(), kept));
      try (HeldFolder held = home().ownChild(Objects.requireNonNull(place.getFileName()))) {
        for (Path number : entries(strays)) {
          for (Path stray : entries(number)) {
            move(stray, free(held.path(), stray));
          }
          Files.delete(number);
        }
      }
      Files.delete(strays);
      LOG.atWarn()
          .addKeyValue("folder", kept)
          .log("something made files in the target while it was exchanged; they are kept there");
    }
  }

  /** Where there is what something else made in the target during the exchange, if it did. */
  static Optional<Path> keptStrays(Exchange.Folders folders) throws IOException {
    Path kept = strays(folders);
    return exists(kept) ? Optional.of(kept) : Optional.empty();
  }

  private static Path strays(Exchange.Folders folders) {
    return Path.of(folders.keptAs() + "_stray");
  }

  /**
   * Removes the gates of a restore that exchanges nothing (any more). What one of them has taken
   * from an earlier restore belongs to that again.
   *
   * @param before only those of epochs before this one
   * @throws IOException also if there is something in one that must not be lost
   */
  static void remove(Exchange.Folders folders, RunId run, int before) throws IOException {
    if (!Files.isDirectory(home(folders))) {
      return;
    }
    try (HeldFolder home = HeldFolder.open(home(folders))) {
      for (Path name : gates(folders, run, home)) {
        if (epoch(folders, run, name) < before) {
          empty(folders, home, name);
          unseen(folders, home, () -> home.delete(name));
        }
      }
    }
  }

  /** Takes out of a gate what does not belong to its restore. */
  private static void empty(Exchange.Folders folders, HeldFolder home, Path name)
      throws IOException {
    try (HeldFolder gate = home.ownChild(name)) {
      // A gate of an older version is its own chamber.
      List<Path> chambers = new ArrayList<>(List.of(gate.path()));
      entries(gate.path()).stream().filter(Gate::isChamber).forEach(chambers::add);
      for (Path chamber : chambers) {
        if (exists(chamber.resolve(PREVIOUS))
            || exists(chamber.resolve(INCOMING))
            || exists(chamber.resolve(STRAYS))) {
          throw new IOException(
              home(folders).resolve(name)
                  + " still holds files of the target; move them where they belong by hand");
        }
        if (folders.nextFrom() != null && exists(chamber.resolve(NEXT))) {
          Path from = in(home.path(), Path.of(folders.nextFrom()));
          unseen(folders, home, () -> move(chamber.resolve(NEXT), from));
        }
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

  /**
   * Removes what a restore has replaced; what people have removed is removed already.
   *
   * @throws ComponentFailure if its disk is away, which may pass
   */
  static void removeKept(Exchange.Folders folders, RunId run) throws IOException, ComponentFailure {
    // At once under another name, so that nobody takes for whole what is half gone.
    Path going = name(folders, run, 0);
    if (!exists(Path.of(folders.keptAs())) && !exists(home(folders).resolve(going))) {
      if (!folders.bringsNothing()) {
        MediaTarget.requireInSight(folders, folders.keptAs());
      }
      return;
    }
    try (HeldFolder home = HeldFolder.open(home(folders))) {
      Path kept = in(home.path(), Path.of(folders.keptAs()));
      unseen(
          folders,
          home,
          () -> {
            home.delete(going);
            if (exists(kept)) {
              move(kept, home.path().resolve(going));
              home.delete(going);
            }
          });
    }
  }

  private interface Change {
    void make() throws IOException;
  }

  /** What comes and goes within a target is none of the application's: its time stays. */
  private static void unseen(Exchange.Folders folders, HeldFolder home, Change change)
      throws IOException {
    if (!folders.within()) {
      change.make();
      return;
    }
    FileTime modified = Files.getLastModifiedTime(home.path());
    change.make();
    Files.setLastModifiedTime(home.path(), modified);
  }

  private static void move(Path from, Path to) throws IOException {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileSystemException e) {
      throw new IOException(HeldFolder.named(String.valueOf(e.getMessage())), e);
    }
  }

  private static List<Path> gates(Exchange.Folders folders, RunId run, HeldFolder home)
      throws IOException {
    String prefix = prefix(folders, run);
    List<Path> gates = new ArrayList<>();
    for (Path entry : entries(home.path())) {
      Path name = Objects.requireNonNull(entry.getFileName());
      if (name.toString().startsWith(prefix)
          && name.toString().substring(prefix.length()).matches(EPOCH)) {
        gates.add(name);
      }
    }
    return gates;
  }

  private static int epoch(Exchange.Folders folders, RunId run, Path name) {
    return Integer.parseInt(name.toString().substring(prefix(folders, run).length()));
  }

  private void exchangeEntries() throws IOException {
    Path previous = chamber(PREVIOUS);
    Path incoming = chamber(INCOMING);
    if (exists(next())) {
      Path names = made(chamber(NAMES));
      for (Path entry : entries(next())) {
        if (!exists(in(names, entry))) {
          Path _ = Files.createFile(in(names, entry));
        }
      }
      clear(made(previous), entry -> true);
      steps.accept("the target is cleared");
      move(next(), incoming);
    }
    if (exists(incoming)) {
      fill(incoming);
      for (Path entry : entries(target())) {
        if (!isOwn(entry) && !comesIn(entry)) {
          evict(entry);
        }
      }
      steps.accept("the target is filled");
      move(incoming, chamber(ARRIVED));
    }
  }

  private void revertEntries() throws IOException {
    Path previous = chamber(PREVIOUS);
    Path incoming = chamber(INCOMING);
    if (exists(chamber(ARRIVED))) {
      steps.accept("clear the target again");
      move(chamber(ARRIVED), incoming);
    }
    if (exists(incoming)) {
      clear(incoming, this::comesIn);
      steps.accept("the target is cleared again");
      move(incoming, next());
    }
    if (exists(previous)) {
      fill(previous);
      Files.delete(previous);
    }
  }

  private interface Question {
    boolean ask(Path entry) throws IOException;
  }

  /** A gate of an older version has no names, and took for its own whatever was there. */
  private boolean comesIn(Path entry) throws IOException {
    Path names = chamber(NAMES);
    return !exists(names) || exists(in(names, entry));
  }

  /** Moves all that the application sees in the target out of it. */
  private void clear(Path to, Question belongs) throws IOException {
    for (Path entry : entries(target())) {
      if (!isOwn(entry)) {
        steps.accept("move an entry");
        if (belongs.ask(entry) && !exists(in(to, entry))) {
          move(entry, in(to, entry));
        } else {
          evict(entry);
        }
      }
    }
  }

  private void fill(Path from) throws IOException {
    for (Path entry : entries(from)) {
      if (!isOwn(entry)) {
        steps.accept("move an entry");
        evict(in(target(), entry));
        move(entry, in(target(), entry));
      }
    }
  }

  /** Sets aside what an application has made that goes on writing, if it has. */
  private void evict(Path entry) throws IOException {
    if (exists(entry)) {
      move(entry, free(chamber(STRAYS), entry));
    }
  }

  /** A place for an entry in a folder of a number, where there is nothing of its name yet. */
  private static Path free(Path folder, Path entry) throws IOException {
    Path numbered = made(folder).resolve("1");
    for (int number = 2; exists(in(numbered, entry)); number++) {
      numbered = folder.resolve(String.valueOf(number));
    }
    return in(made(numbered), entry);
  }

  /** Never makes what it lies in: that may be the gate, which a later epoch has taken. */
  private static Path made(Path folder) throws IOException {
    return exists(folder) ? folder : Files.createDirectory(folder, MediaTarget.PRIVATE);
  }

  private static Path in(Path folder, Path entry) {
    return folder.resolve(Objects.requireNonNull(entry.getFileName()));
  }

  private void copyRoot(Path from, Path to)
      throws IOException, ComponentFailure, InterruptedException {
    if (!exists(to)) {
      Path _ = Files.createDirectory(to);
    }
    likeRoot(from, to);
  }

  private void describe(String like) throws ComponentFailure, InterruptedException {
    steps.accept("describe the target");
    likeRoot(chamber(like), target());
  }

  /** Gives one folder the owner, permissions, attributes and time of another. */
  private void likeRoot(Path like, Path folder) throws ComponentFailure, InterruptedException {
    runAlone(
        ToolCommand.of(
            rsync, "-aAX", "--numeric-ids", "--exclude=*", "--", like + "/", folder + "/"));
  }

  private void sync() throws ComponentFailure, InterruptedException {
    steps.accept("sync");
    run(ToolCommand.of("sync", "--file-system", "--", chamber().toString()));
  }

  private void run(ToolCommand command) throws ComponentFailure, InterruptedException {
    try {
      String _ = tools.run(command);
    } catch (ToolException e) {
      throw ComponentFailure.passing(FailureCode.TOOL_FAILED, said(e), e);
    }
  }

  private String said(ToolException e) {
    return HeldFolder.named(String.valueOf(e.getMessage()))
        + " (target folder "
        + folders.folder()
        + ")";
  }

  private static List<Path> entries(Path folder) throws IOException {
    List<Path> entries = new ArrayList<>();
    try (DirectoryStream<Path> found = Files.newDirectoryStream(folder)) {
      found.forEach(entries::add);
    }
    return entries;
  }

  /** Whether there is something; what cannot be looked at is not taken for missing. */
  private static boolean exists(Path path) throws IOException {
    try {
      Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      return true;
    } catch (NoSuchFileException e) {
      return false;
    }
  }
}
