package io.hybridbackup.mediasync;

import io.hybridbackup.common.archive.ArchiveCorruptException;
import io.hybridbackup.common.archive.ArchiveReader;
import io.hybridbackup.common.archive.Compressor;
import io.hybridbackup.common.archive.EntryPath;
import io.hybridbackup.common.archive.EscapedPath;
import io.hybridbackup.common.archive.MediaPart;
import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.archive.PartObjects;
import io.hybridbackup.common.archive.PartReader;
import io.hybridbackup.common.event.Fact.MediaPrepared;
import io.hybridbackup.common.event.Fact.MediaSyncCompleted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.MediaReferences;
import io.hybridbackup.common.job.PartMaker;
import io.hybridbackup.common.job.PartOutcome;
import io.hybridbackup.common.job.ProgressReporter;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Told;
import io.hybridbackup.common.job.Verdict;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.manifest.KindChanges;
import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.manifest.References;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.StoredObject;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings a source's staging folder up to date in passes of the real rsync, around the database's
 * snapshot, and packs it.
 */
final class MediaPartMaker implements PartMaker {
  private static final Logger LOG = LoggerFactory.getLogger(MediaPartMaker.class);

  /** After a first pass as short as this a second one before the snapshot would gain nothing. */
  private static final Duration QUICK = Duration.ofSeconds(5);

  /** What the clocks of filesystems and machines may differ in. */
  private static final Duration CLOCKS = Duration.ofMinutes(1);

  private static final int NAMED_WARNINGS = 100;

  private static final Duration STAGING_POLL = Duration.ofSeconds(1);

  private final Settings settings;
  private final Runs runs;
  private final EventPublisher publisher;
  private final NativeTools tools;
  private final Compressor compressor;
  private final Clock clock;

  MediaPartMaker(
      Settings settings,
      Runs runs,
      EventPublisher publisher,
      NativeTools tools,
      Compressor compressor,
      Clock clock) {
    this.settings = settings;
    this.runs = runs;
    this.publisher = publisher;
    this.tools = tools;
    this.compressor = compressor;
    this.clock = clock;
  }

  @Override
  public Component component() {
    return Component.MEDIA;
  }

  @Override
  public Made make(Task task, List<PartReader> earlier, Work work)
      throws ComponentFailure, ArchiveCorruptException, InterruptedException {
    Settings.Source source = source(task.source());
    Settings.Media media = Objects.requireNonNull(source.media());
    Rsync rsync = new Rsync(tools, settings.tools().rsync(), media, patience());
    Path folder = settings.dataDirectory().resolve("staging").resolve(task.source());
    try (Staging staging = open(folder, media, work)) {
      StagedTree tree =
          switch (media.staging()) {
            case COPY -> new CopiedTree(staging, rsync, tools, media.location());
            case LINK -> new LinkedTree(staging, rsync, tools, media.location());
          };
      Made made;
      try {
        made = make(task, earlier, work, staging, tree, source, rsync.version());
      } catch (ComponentFailure | IOException e) {
        tree.end();
        throw e;
      }
      tree.end();
      return made;
    } catch (ArchiveCorruptException e) {
      throw e;
    } catch (AccessDeniedException e) {
      throw ComponentFailure.permanent(
          FailureCode.MEDIA_PERMISSION,
          "what is staged of "
              + media.location()
              + " may not be read or moved; let this service read it: "
              + e.getMessage(),
          e);
    } catch (IOException e) {
      throw Staging.isFull(e)
          ? Staging.full(media.location(), String.valueOf(e.getMessage()), e)
          : ComponentFailure.passing(
              FailureCode.INTERNAL, "the staging folder " + folder + ": " + e, e);
    }
  }

