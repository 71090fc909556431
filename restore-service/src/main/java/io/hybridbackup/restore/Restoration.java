package io.hybridbackup.restore;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.hybridbackup.common.archive.ArchiveCorruptException;
import io.hybridbackup.common.archive.ArchiveReader;
import io.hybridbackup.common.archive.ExtractOptions;
import io.hybridbackup.common.archive.ProgressListener;
import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.RestoreFailed;
import io.hybridbackup.common.event.Fact.RestoreProgressed;
import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.event.Fact.TerminalFact;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.manifest.ArchiveManifest;
import io.hybridbackup.common.manifest.DatabasePart;
import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.manifest.StoragePart;
import io.hybridbackup.common.manifest.UnreadableManifestException;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoreException;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.restore.Journal.Back;
import io.hybridbackup.restore.Journal.Begun;
import io.hybridbackup.restore.Journal.Preparing;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
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
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries out one restore. Everything is fetched, verified and made whole beside the target first,
 * database and files at the same time; a failure up to there leaves it untouched. Then a {@link
 * Swap} exchanges both. A later epoch goes on where the {@link Journal} says.
 */
final class Restoration {
  private static final Logger LOG = LoggerFactory.getLogger(Restoration.class);
  private static final String DUMP_ENDING = ".dump";

  private final Settings settings;
  private final Runs runs;
  private final EventPublisher publisher;
  private final NativeTools tools;
  private final Clock clock;

  Restoration(
      Settings settings, Runs runs, EventPublisher publisher, NativeTools tools, Clock clock) {
    this.settings = settings;
    this.runs = runs;
    this.publisher = publisher;
    this.tools = tools;
    this.clock = clock;
  }

  /**
   * Restores, from wherever an earlier epoch left off.
   *
   * @param deadline after which nothing more is begun; what has begun is finished
   * @return what came of it: {@link RestoreCompleted}, or {@link RestoreFailed} if an earlier epoch
   *     has decided that
   */
  TerminalFact restore(RestoreStarted started, Instant deadline, Work work)
      throws ComponentFailure, InterruptedException {
    try {
      Journal journal = journal(started, work);
      journal.take();
      if (journal.end().isEmpty() && journal.begun().isEmpty()) {
        if (!clock.instant().isBefore(deadline)) {
          throw ComponentFailure.permanent(
              FailureCode.DEADLINE, "the restore had not ended by its deadline, " + deadline, null);
        }
        removeScratch(started, journal, work.epoch() + 1);
        if (options(started).isRehearsal()) {
          return rehearsed(started, work);
        }
        prepare(started, journal, work);
      }
      Optional<Begun> begun = journal.begun();
      return begun.isPresent() && swap(started, begun.get(), journal, work).forward()
          ? completed(started, begun.get(), work)
          : back(started, journal, work, null);
    } catch (ArchiveCorruptException | UnreadableManifestException e) {
      throw ComponentFailure.permanent(
          FailureCode.ARCHIVE_CORRUPT,
          "archive " + started.archive() + " is damaged: " + e.getMessage() + "; use another one",
          e);
    } catch (IOException e) {
      throw failure(e);
    }
  }

  private static ComponentFailure failure(IOException e) {
    String said = String.valueOf(e.getMessage());
    return said.contains("No space left on device")
        ? ComponentFailure.permanent(
            FailureCode.DISK_FULL,
            "there is no room left in data-directory or beside the target folder: "
                + said
                + "; free some and ask again",
            e)
        : ComponentFailure.passing(FailureCode.INTERNAL, "the restore broke off: " + e, e);
  }

  /**
   * Ends a restore that cannot succeed: the target is made what it was.
   *
   * @return what came of it; {@link RestoreCompleted} if the restore had succeeded after all
   * @throws ComponentFailure if the target cannot be made what it was
   */
  TerminalFact giveUp(RestoreStarted started, FailureCode code, String message, Work work)
      throws ComponentFailure, InterruptedException {
    try {
      Journal journal = journal(started, work);
      return back(started, journal, work, new Back(work.epoch(), code, message));
    } catch (IOException e) {
      throw failure(e);
    }
  }

