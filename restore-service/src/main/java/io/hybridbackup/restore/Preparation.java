package io.hybridbackup.restore;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.hybridbackup.common.archive.ArchiveReader;
import io.hybridbackup.common.archive.ArchiveReader.Amount;
import io.hybridbackup.common.archive.ArchiveReader.Room;
import io.hybridbackup.common.archive.ExtractOptions;
import io.hybridbackup.common.archive.HeldFolder;
import io.hybridbackup.common.archive.OwnerMapping;
import io.hybridbackup.common.archive.ProgressListener;
import io.hybridbackup.common.archive.Selection;
import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.RestoreProgressed;
import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.restore.Journal.Begun;
import io.hybridbackup.restore.Journal.Preparing;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * What one epoch of a restore does before the target is changed: everything is looked at, fetched,
 * verified and made whole beside it.
 */
final class Preparation {
  private final Settings settings;
  private final Runs runs;
  private final EventPublisher publisher;
  private final Clock clock;
  private final Targets targets;
  private final DumpFolder dumps;
  private final RestoreStarted started;
  private final Work work;
  private final RunId run;
  private final RestoreOptions options;
  private final Map<String, Duration> durations = new ConcurrentSkipListMap<>();
  private final List<String> warnings = Collections.synchronizedList(new ArrayList<>());

  Preparation(
      Settings settings,
      Runs runs,
      EventPublisher publisher,
      Clock clock,
      Targets targets,
      DumpFolder dumps,
      RestoreStarted started,
      Work work) {
    this.settings = settings;
    this.runs = runs;
    this.publisher = publisher;
    this.clock = clock;
    this.targets = targets;
    this.dumps = dumps;
    this.started = started;
    this.work = work;
    this.run = started.restoreId();
    this.options = Restoration.options(started);
  }

  /** Makes everything whole beside the target, and decides that it is to be exchanged. */
  void prepare(Journal journal) throws ComponentFailure, IOException, InterruptedException {
    Begun begun = started.undoes() == null ? fetch(journal) : takeBack(started.undoes(), journal);
    if (!options.overwrites() && begun.exchange().replaces()) {
      work.insist(() -> runs.store().create(RunKeys.kept(run), run.value().getBytes(US_ASCII)));
    }
    boolean _ = journal.append(begun);
  }

  /** Looks at everything and changes nothing. */
  RestoreCompleted rehearse() throws ComponentFailure, IOException, InterruptedException {
    Findings findings = preflight();
    DatabaseTarget database = findings.database();
    Exchange exchange =
        new Exchange(
            database == null || options.overwrites() ? null : database.plan(run, null),
            findings.folders());
    return new RestoreCompleted(
        run,
        started.source(),
        started.target(),
        work.next(1),
        started.archive(),
        started.components(),
        findings.dumpBytes(),
        findings.fileBytes(),
        findings.fileCount(),
        durations,
        List.copyOf(warnings),
        null,
        null,
        null,
        Rehearsal.of(exchange, findings, options, settings),
        started.requestedBy());
  }

  /**
   * What was found before anything is fetched.
   *
   * @param database null if none is restored
   * @param schema null if no database is made
   * @param folders null if no files are
   * @param files how much of them; null if none
   * @param room what all that takes of disks, for people
   */
  record Findings(
      OpenedArchive archive,
      @Nullable DatabaseTarget database,
      @Nullable DumpSchema schema,
      Exchange.@Nullable Folders folders,
      @Nullable Amount files,
      List<String> room) {
    @Nullable Long dumpBytes() {
      return database == null ? null : archive.dump().bytes();
    }

    @Nullable Long fileBytes() {
      return files == null ? null : files.bytes();
    }

    @Nullable Long fileCount() {
      return files == null ? null : files.files();
    }
  }

  /** Finds out whatever can be wrong. */
  private Findings preflight() throws ComponentFailure, IOException, InterruptedException {
    long begun = System.nanoTime();
    Optional<DatabaseTarget> database = targets.database(started);
    Optional<MediaTarget> media = targets.media(started);
    OpenedArchive archive = OpenedArchive.open(runs, started, work);
    RequiredRoom room = targets.requiredRoom();
    DumpSchema schema = null;
    if (database.isPresent()) {
      if (options.overwrites()) {
        database.get().inPlace(run, options).check(archive.archivedDump(), work, warnings);
      } else {
        schema = database.get().check(archive.archivedDump(), options, work, warnings);
      }
      // Its folder comes with it.
      room.add(dumps.home(), "the dump", new Room(archive.dump().bytes(), 2));
    }
    Exchange.@Nullable Folders folders = null;
    Amount files = null;
    if (media.isPresent()) {
      requireRightToMapOwners();
      folders = media.get().plan(run);
      if (!options.overwrites()) {
        MediaTarget.requireOneDisk(folders);
        MediaTarget.requireMovable(folders);
      }
      if (!options.replaces()) {
        media.get().requireEmpty();
      }
      Path home = media.get().requireExchangeable(folders);
      long blockBytes = room.blockBytes(home);
      files = archive.files(options, blockBytes);
      if (options.paths() == null && !room.has(home, taken(files))) {
        files = archive.allFiles(blockBytes);
      }
      room.add(home, "the files", taken(files));
    }
    room.require();
    durations.put("preflight", since(begun));
    return new Findings(archive, database.orElse(null), schema, folders, files, room.told());
  }