  private Made make(
      Task task,
      List<PartReader> earlier,
      Work work,
      Staging staging,
      StagedTree tree,
      Settings.Source source,
      String version)
      throws ComponentFailure, IOException, InterruptedException {
    requireMounted(Objects.requireNonNull(source.media()), staging);
    Map<String, Duration> durations = new LinkedHashMap<>();
    long begun = System.nanoTime();
    int passes = prepare(task, work, staging, tree);
    durations.put("media-prepare", since(begun));

    @Nullable KindChanges kindChanges = null;
    if (task.opened().started().components().contains(Component.DATABASE)) {
      awaitSnapshot(task, work);
      begun = System.nanoTime();
      kindChanges = kindChanges(tree.update(work, reporter(task, work, "final-pass")));
      tree.settle(work, reporter(task, work, "final-pass"));
      passes++;
      durations.put("media-final-pass", since(begun));
    } else {
      tree.settle(work, reporter(task, work, "first-pass"));
    }
    ReferencedFiles referenced = referenced(task, work, tree, source);
    References counted = referenced == null ? null : count(referenced, task, source);

    begun = System.nanoTime();
    Set<Path> vanished = new HashSet<>();
    PartInventory packed = pack(task, earlier, work, tree, source, vanished, referenced);
    PartInventory inventory = warned(warned(packed, tree.unsettled()), kindChanges, counted);
    durations.put("media-pack", since(begun));
    return new Made(
        inventory,
        Map.of("rsync", version),
        durations,
        passes,
        vanished.size(),
        kindChanges,
        counted,
        origin ->
            new MediaSyncCompleted(
                task.run(),
                task.source(),
                origin,
                inventory.files(),
                inventory.unpackedBytes(),
                inventory.content().stream().mapToLong(slice -> slice.bytes()).sum()));
  }

  /** It has media. */
  private Settings.Source source(String name) throws ComponentFailure {
    Settings.Source source = settings.sources().get(new SourceName(name));
    Settings.@Nullable Media media = source == null ? null : source.media();
    if (source == null || media == null) {
      throw ComponentFailure.permanent(
          FailureCode.UNKNOWN_SOURCE,
          "the configuration of the media-sync service has no media for source "
              + name
              + "; give all services the same configuration",
          null);
    }
    if (!Files.isDirectory(media.location())) {
      throw ComponentFailure.permanent(
          FailureCode.MEDIA_MISSING,
          "the media folder "
              + media.location()
              + " of source "
              + name
              + " is not there; mount it or correct its location",
          null);
    }
    return source;
  }

  /** An earlier run that has not noticed its end yet may still have the folder. */
  private Staging open(Path folder, Settings.Media media, Work work)
      throws ComponentFailure, InterruptedException {
    Optional<Staging> staging = Staging.tryOpen(folder, media);
    if (staging.isEmpty()) {
      LOG.atWarn()
          .addKeyValue("run", work.run())
          .addKeyValue("folder", folder)
          .addKeyValue("holder", Staging.holder(Staging.lock(folder)).orElse("unknown"))
          .log("another worker has the staging folder; waiting for it");
    }
    long end = System.nanoTime() + patience().toNanos();
    while (staging.isEmpty()) {
      if (System.nanoTime() - end > 0) {
        throw Staging.busy(Staging.lock(folder));
      }
      Optional<Boolean> _ = work.await(Optional::empty, STAGING_POLL);
      staging = Staging.tryOpen(folder, media);
    }
    return staging.get();
  }

  /** The database goes on without the media later than this. */
  private Duration patience() {
    return settings.jobs().prepareWait().dividedBy(2);
  }

  /** A volume that is not mounted looks like an empty folder, and would empty the copy as well. */
  private static void requireMounted(Settings.Media media, Staging staging)
      throws ComponentFailure, IOException {
    Optional<Path> evidence = staging.evidence();
    if (evidence.isPresent() && Staging.isEmpty(media.location())) {
      throw ComponentFailure.permanent(
          FailureCode.MEDIA_MISSING,
          "the media folder "
              + media.location()
              + " is empty, though it was not at the last backup; mount it, or if it is meant to be"
              + " empty, delete "
              + evidence.get(),
          null);
    }
  }

