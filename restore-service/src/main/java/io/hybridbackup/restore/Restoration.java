package io.hybridbackup.restore;

import io.hybridbackup.common.archive.ArchiveCorruptException;
import io.hybridbackup.common.archive.ArchiveReader;
import io.hybridbackup.common.archive.ExtractOptions;
import io.hybridbackup.common.archive.ProgressListener;
import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.RestoreProgressed;
import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Decision;
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
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries out one restore. Everything is fetched, verified and made whole beside the targets first;
 * a failure up to there leaves them untouched. Then the files go in, and last the database takes
 * its name, which is one transaction. A later epoch repeats what an earlier one had not finished.
 */
final class Restoration {
  private static final Logger LOG = LoggerFactory.getLogger(Restoration.class);

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
   * What the targets were before the restore; decided once, when both were seen to be empty.
   *
   * @param media null if the folder was not there, or is not restored
   */
  record Before(MediaTarget.@Nullable Folder media) {}

  /**
   * A step after which the target is no longer what it was: decided before it is taken.
   *
   * @param epoch the one that came there first
   * @param durations by phase, up to there
   * @param warnings up to there
   */
  record Step(int epoch, Map<String, Duration> durations, List<String> warnings) {}

  /** What became of the targets of a failed restore. */
  enum Undone {
    AS_BEFORE,
    /** The restore had succeeded after all. */
    IN_PLACE,
    NOT_KNOWN
  }

  /**
   * Restores, unless an earlier epoch has done so and could not say it any more.
   *
   * @param deadline after which nothing more is begun
   */
  RestoreCompleted restore(RestoreStarted started, Instant deadline, Work work)
      throws ComponentFailure, InterruptedException {
    try {
      ArchiveReader reader = open(started, work);
      Manifest manifest = Manifest.parse(reader.manifest());
      if (isInPlace(started, work)) {
        Step step =
            work.insist(() -> runs.decisions().find(swapping(started.restoreId()))).orElseThrow();
        return completed(started, work, manifest, step.durations(), step.warnings());
      }
      if (!clock.instant().isBefore(deadline)) {
        throw ComponentFailure.permanent(
            FailureCode.DEADLINE, "the restore had not ended by its deadline, " + deadline, null);
      }
      removeScratch(started);
      return restoreAnew(started, reader, manifest, work);
    } catch (ArchiveCorruptException | UnreadableManifestException e) {
      throw ComponentFailure.permanent(
          FailureCode.ARCHIVE_CORRUPT,
          "archive " + started.archive() + " is damaged: " + e.getMessage() + "; use another one",
          e);
    } catch (IOException e) {
      String said = String.valueOf(e.getMessage());
      throw said.contains("No space left on device")
          ? ComponentFailure.permanent(
              FailureCode.DISK_FULL,
              "there is no room left in data-directory or beside the target folder: "
                  + said
                  + "; free some and ask again",
              e)
          : ComponentFailure.passing(FailureCode.INTERNAL, "the restore broke off: " + e, e);
    }
  }

  /** The database goes in last, and a restore without one says itself that it is done. */
  private boolean isInPlace(RestoreStarted started, Work work)
      throws ComponentFailure, InterruptedException {
    RunId run = started.restoreId();
    if (work.insist(() -> runs.decisions().isMade(inPlace(run)))) {
      return true;
    }
    Optional<DatabaseTarget> database = database(started);
    return database.isPresent()
        && work.insist(() -> runs.decisions().isMade(swapping(run)))
        && database.get().isRestoredBy(run);
  }

  /** Undoes what a failed restore has done so far. */
  Undone rollBack(RestoreStarted started, Work work) throws InterruptedException {
    RunId run = started.restoreId();
    Optional<Before> before = work.insist(() -> runs.decisions().find(before(run)));
    boolean filling = work.insist(() -> runs.decisions().isMade(filling(run)));
    try {
      if (before.isPresent() && isInPlace(started, work)) {
        return Undone.IN_PLACE;
      }
      Optional<MediaTarget> media = media(started);
      if (before.isPresent() && filling && media.isPresent()) {
        media.get().empty(Optional.ofNullable(before.get().media()), work);
      }
      return Undone.AS_BEFORE;
    } catch (IOException | ComponentFailure e) {
      LOG.atError().addKeyValue("run", run).setCause(e).log("the restore could not be rolled back");
      return Undone.NOT_KNOWN;
    }
  }

  /**
   * Removes what a restore that has ended left beside its targets, and dumps of others that ended
   * elsewhere.
   */
  void tidyUp(RestoreStarted started) throws IOException, ComponentFailure {
    // What was refused has left nothing, and its target may never answer.
    if (runs.decisions().isMade(before(started.restoreId()))) {
      removeScratch(started);
    }
    removeForgottenDumps();
  }