  /**
   * @param reason null if it has been decided
   */
  private TerminalFact back(
      RestoreStarted started, Journal journal, Work work, @Nullable Back reason)
      throws ComponentFailure, IOException, InterruptedException {
    Optional<Begun> begun = journal.begun();
    if (begun.isEmpty()) {
      if (reason != null) {
        boolean _ = journal.append(reason);
      }
    } else {
      Back standing = reason != null ? reason : decided(journal);
      Swap swap = swap(started, begun.get(), journal, work);
      if (!swap.back(standing)) {
        boolean _ = swap.forward();
        return completed(started, begun.get(), work);
      }
    }
    Back decided = decided(journal);
    return failed(started, decided.code(), decided.message(), true, work);
  }

  private static Back decided(Journal journal) throws InterruptedException {
    if (journal.end().orElseThrow() instanceof Back back) {
      return back;
    }
    throw new IllegalStateException("the journal says that the restore is done");
  }

  /**
   * Removes what a restore that has ended left beside its target, and dumps of others that ended
   * elsewhere.
   */
  void tidyUp(RestoreStarted started, Work work)
      throws IOException, ComponentFailure, InterruptedException {
    Journal journal = journal(started, work);
    // What was refused has left nothing, and its target may never answer.
    if (journal.prepares()) {
      removeScratch(started, journal, Integer.MAX_VALUE);
    }
    removeForgottenDumps();
  }

  /** Removes what a restore that has ended has replaced. */
  void removeKept(RestoreStarted started, Work work)
      throws IOException, ComponentFailure, InterruptedException {
    Optional<Begun> begun = journal(started, work).begun();
    if (begun.isEmpty()) {
      return;
    }
    Exchange.@Nullable Databases databases = begun.get().exchange().database();
    Optional<DatabaseTarget> database = database(started);
    if (databases != null && database.isPresent()) {
      database.get().removeKept(databases);
    }
    Exchange.@Nullable Folders folders = begun.get().exchange().media();
    if (folders != null) {
      Gate.removeKept(folders, started.restoreId());
    }
  }

  private Journal journal(RestoreStarted started, Work work) {
    return new Journal(runs.decisions(), started.restoreId(), work);
  }

  private Swap swap(RestoreStarted started, Begun begun, Journal journal, Work work)
      throws ComponentFailure {
    Exchange exchange = begun.exchange();
    return new Swap(
        started.restoreId(),
        begun,
        journal,
        work,
        exchange.database() == null ? Optional.empty() : database(started),
        Optional.ofNullable(exchange.media()).map(folders -> gate(started, folders, work)),
        options(started).replaces() || started.undoes() != null,
        step -> told(started, step));
  }

  private Gate gate(RestoreStarted started, Exchange.Folders folders, Work work) {
    return new Gate(
        folders,
        started.restoreId(),
        work.epoch(),
        tools,
        settings.tools().rsync(),
        step -> told(started, step));
  }

  private static void told(RestoreStarted started, String step) {
    LOG.atDebug()
        .addKeyValue("run", started.restoreId())
        .addKeyValue("target", started.target())
        .addKeyValue("step", step)
        .log("exchanging");
  }

  private static RestoreOptions options(RestoreStarted started) {
    return started.options() == null ? RestoreOptions.NONE : started.options();
  }

  /** Makes everything whole beside the target, and decides that it is to be exchanged. */
  private void prepare(RestoreStarted started, Journal journal, Work work)
      throws ComponentFailure, IOException, InterruptedException {
    Begun begun =
        started.undoes() == null
            ? fetch(started, journal, work)
            : takeBack(started, started.undoes(), journal, work);
    RunId run = started.restoreId();
    if (begun.exchange().replaces()) {
      work.insist(() -> runs.store().create(RunKeys.kept(run), run.value().getBytes(US_ASCII)));
    }
    boolean _ = journal.append(begun);
  }