  /** In place there are two of each file for a while: the verified one and the target's. */
  private Room taken(Amount files) {
    return options.overwrites() ? files.room().plus(files.room()) : files.room();
  }

  private void requireRightToMapOwners() throws ComponentFailure {
    if (options.mapsOwners() && !NativeTools.isRoot()) {
      throw ComponentFailure.permanent(
          FailureCode.MEDIA_PERMISSION,
          "only root can give files to other users and groups; run the restore service as root, or"
              + " ask without users and groups",
          null);
    }
  }

  /**
   * The dump is fetched first, with all that there is: to fill the database takes longest, and the
   * files come in while that goes on.
   */
  private Begun fetch(Journal journal) throws ComponentFailure, IOException, InterruptedException {
    Findings findings = preflight();
    if (findings.folders() != null) {
      for (Exchange.Folders earlier : journal.folders()) {
        MediaTarget.requireStillThere(earlier, findings.folders());
      }
    }
    boolean _ = journal.append(new Preparing(work.epoch(), findings.folders()));
    AtomicReference<Exchange.Databases> databases = new AtomicReference<>();
    List<Callable<Boolean>> halves = new ArrayList<>();
    DatabaseTarget database = findings.database();
    if (database != null) {
      Path dump = fetchDump(findings.archive());
      DumpSchema schema = findings.schema();
      halves.add(() -> {
        if (schema == null) {
          database.inPlace(run, options).verify(dump, work);
        } else {
          databases.set(fill(database, dump, schema));
        }
        return true;
      });
    }
    Exchange.@Nullable Folders folders = findings.folders();
    if (folders != null) {
      halves.add(() -> {
        extractMedia(findings, folders);
        return true;
      });
    }
    together(halves);
    work.checkpoint();
    return new Begun(
        work.epoch(),
        new Exchange(databases.get(), folders),
        findings.dumpBytes(),
        findings.fileBytes(),
        findings.fileCount(),
        new LinkedHashMap<>(durations),
        List.copyOf(warnings),
        database == null || !options.overwrites() ? null : database.toString());
  }

  /** Fetches the dump for an epoch that has not fetched it, and verifies it once more. */
  Path fetchDumpAgain() throws ComponentFailure, IOException, InterruptedException {
    Files.deleteIfExists(dumps.place(run, work.epoch()));
    return fetchDump(OpenedArchive.open(runs, started, work));
  }

  private Path fetchDump(OpenedArchive archive) throws IOException {
    long begun = System.nanoTime();
    Path dump = dumps.place(run, work.epoch());
    archive.reader().extractDatabase(dump, reporter("fetch-database", archive.dump().bytes()));
    work.checkpoint();
    durations.put("fetch-database", since(begun));
    return dump;
  }

  private Exchange.Databases fill(DatabaseTarget database, Path dump, DumpSchema schema)
      throws ComponentFailure, IOException, InterruptedException {
    long begun = System.nanoTime();
    String scratch = database.restore(dump, schema, run, work.epoch(), options, work, warnings);
    work.checkpoint();
    database.takeOver(scratch, warnings);
    Files.deleteIfExists(dump);
    durations.put("database", since(begun));
    return database.plan(run, scratch);
  }

  private void extractMedia(Findings findings, Exchange.Folders folders)
      throws ComponentFailure, IOException, InterruptedException {
    long begun = System.nanoTime();
    boolean root = NativeTools.isRoot();
    ExtractOptions extraction =
        new ExtractOptions(
            root && !options.leavesOwnersOut(),
            false,
            new OwnerMapping(numbers(options.users()), numbers(options.groups())));
    ProgressListener progress =
        reporter("fetch-media", Objects.requireNonNull(findings.fileBytes()));
    try (Gate gate = targets.gate(started, folders, work)) {
      gate.make();
      warnings.addAll(extract(findings.archive().reader(), gate.next(), extraction, progress));
      gate.seal();
    }
    if (!root) {
      warnings.add("files belong to the user of the restore service: only root can give them");
    }
    durations.put("fetch-media", since(begun));
  }

  private List<String> extract(
      ArchiveReader archive, Path folder, ExtractOptions extraction, ProgressListener progress)
      throws IOException {
    List<String> paths = options.paths();
    try {
      return paths == null
          ? archive.extractMedia(folder, extraction, progress)
          : archive.extractMedia(Selection.of(paths), folder, extraction, progress);
    } catch (FileSystemException e) {
      throw new IOException(HeldFolder.named(String.valueOf(e.getMessage())), e);
    }
  }

  private static Map<Long, Long> numbers(@Nullable Map<Long, Long> numbers) {
    return numbers == null ? Map.of() : numbers;
  }