  /** How many passes there were. */
  private int prepare(Task task, Work work, Staging staging, StagedTree tree)
      throws ComponentFailure, IOException, InterruptedException {
    boolean announced =
        work.insist(() -> runs.decisions().isMade(RunKeys.prepared(task.run(), task.attempt())));
    if (announced) {
      if (!staging.isPreparedFor(task.run(), task.attempt())) {
        throw ComponentFailure.passing(
            FailureCode.INTERRUPTED,
            "media had been prepared elsewhere, and what was staged there is out of reach",
            null);
      }
      return 1;
    }
    staging.unprepare();
    tree.begin(work);
    int passes = 1;
    long begun = System.nanoTime();
    tree.mirror(work, reporter(task, work, "first-pass"));
    if (since(begun).compareTo(QUICK) > 0) {
      tree.mirror(work, reporter(task, work, "second-pass"));
      passes++;
    }
    staging.prepared(task.run(), task.attempt());
    Told prepared =
        new Told(
            new Announcement(
                new MediaPrepared(task.run(), task.source(), work.next(task.attempt())),
                clock.instant()));
    Told standing =
        work.insist(
            () -> runs.decisions().decide(RunKeys.prepared(task.run(), task.attempt()), prepared));
    if (!standing.equals(prepared)) {
      // The database may have gone by it already, and what was staged here came later.
      throw ComponentFailure.passing(
          FailureCode.INTERRUPTED, "another worker had prepared the media meanwhile", null);
    }
    work.insist(() -> publisher.publish(standing.announcement().envelope()));
    return passes;
  }

  private PartInventory pack(
      Task task,
      List<PartReader> earlier,
      Work work,
      StagedTree tree,
      Settings.Source source,
      Set<Path> vanished,
      @Nullable ReferencedFiles referenced)
      throws IOException {
    Settings.Media media = Objects.requireNonNull(source.media());
    try (PartObjects objects =
        new PartObjects(
            runs.store(), RunKeys.work(task.run(), task.attempt(), component(), work.epoch()))) {
      PartInventory inventory =
          MediaPart.write(
              tree.root(),
              file -> hasVanished(media.location().resolve(file), vanished),
              referenced == null ? MediaPart.Missing.NONE : referenced,
              new MediaPart.Earlier(earlier, trusted(task, media)),
              objects,
              compressor.at(source.compression().media()),
              reporter(task, work, "pack"));
      return NativeTools.isRoot()
          ? inventory
          : inventory.warned(
              "all files belong to the user of the media-sync service: only root can copy owners");
    }
  }

  /**
   * Before when a file was modified that size and time tell all of. In a copy that is for rsync to
   * know; of links, the files themselves are written to while they are packed.
   */
  private Instant trusted(Task task, Settings.Media media) throws IOException {
    if (media.checksum()) {
      return Instant.MIN;
    }
    if (media.staging() == Settings.Staging.COPY) {
      return Instant.MAX;
    }
    Optional<StoredObject> base = task.opened().base(Component.MEDIA);
    OffsetDateTime begun =
        base.isEmpty()
            ? runs.decisions().find(RunKeys.opened(task.run(), 1)).orElse(task.opened()).timestamp()
            : Manifest.parse(ArchiveReader.open(runs.store(), base.get()).manifest()).timestamp();
    return begun.toInstant().minus(CLOCKS);
  }

  private void awaitSnapshot(Task task, Work work) throws ComponentFailure, InterruptedException {
    Optional<Told> snapshot =
        work.await(
            () -> runs.decisions().find(RunKeys.snapshot(task.run(), task.attempt())),
            settings.jobs().deadline());
    if (snapshot.isEmpty()) {
      throw ComponentFailure.passing(
          FailureCode.DEADLINE, "the database took no snapshot in time", null);
    }
  }

  /** What the rows refer to in the attempt's snapshot; null if nobody has to say so. */
  private @Nullable ReferencedFiles referenced(
      Task task, Work work, StagedTree tree, Settings.Source source)
      throws ComponentFailure, IOException, InterruptedException {
    if (source.mediaReferences() == null
        || !task.opened().started().components().contains(Component.DATABASE)) {
      return null;
    }
    Optional<Optional<MediaReferences>> listed =
        work.await(() -> listed(task), settings.jobs().deadline());
    MediaReferences list =
        listed
            .flatMap(found -> found)
            .orElseThrow(() ->
                ComponentFailure.permanent(
                    FailureCode.MEDIA_REFERENCES_FAILED,
                    "the db-dump service has not listed what rows of source "
                        + task.source()
                        + " refer to; give all services the same configuration",
                    null));
    Path location = Objects.requireNonNull(source.media()).location();
    return new ReferencedFiles(runs.store(), list, location, tree.root());
  }