  private Begun fetch(RestoreStarted started, Journal journal, Work work)
      throws ComponentFailure, IOException, InterruptedException {
    RunId run = started.restoreId();
    Map<String, Duration> durations = new ConcurrentSkipListMap<>();
    List<String> warnings = Collections.synchronizedList(new ArrayList<>());
    Optional<DatabaseTarget> database = database(started);
    Optional<MediaTarget> media = media(started);

    long begun = System.nanoTime();
    ArchiveReader reader = open(started, work);
    Manifest manifest = Manifest.parse(reader.manifest());
    Exchange.@Nullable Folders folders = media.isPresent() ? media.get().plan(run) : null;
    preflight(started, manifest, database, media, folders);
    boolean _ = journal.append(new Preparing(work.epoch(), folders));
    durations.put("preflight", since(begun));

    List<Callable<Boolean>> halves = new ArrayList<>();
    AtomicReference<Exchange.Databases> databases = new AtomicReference<>();
    if (database.isPresent()) {
      halves.add(() -> {
        databases.set(
            restoreDatabase(started, reader, manifest, database.get(), work, durations, warnings));
        return true;
      });
    }
    if (folders != null) {
      halves.add(() -> {
        extractMedia(started, reader, manifest, folders, work, durations, warnings);
        return true;
      });
    }
    together(halves);
    work.checkpoint();
    DatabasePart databasePart = database.isPresent() ? manifest.databasePart() : null;
    StoragePart storagePart = folders == null ? null : manifest.storagePart();
    return new Begun(
        work.epoch(),
        new Exchange(databases.get(), folders),
        databasePart == null ? null : databasePart.bytes(),
        storagePart == null ? null : storagePart.bytes(),
        storagePart == null ? null : storagePart.files(),
        new LinkedHashMap<>(durations),
        List.copyOf(warnings));
  }

  private Exchange.Databases restoreDatabase(
      RestoreStarted started,
      ArchiveReader reader,
      Manifest manifest,
      DatabaseTarget database,
      Work work,
      Map<String, Duration> durations,
      List<String> warnings)
      throws ComponentFailure, IOException, InterruptedException {
    RunId run = started.restoreId();
    long begun = System.nanoTime();
    Path dump = makeWorkFolder(run).resolve(work.epoch() + DUMP_ENDING);
    reader.extractDatabase(
        dump, reporter(started, work, "fetch-database", bytes(manifest.databasePart())));
    work.checkpoint();
    durations.put("fetch-database", since(begun));

    begun = System.nanoTime();
    String scratch = database.restore(dump, run, work.epoch(), options(started), work, warnings);
    work.checkpoint();
    database.takeOver(scratch, warnings);
    Files.deleteIfExists(dump);
    durations.put("database", since(begun));
    return database.plan(run, scratch);
  }