  /** Does all at the same time. When one fails, the others are interrupted. */
  private static void together(List<Callable<Boolean>> halves)
      throws ComponentFailure, IOException, InterruptedException {
    try (ExecutorService threads =
        Executors.newFixedThreadPool(
            Math.max(1, halves.size()),
            Thread.ofPlatform().daemon().name("restore-half-", 1).factory())) {
      CompletionService<Boolean> ended = new ExecutorCompletionService<>(threads);
      halves.forEach(ended::submit);
      try {
        for (int left = halves.size(); left > 0; left--) {
          boolean _ = ended.take().get();
        }
      } catch (ExecutionException e) {
        threads.shutdownNow();
        throw rethrown(e.getCause());
      } catch (InterruptedException e) {
        threads.shutdownNow();
        throw e;
      }
    }
  }

  private static IOException rethrown(@Nullable Throwable cause)
      throws ComponentFailure, IOException, InterruptedException {
    switch (cause) {
      case ComponentFailure failure -> throw failure;
      case IOException failure -> throw failure;
      case InterruptedException failure -> throw failure;
      case RuntimeException failure -> throw failure;
      case Error failure -> throw failure;
      case null, default -> throw new IllegalStateException(cause);
    }
  }

  /** Takes what an earlier restore has replaced for what is to come in. */
  private Begun takeBack(RunId undone, Journal journal)
      throws ComponentFailure, IOException, InterruptedException {
    Exchange exchange =
        new Journal(runs.decisions(), undone, work).begun().orElseThrow().exchange();
    long begun = System.nanoTime();
    requireStillConfigured(undone, exchange);
    Exchange.@Nullable Databases theirs = exchange.database();
    Exchange.@Nullable Databases databases = null;
    if (theirs != null) {
      DatabaseTarget database = targets.database(started).orElseThrow();
      database.checkExchange();
      databases = database.plan(run, theirs.previous() == null ? null : theirs.keptAs());
      if (!Objects.equals(databases.next(), theirs.previous())) {
        throw notKept(undone, "database " + theirs.keptAs());
      }
    }
    Exchange.@Nullable Folders folders = null;
    if (exchange.media() != null) {
      folders = MediaTarget.planUndoing(run, exchange.media());
      MediaTarget.requireInSight(exchange.media(), folders.nextFrom());
      MediaTarget.requireOneDisk(folders);
      MediaTarget.requireMovable(folders);
      if (folders.nextFrom() != null && !Files.isDirectory(Path.of(folders.nextFrom()))) {
        throw notKept(undone, "folder " + folders.nextFrom());
      }
    }
    boolean _ = journal.append(new Preparing(work.epoch(), folders));
    if (folders != null) {
      try (Gate gate = targets.gate(started, folders, work)) {
        gate.make();
        journal.requireCharge();
        if (folders.nextFrom() == null) {
          Path _ = Files.createDirectory(gate.next());
        } else {
          gate.takeNext(Path.of(folders.nextFrom()));
        }
        gate.seal();
      }
    }
    return new Begun(
        work.epoch(),
        new Exchange(databases, folders),
        null,
        null,
        null,
        Map.of("preflight", since(begun)),
        List.of());
  }

  /** Only what the configuration names is changed, whatever it named at the time. */
  private void requireStillConfigured(RunId undone, Exchange exchange)
      throws ComponentFailure, IOException {
    Exchange.@Nullable Databases databases = exchange.database();
    if (databases != null) {
      Optional<DatabaseTarget> database = targets.database(started);
      requireSame(
          undone,
          "database",
          databases.name(),
          database.map(DatabaseTarget::toString).orElse(null));
    }
    Exchange.@Nullable Folders folders = exchange.media();
    if (folders != null) {
      Optional<MediaTarget> media = targets.media(started);
      requireSame(
          undone,
          "folder",
          folders.folder(),
          media.isPresent() ? media.get().plan(run).folder() : null);
    }
  }

  private void requireSame(RunId undone, String what, String then, @Nullable String now)
      throws ComponentFailure {
    if (!then.equals(now)) {
      throw ComponentFailure.permanent(
          FailureCode.INVALID_REQUEST,
          "the restore %s was to the %s %s, and target '%s' has %s in the configuration now; configure it as it was, or bring back by hand what is kept"
              .formatted(undone, what, then, started.target(), now == null ? "none" : now),
          null);
    }
  }

  private static ComponentFailure notKept(RunId undone, String what) {
    return ComponentFailure.permanent(
        FailureCode.NOTHING_TO_DO,
        "what the restore "
            + undone
            + " replaced is not kept any more (the "
            + what
            + "); restore an archive instead",
        null);
  }

  private ProgressListener reporter(String phase, long total) {
    return new ProgressListener() {
      private long bytes;
      private long published = System.nanoTime();

      @Override
      public synchronized void advanced(long moreBytes, long moreFiles) {
        bytes += moreBytes;
        work.checkpoint();
        if (System.nanoTime() - published < TimeUnit.SECONDS.toNanos(1)) {
          return;
        }
        published = System.nanoTime();
        publisher.publishLater(
            new RestoreProgressed(
                started.restoreId(), started.target(), work.next(1), phase, bytes, total),
            clock.instant());
      }
    };
  }

  private static Duration since(long nanoTime) {
    return Duration.ofNanos(System.nanoTime() - nanoTime);
  }
}