  private RestoreCompleted restoreAnew(
      RestoreStarted started, ArchiveReader reader, Manifest manifest, Work work)
      throws ComponentFailure, IOException, InterruptedException {
    RunId run = started.restoreId();
    Map<String, Duration> durations = new LinkedHashMap<>();
    List<String> warnings = new ArrayList<>();
    Optional<DatabaseTarget> database = database(started);
    Optional<MediaTarget> media = media(started);

    long begun = System.nanoTime();
    preflight(started, work, manifest, database, media);
    durations.put("preflight", since(begun));

    begun = System.nanoTime();
    Path dump = null;
    Path files = null;
    if (database.isPresent()) {
      dump = makeWorkFolder(run).resolve(work.epoch() + ".dump");
      reader.extractDatabase(
          dump, reporter(started, work, "fetch-database", bytes(manifest.databasePart())));
      work.checkpoint();
    }
    if (media.isPresent()) {
      files = media.get().makeScratch(run, work.epoch());
      boolean root = NativeTools.isRoot();
      warnings.addAll(
          reader.extractMedia(
              files,
              new ExtractOptions(root, root),
              reporter(started, work, "fetch-media", bytes(manifest.storagePart()))));
      if (!root) {
        warnings.add("files belong to the user of the restore service: only root can give them");
      }
      work.checkpoint();
    }
    durations.put("fetch", since(begun));

    begun = System.nanoTime();
    String scratch = null;
    if (dump != null) {
      scratch = database.orElseThrow().restore(dump, run, work.epoch(), work, warnings);
      work.checkpoint();
    }
    durations.put("database", since(begun));

    begun = System.nanoTime();
    if (files != null) {
      beginFilling(run, media.orElseThrow(), work);
      media.orElseThrow().fill(files, work);
      work.checkpoint();
    }
    if (scratch != null) {
      database.orElseThrow().prepareSwap(scratch, warnings);
    }
    durations.put("put-in-place", since(begun));
    Step step = new Step(work.epoch(), durations, warnings);
    Step _ = work.insist(() -> runs.decisions().decide(swapping(run), step));
    if (scratch != null) {
      database.orElseThrow().swapIn(scratch, run);
    }
    Step _ = work.insist(() -> runs.decisions().decide(inPlace(run), step));
    return completed(started, work, manifest, durations, warnings);
  }

  /** From here on what is in the target folder is this restore's own. */
  private void beginFilling(RunId run, MediaTarget media, Work work)
      throws ComponentFailure, IOException, InterruptedException {
    if (work.insist(() -> runs.decisions().isMade(filling(run)))) {
      // What an earlier try has left of its files.
      media.empty(media.look(), work);
      return;
    }
    media.requireEmpty();
    Step step = new Step(work.epoch(), Map.of(), List.of());
    Step _ = work.insist(() -> runs.decisions().decide(filling(run), step));
  }

  private RestoreCompleted completed(
      RestoreStarted started,
      Work work,
      Manifest manifest,
      Map<String, Duration> durations,
      List<String> warnings) {
    DatabasePart database =
        started.components().contains(Component.DATABASE) ? manifest.databasePart() : null;
    StoragePart storage =
        started.components().contains(Component.MEDIA) ? manifest.storagePart() : null;
    return new RestoreCompleted(
        started.restoreId(),
        started.source(),
        started.target(),
        work.next(1),
        started.archive(),
        started.components(),
        database == null ? null : database.bytes(),
        storage == null ? null : storage.bytes(),
        storage == null ? null : storage.files(),
        durations,
        warnings,
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
      Work work,
      Manifest manifest,
      Optional<DatabaseTarget> database,
      Optional<MediaTarget> media)
      throws ComponentFailure, IOException, InterruptedException {
    Decision<Before> decision = before(started.restoreId());
    if (work.insist(() -> runs.decisions().find(decision)).isPresent()) {
      return;
    }
    if (database.isPresent()) {
      DatabasePart part = manifest.databasePart();
      database.get().requireEmpty(part == null ? "0" : part.toolVersion());
      requireRoomForDump(bytes(part));
    }
    if (media.isPresent()) {
      media.get().requireEmpty();
      media.get().requireRoom(bytes(manifest.storagePart()));
    }
    Before mine = new Before(media.isPresent() ? media.get().look().orElse(null) : null);
    Before standing = work.insist(() -> runs.decisions().decide(decision, mine));
    LOG.atInfo()
        .addKeyValue("run", started.restoreId())
        .addKeyValue("target", started.target())
        .addKeyValue("before", standing)
        .log("the target is empty");
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

  private static Decision<Before> before(RunId run) {
    return new Decision<>(RunKeys.epochs(run, Component.RESTORE).resolve("before"), Before.class);
  }

  private static Decision<Step> filling(RunId run) {
    return new Decision<>(RunKeys.epochs(run, Component.RESTORE).resolve("filling"), Step.class);
  }

  private static Decision<Step> swapping(RunId run) {
    return new Decision<>(RunKeys.epochs(run, Component.RESTORE).resolve("swapping"), Step.class);
  }

  private static Decision<Step> inPlace(RunId run) {
    return new Decision<>(RunKeys.epochs(run, Component.RESTORE).resolve("in-place"), Step.class);
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
        : Optional.of(new MediaTarget(media.location(), tools, settings.tools().rsync()));
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

  private void removeScratch(RestoreStarted started) throws IOException, ComponentFailure {
    Optional<MediaTarget> media = media(started);
    if (media.isPresent()) {
      media.get().removeScratch(started.restoreId());
    }
    removeDumps(workFolder(started.restoreId()));
    Optional<DatabaseTarget> database = database(started);
    if (database.isPresent()) {
      database.get().dropScratch(started.restoreId());
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
          removeDumps(folder);
        }
      }
    }
  }

  private static void removeDumps(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return;
    }
    try (var dumps = Files.newDirectoryStream(folder)) {
      for (Path dump : dumps) {
        Files.deleteIfExists(dump);
      }
    }
    Files.deleteIfExists(folder);
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