  private void extractMedia(
      RestoreStarted started,
      ArchiveReader reader,
      Manifest manifest,
      Exchange.Folders folders,
      Work work,
      Map<String, Duration> durations,
      List<String> warnings)
      throws ComponentFailure, IOException, InterruptedException {
    long begun = System.nanoTime();
    Gate gate = gate(started, folders, work);
    gate.make();
    boolean root = NativeTools.isRoot();
    boolean owners = root && !options(started).leavesOwnersOut();
    warnings.addAll(
        reader.extractMedia(
            gate.next(),
            new ExtractOptions(owners, root),
            reporter(started, work, "fetch-media", bytes(manifest.storagePart()))));
    if (!root) {
      warnings.add("files belong to the user of the restore service: only root can give them");
    }
    gate.seal();
    durations.put("fetch-media", since(begun));
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
  private Begun takeBack(RestoreStarted started, RunId undone, Journal journal, Work work)
      throws ComponentFailure, IOException, InterruptedException {
    RunId run = started.restoreId();
    Exchange exchange =
        new Journal(runs.decisions(), undone, work).begun().orElseThrow().exchange();
    long begun = System.nanoTime();
    Exchange.@Nullable Databases theirs = exchange.database();
    Exchange.@Nullable Databases databases = null;
    if (theirs != null) {
      DatabaseTarget database = database(started).orElseThrow();
      database.checkExchange();
      databases = database.plan(run, theirs.previous() == null ? null : theirs.keptAs());
      if (!databases.name().equals(theirs.name())
          || !Objects.equals(databases.next(), theirs.previous())) {
        throw notKept(undone, "database " + theirs.keptAs());
      }
    }
    Exchange.@Nullable Folders folders = null;
    if (exchange.media() != null) {
      folders = MediaTarget.planUndoing(run, exchange.media());
      if (folders.nextFrom() != null && !Files.isDirectory(Path.of(folders.nextFrom()))) {
        throw notKept(undone, "folder " + folders.nextFrom());
      }
    }
    boolean _ = journal.append(new Preparing(work.epoch(), folders));
    if (folders != null) {
      Gate gate = gate(started, folders, work);
      gate.make();
      journal.requireCharge();
      if (folders.nextFrom() == null) {
        Path _ = Files.createDirectory(gate.next());
      } else {
        gate.takeNext(Path.of(folders.nextFrom()));
      }
      gate.seal();
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

  private RestoreCompleted completed(RestoreStarted started, Begun begun, Work work) {
    Exchange.@Nullable Databases databases = begun.exchange().database();
    Exchange.@Nullable Folders folders = begun.exchange().media();
    return new RestoreCompleted(
        started.restoreId(),
        started.source(),
        started.target(),
        work.next(1),
        started.archive(),
        started.components(),
        begun.databaseBytes(),
        begun.storageBytes(),
        begun.files(),
        begun.durations(),
        begun.warnings(),
        databases == null || databases.previous() == null ? null : databases.keptAs(),
        folders == null || !folders.existed() ? null : folders.keptAs(),
        started.undoes(),
        null,
        started.requestedBy());
  }

  /** Looks at everything and changes nothing. */
  private RestoreCompleted rehearsed(RestoreStarted started, Work work)
      throws ComponentFailure, IOException, InterruptedException {
    RunId run = started.restoreId();
    long begun = System.nanoTime();
    Optional<DatabaseTarget> database = database(started);
    Optional<MediaTarget> media = media(started);
    ArchiveReader reader = open(started, work);
    Manifest manifest = Manifest.parse(reader.manifest());
    Exchange.@Nullable Folders folders = media.isPresent() ? media.get().plan(run) : null;
    preflight(started, manifest, database, media, folders);
    Exchange.@Nullable Databases databases =
        database.isPresent() ? database.get().plan(run, null) : null;
    DatabasePart databasePart = database.isPresent() ? manifest.databasePart() : null;
    StoragePart storagePart = folders == null ? null : manifest.storagePart();
    Exchange exchange = new Exchange(databases, folders);
    return new RestoreCompleted(
        run,
        started.source(),
        started.target(),
        work.next(1),
        started.archive(),
        started.components(),
        databasePart == null ? null : databasePart.bytes(),
        storagePart == null ? null : storagePart.bytes(),
        storagePart == null ? null : storagePart.files(),
        Map.of("preflight", since(begun)),
        List.of(),
        null,
        null,
        null,
        Rehearsal.of(exchange, databasePart, storagePart, settings),
        started.requestedBy());
  }

  RestoreFailed failed(
      RestoreStarted started, FailureCode code, String message, boolean rolledBack, Work work) {
    return new RestoreFailed(
        started.restoreId(),
        started.source(),
        started.target(),
        work.next(1),
        code,
        message,
        rolledBack,
        started.requestedBy());
  }

  /** Opens the archive, and makes sure that it is the one that its manifest describes. */
  private ArchiveReader open(RestoreStarted started, Work work)
      throws ComponentFailure, IOException, InterruptedException {
    SourceName source = new SourceName(started.source());
    ObjectKey key = RunKeys.archive(source, started.archive());
    ObjectKey manifestKey = RunKeys.manifest(source, started.archive());
    ArchiveManifest beside =
        ArchiveManifest.parse(
            work.insist(() ->
                runs.store()
                    .read(manifestKey)
                    .orElseThrow(() -> new StoreException.Missing(manifestKey))));
    StoredObject object =
        work.insist(
            () -> runs.store().find(key).orElseThrow(() -> new StoreException.Missing(key)));
    if (object.bytes() != beside.archive().bytes()) {
      throw corrupt(
          "%s has %d bytes, its manifest says %d"
              .formatted(key, object.bytes(), beside.archive().bytes()));
    }
    ArchiveReader reader = ArchiveReader.open(runs.store(), object);
    if (!Manifest.parse(reader.manifest()).equals(beside.manifest())) {
      throw corrupt("the manifest in " + key + " is not the one beside it");
    }
    return reader;
  }

  private static ComponentFailure corrupt(String message) {
    return ComponentFailure.permanent(
        FailureCode.ARCHIVE_CORRUPT, message + "; use another archive", null);
  }

  /** Finds out whatever can be wrong before anything is fetched. */
  private void preflight(
      RestoreStarted started,
      Manifest manifest,
      Optional<DatabaseTarget> database,
      Optional<MediaTarget> media,
      Exchange.@Nullable Folders folders)
      throws ComponentFailure, IOException, InterruptedException {
    boolean replacing = options(started).replaces();
    if (database.isPresent()) {
      DatabasePart part = manifest.databasePart();
      database.get().check(part == null ? "0" : part.toolVersion(), replacing);
      requireRoomForDump(bytes(part));
    }
    if (media.isPresent() && folders != null) {
      if (!replacing) {
        media.get().requireEmpty();
      }
      media.get().requireExchangeable(folders, bytes(manifest.storagePart()));
    }
  }

  private void requireRoomForDump(long bytes) throws ComponentFailure, IOException {
    Path folder = Files.createDirectories(settings.dataDirectory());
    long free = Files.getFileStore(folder).getUsableSpace();
    if (free < bytes) {
      throw ComponentFailure.permanent(
          FailureCode.DISK_FULL,
          "data-directory %s has %,d bytes free, and the dump has %,d; free some"
              .formatted(folder, free, bytes),
          null);
    }
  }

  private Optional<DatabaseTarget> database(RestoreStarted started) throws ComponentFailure {
    Settings.@Nullable Database database = target(started).database();
    return database == null || !started.components().contains(Component.DATABASE)
        ? Optional.empty()
        : Optional.of(
            new DatabaseTarget(
                new Postgres(database),
                tools,
                settings.tools().pgRestore(),
                Runtime.getRuntime().availableProcessors()));
  }

  private Optional<MediaTarget> media(RestoreStarted started) throws ComponentFailure {
    Settings.@Nullable Media media = target(started).media();
    return media == null || !started.components().contains(Component.MEDIA)
        ? Optional.empty()
        : Optional.of(new MediaTarget(media.location()));
  }

  private Settings.Target target(RestoreStarted started) throws ComponentFailure {
    Settings.Target target = settings.targets().get(new TargetName(started.target()));
    if (target == null) {
      throw ComponentFailure.permanent(
          FailureCode.UNKNOWN_TARGET,
          "the configuration of this restore service has no target " + started.target(),
          null);
    }
    return target;
  }

  /**
   * @param before only what epochs before this one have left
   */
  private void removeScratch(RestoreStarted started, Journal journal, int before)
      throws IOException, ComponentFailure, InterruptedException {
    RunId run = started.restoreId();
    for (Exchange.Folders folders : journal.folders()) {
      Gate.remove(folders, run, before);
    }
    removeDumps(workFolder(run), before);
    Optional<DatabaseTarget> database = database(started);
    if (database.isPresent() && started.undoes() == null) {
      database.get().dropScratch(run, before);
    }
  }

  private void removeForgottenDumps() throws IOException {
    Path all = settings.dataDirectory().resolve("restore");
    if (!Files.isDirectory(all)) {
      return;
    }
    try (var folders = Files.newDirectoryStream(all)) {
      for (Path folder : folders) {
        Optional<RunId> run = RunId.ifValid(String.valueOf(folder.getFileName()));
        if (run.isPresent() && runs.decisions().isMade(RunKeys.outcome(run.get()))) {
          removeDumps(folder, Integer.MAX_VALUE);
        }
      }
    }
  }

  private static void removeDumps(Path folder, int before) throws IOException {
    if (!Files.isDirectory(folder)) {
      return;
    }
    boolean all = true;
    try (var dumps = Files.newDirectoryStream(folder, "*" + DUMP_ENDING)) {
      for (Path dump : dumps) {
        String name = String.valueOf(dump.getFileName());
        String epoch = name.substring(0, name.length() - DUMP_ENDING.length());
        boolean old = epoch.matches("\\d{1,9}") && Integer.parseInt(epoch) < before;
        if (old) {
          Files.deleteIfExists(dump);
        }
        all &= old;
      }
    }
    if (all) {
      Files.deleteIfExists(folder);
    }
  }

  private Path workFolder(RunId run) {
    return settings.dataDirectory().resolve("restore").resolve(run.value());
  }

  private Path makeWorkFolder(RunId run) throws IOException {
    Path folder = Files.createDirectories(workFolder(run));
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));
    return folder;
  }

  private ProgressListener reporter(RestoreStarted started, Work work, String phase, long total) {
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

  private static long bytes(@Nullable DatabasePart part) {
    return part == null ? 0 : part.bytes();
  }

  private static long bytes(@Nullable StoragePart part) {
    return part == null ? 0 : part.bytes();
  }

  private static Duration since(long nanoTime) {
    return Duration.ofNanos(System.nanoTime() - nanoTime);
  }
}