  /** Empty as long as there may be a list yet; there is none within if there will be none. */
  private Optional<Optional<MediaReferences>> listed(Task task) {
    boolean dumped =
        runs.decisions()
                .find(RunKeys.part(task.run(), task.attempt(), Component.DATABASE))
                .orElse(null)
            instanceof PartOutcome.Committed;
    Optional<MediaReferences> list =
        runs.decisions().find(RunKeys.references(task.run(), task.attempt()));
    return list.isPresent() || dumped ? Optional.of(list) : Optional.empty();
  }

  /**
   * Counts what is missing.
   *
   * @throws ComponentFailure if another snapshot may show that nothing is, or the source is strict
   */
  private References count(ReferencedFiles referenced, Task task, Settings.Source source)
      throws ComponentFailure, IOException {
    References counted = referenced.count();
    if (counted.missing() > 0) {
      if (isFirstToMiss(task)) {
        throw ComponentFailure.passing(
            FailureCode.MEDIA_REFERENCES_MISSING, message(counted), null);
      }
      if (Objects.requireNonNull(source.mediaReferences()).strict()) {
        throw ComponentFailure.permanent(
            FailureCode.MEDIA_REFERENCES_MISSING, message(counted), null);
      }
    }
    return counted;
  }

  /** No earlier attempt has failed for what was missing, and there may be a later one. */
  private boolean isFirstToMiss(Task task) {
    for (int attempt = 1; attempt < task.attempt(); attempt++) {
      if (runs.decisions().find(RunKeys.verdict(task.run(), attempt)).orElse(null)
              instanceof Verdict.Voided voided
          && voided.code() == FailureCode.MEDIA_REFERENCES_MISSING) {
        return false;
      }
    }
    return runs.spentAttempts(task.run(), task.attempt()) < settings.jobs().attempts();
  }

  private static String message(References counted) {
    return counted.missing()
        + " of "
        + counted.referenced()
        + " paths that rows of the database refer to are not among the files, such as "
        + counted.paths().stream().limit(3).collect(Collectors.joining(", "))
        + "; look for what removes files before or soon after their rows";
  }

  private static PartInventory warned(
      PartInventory packed, @Nullable KindChanges kindChanges, @Nullable References counted) {
    PartInventory warned =
        counted == null || counted.missing() == 0 ? packed : packed.warned(message(counted));
    return kindChanges == null ? warned : warned.warned(message(kindChanges));
  }

  private static PartInventory warned(PartInventory packed, List<EntryPath> unsettled) {
    PartInventory warned = packed;
    for (EntryPath path : unsettled.subList(0, Math.min(unsettled.size(), NAMED_WARNINGS))) {
      warned = warned.warned(MediaPart.changedWhileRead(MediaPart.ROOT.resolve(path)));
    }
    return unsettled.size() <= NAMED_WARNINGS
        ? warned
        : warned.warned("and " + (unsettled.size() - NAMED_WARNINGS) + " more of these");
  }

  private static @Nullable KindChanges kindChanges(Set<Path> changed) {
    return changed.isEmpty()
        ? null
        : new KindChanges(
            changed.size(),
            changed.stream()
                .limit(KindChanges.NAMED)
                .map(path -> EscapedPath.brief(EntryPath.of(path)))
                .toList());
  }

  private static String message(KindChanges changes) {
    return ("%d paths became something else between the passes, such as %s; the archive has what they"
            + " are now, and not what they were at the snapshot")
        .formatted(
            changes.count(), changes.paths().stream().limit(3).collect(Collectors.joining(", ")));
  }

  private ProgressReporter reporter(Task task, Work work, String phase) {
    return new ProgressReporter(publisher, clock, work, task, phase);
  }

  /** It may be asked more than once of a file. */
  private static boolean hasVanished(Path file, Set<Path> vanished) {
    boolean gone = !Files.exists(file, LinkOption.NOFOLLOW_LINKS);
    if (gone) {
      vanished.add(file);
    }
    return gone;
  }

  private static Duration since(long nanoTime) {
    return Duration.ofNanos(System.nanoTime() - nanoTime);
  }
}
