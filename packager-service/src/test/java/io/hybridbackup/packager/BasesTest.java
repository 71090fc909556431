package io.hybridbackup.packager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.archive.Compressor;
import io.hybridbackup.common.archive.DatabasePart;
import io.hybridbackup.common.archive.MediaPart;
import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.archive.PartObjects;
import io.hybridbackup.common.archive.PartReader;
import io.hybridbackup.common.archive.ProgressListener;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupCancelled;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupFailed;
import io.hybridbackup.common.event.Fact.BackupOutcome;
import io.hybridbackup.common.event.Fact.DatabaseDumpCompleted;
import io.hybridbackup.common.event.Fact.DatabaseSnapshotTaken;
import io.hybridbackup.common.event.Fact.MediaPrepared;
import io.hybridbackup.common.event.Fact.MediaSyncCompleted;
import io.hybridbackup.common.event.Fact.TerminalFact;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.Claim;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.DamagedArchives;
import io.hybridbackup.common.job.Heard;
import io.hybridbackup.common.job.Job;
import io.hybridbackup.common.job.Leases;
import io.hybridbackup.common.job.Outcome;
import io.hybridbackup.common.job.PartJobs;
import io.hybridbackup.common.job.PartMaker;
import io.hybridbackup.common.job.PartOutcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Told;
import io.hybridbackup.common.job.Verdict;
import io.hybridbackup.common.job.Verdict.Voided;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.job.Worker;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.messaging.TestPublisher;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.Piece;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoreException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Backups that build upon one another, in a folder, but without pg_dump, rsync and a broker. */
@Timeout(120)
class BasesTest {
  private static final Origin ORIGIN = new Origin(Component.PACKAGER, 0, 0, 1);
  private static final Duration HOUR = Duration.ofHours(1);
  private static final Duration SOON = Duration.ofSeconds(30);
  private static final int FILES = 20;
  private static final int FILE_BYTES = 100_000;
  private static final int DUMP_BYTES = 1_000_000;

  @TempDir private Path folder;
  private final Clock clock = Clock.systemUTC();
  private final NativeTools tools = new NativeTools();
  private final Compressor compressor = Compressor.open(2);
  private final EventPublisher publisher = TestPublisher.to(record -> {});
  private final List<Worker> workers = new ArrayList<>();
  private final AtomicInteger compositions = new AtomicInteger();

  /** Nothing is composed. */
  private volatile boolean composing = true;

  /** The store is away from the first composition until there have been so many. */
  private volatile int away;

  /** Nothing of it can be read, once an archive is being composed. */
  private volatile @Nullable ObjectKey unreadable;

  /** Opening a range of it fails as while the store is away. */
  private volatile @Nullable ObjectKey refused;

  private volatile boolean databaseFails;
  private byte[] dump;
  private Runs runs;
  private int requests;

  @BeforeEach
  void makeSource() throws IOException {
    Random random = new Random(1);
    Path media = Files.createDirectory(folder.resolve("media"));
    byte[] content = new byte[FILE_BYTES];
    for (int file = 0; file < FILES; file++) {
      random.nextBytes(content);
      Files.write(media.resolve("file-" + file), content);
    }
    dump = new byte[DUMP_BYTES];
    random.nextBytes(dump);
    FilesystemObjectStore directory = new FilesystemObjectStore(folder.resolve("store"));
    runs =
        new Runs(
            (ObjectStore)
                Proxy.newProxyInstance(
                    ObjectStore.class.getClassLoader(),
                    new Class<?>[] {ObjectStore.class},
                    (_, method, arguments) -> {
                      befall(method.getName(), arguments);
                      if (isUnreadable(method.getName(), arguments)) {
                        return new Unreadable();
                      }
                      try {
                        return method.invoke(directory, arguments);
                      } catch (InvocationTargetException e) {
                        throw e.getCause();
                      }
                    }));
  }

  @AfterEach
  void close() {
    workers.forEach(Worker::close);
    compressor.close();
    tools.close();
  }

  @SuppressWarnings("unchecked")
  private void befall(String method, Object[] arguments) {
    if (method.equals("compose")) {
      int _ = compositions.incrementAndGet();
      for (Piece piece : (List<Piece>) arguments[1]) {
        if (piece instanceof Slice slice && (slice.object().equals(unreadable) || isAway())) {
          throw new StoreException.Unavailable("could not copy", null, slice);
        }
      }
      if (!composing) {
        throw new StoreException.Unavailable("could not compose", null);
      }
    }
    if (isAway() || (method.equals("open") && ((Slice) arguments[0]).object().equals(refused))) {
      throw new StoreException.Unavailable("the store is away", null);
    }
  }

  private boolean isAway() {
    return compositions.get() > 0 && compositions.get() < away;
  }

  private boolean isUnreadable(String method, Object[] arguments) {
    return compositions.get() > 0
        && method.equals("open")
        && ((Slice) arguments[0]).object().equals(unreadable);
  }

  private static final class Unreadable extends InputStream {
    @Override
    public int read() throws IOException {
      throw new IOException("Input/output error");
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      throw new IOException("Input/output error");
    }
  }

  @Test
  void shouldEndAtItsDeadlineThoughNothingCanBeComposed() {
    // given
    begin(true, 0);
    composing = false;

    // when
    RunId run = request(Component.parts(), Duration.ofSeconds(3));

    // then
    assertThat(end(run, BackupFailed.class).code()).isEqualTo(FailureCode.DEADLINE);
    assertThat(compositions).hasPositiveValue();
  }

  @Test
  void shouldEndWhenItIsCancelledThoughNothingCanBeComposed() {
    // given
    begin(true, 0);
    composing = false;
    RunId run = request(Component.parts(), HOUR);
    await().atMost(SOON).until(() -> compositions.get() > 2);

    // when
    BackupCancelled cancelled =
        new BackupCancelled(run, BackupProtocol.SOURCE.value(), ORIGIN, null, null);
    Outcome _ =
        runs.decisions()
            .decide(
                RunKeys.outcome(run), new Outcome(new Announcement(cancelled, clock.instant()), 0));

    // then
    assertThat(end(run, BackupCancelled.class)).isEqualTo(cancelled);
  }

  @Test
  void shouldDoWithoutABaseThatCannotBeReadWhenTheArchiveIsComposed() {
    // given
    begin(true, 0);
    ObjectKey base = archive(backUp(Component.parts()));
    compositions.set(0);
    unreadable = base;

    // when
    RunId run = request(Component.parts(), HOUR);

    // then
    BackupCompleted completed = end(run, BackupCompleted.class);
    assertThat(completed.origin().attempt()).isEqualTo(2);
    assertThat(completed.reusedBytes()).isZero();
    assertThat(voided(run))
        .satisfies(verdict -> assertThat(verdict.code()).isEqualTo(FailureCode.BASE_CHANGED))
        .satisfies(verdict -> assertThat(verdict.reason()).contains(base + " cannot be read"));
  }

  @Test
  void shouldDoWithoutABaseForWhichTheStoreAnswersAsIfItWereAway() {
    // given
    begin(true, 100);
    refused = archive(backUp(Component.parts()));

    // when
    BackupCompleted completed = backUp(Component.parts());

    // then
    assertThat(completed.origin().attempt()).isEqualTo(4);
    assertThat(completed.reusedBytes()).isZero();
  }

  @Test
  void shouldSpendNoAttemptOnAnOutageOfTheStore() {
    // given
    begin(true, 0);
    BackupCompleted _ = backUp(Component.parts());
    compositions.set(0);
    away = 5;

    // when
    BackupCompleted completed = backUp(Component.parts());

    // then
    assertThat(compositions).hasValue(5);
    assertThat(completed.origin().attempt()).isEqualTo(1);
    assertThat(completed.reusedBytes()).isPositive();
  }

  @Test
  void shouldTellOfADamagedBaseThatOnlyTheChecksumOfTheWholeShows() throws IOException {
    // given
    begin(true, 0);
    ObjectKey base = archive(backUp(Component.parts()));
    damage(base);

    // when
    RunId run = request(Component.parts(), HOUR);

    // then
    BackupCompleted completed = end(run, BackupCompleted.class);
    assertThat(completed.origin().attempt()).isEqualTo(2);
    assertThat(completed.reusedBytes()).isZero();
    assertThat(completed.state()).isEqualTo(BackupOutcome.COMPLETE_WITH_WARNINGS);
    assertThat(completed.warnings())
        .anyMatch(warning -> warning.contains("is damaged") && warning.contains(base.name()));
    assertThat(new DamagedArchives(runs.store()).finding(base)).isPresent();
    assertThat(voided(run).code()).isEqualTo(FailureCode.BASE_CHANGED);
  }

  @Test
  void shouldReadAShareOfTheBaseThoughNothingElseIsReadBack() throws IOException {
    // given
    begin(false, 100);
    damage(archive(backUp(Component.parts())));

    // when
    RunId run = request(Component.parts(), HOUR);

    // then
    BackupCompleted _ = end(run, BackupCompleted.class);
    assertThat(runs.decisions().find(RunKeys.part(run, 1, Component.MEDIA)))
        .containsInstanceOf(PartOutcome.Failed.class);
  }

  @Test
  void shouldBuildUponTheNewestBackupThatHasTheComponent() {
    // given
    begin(true, 0);
    BackupCompleted _ = backUp(Component.parts());
    BackupCompleted _ = backUp(Set.of(Component.DATABASE));

    // when
    BackupCompleted completed = backUp(Component.parts());

    // then
    assertThat(completed.reusedBytes()).isGreaterThan(FILES * FILE_BYTES + DUMP_BYTES);
  }

  @Test
  void shouldBuildUponTheBackupBeforeOneThatIsDamaged() {
    // given
    begin(true, 0);
    BackupCompleted first = backUp(Component.parts());
    BackupCompleted second = backUp(Component.parts());
    new DamagedArchives(runs.store()).mark(archive(second), "for a test", second.backupId());

    // when
    BackupCompleted completed = backUp(Component.parts());

    // then
    assertThat(completed.reusedBytes()).isGreaterThan(FILES * FILE_BYTES + DUMP_BYTES);
    assertThat(runs.decisions().find(RunKeys.opened(completed.backupId(), 1)).orElseThrow().bases())
        .allSatisfy((_, base) -> assertThat(base.key()).isEqualTo(archive(first)));
  }

  @Test
  void shouldNotCountAsReusedWhatAnEarlierAttemptOfTheRunHasMade() {
    // given
    begin(true, 0);
    databaseFails = true;

    // when
    BackupCompleted completed = backUp(Component.parts());

    // then
    assertThat(completed.origin().attempt()).isEqualTo(2);
    assertThat(completed.reusedBytes()).isZero();
    assertThat(completed.uploadedBytes()).isEqualTo(completed.archiveBytes());
  }

  private void begin(boolean readBack, int scrubPercent) {
    Settings.Jobs jobs =
        new Settings.Jobs(
            Duration.ofSeconds(10),
            Duration.ofMillis(50),
            HOUR,
            3,
            HOUR,
            2,
            Settings.WhenBusy.WAIT,
            HOUR,
            readBack,
            scrubPercent);
    Settings settings =
        new Settings(
            new Settings.Kafka("127.0.0.1:1", 1, (short) 1),
            new Settings.FilesystemStore(folder),
            folder,
            ZoneOffset.UTC,
            jobs,
            new Settings.Restore(HOUR),
            new Settings.Tools("pg_dump", "pg_dumpall", "pg_restore", "psql", "rsync"),
            Map.of(
                BackupProtocol.SOURCE,
                new Settings.Source(
                    new Settings.Database("127.0.0.1", 1, "edms", "backup", null),
                    new Settings.Media(folder, List.of(), false),
                    new Settings.LiteralVersion("1.4.2"))),
            Map.of());
    Coordination coordination =
        new Coordination(
            settings,
            runs,
            publisher,
            new ApplicationVersion(settings, tools),
            new Ending(runs, publisher, new Heard()),
            clock,
            "hybrid-backup");
    start("packager", jobs, new BackupJobs(runs, coordination, HOUR, jobs.sweep(), clock));
    start("db-dump", jobs, new PartJobs(runs, publisher, new Dumping(), jobs, clock));
    start("media-sync", jobs, new PartJobs(runs, publisher, new Packing(), jobs, clock));
  }

  private void start(String service, Settings.Jobs jobs, Job.Source source) {
    workers.add(new Worker(service, runs, new Leases(runs.store(), jobs.lease()), jobs, 2, source));
  }

  private RunId request(Set<Component> components, Duration limit) {
    RunId run = RunId.ofRequest("/test", "run-" + ++requests);
    Instant now = clock.instant();
    Claim _ =
        runs.answer(
            run,
            new Claim(
                new Announcement(
                    new BackupAccepted(
                        run,
                        BackupProtocol.SOURCE.value(),
                        ORIGIN,
                        components,
                        now,
                        now.plus(limit),
                        null),
                    now),
                now.plus(limit)));
    return run;
  }

  private BackupCompleted backUp(Set<Component> components) {
    return end(request(components, HOUR), BackupCompleted.class);
  }

  /** How it ended; it has been told. */
  private <F extends TerminalFact> F end(RunId run, Class<F> type) {
    await().atMost(SOON).ignoreExceptions().until(() -> runs.decisions().isMade(RunKeys.told(run)));
    return runs.decisions().find(RunKeys.told(run)).orElseThrow().announcement().fact(type);
  }

  private Voided voided(RunId run) {
    Verdict verdict = runs.decisions().find(RunKeys.verdict(run, 1)).orElseThrow();
    return (Voided) verdict;
  }

  private static ObjectKey archive(BackupCompleted completed) {
    return new ObjectKey(completed.archiveKey());
  }

  /** Changes a byte of the files' content where nothing else shows it. */
  private void damage(ObjectKey archive) throws IOException {
    Path file = folder.resolve("store").resolve(archive.value());
    FileTime modified = Files.getLastModifiedTime(file);
    try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
      long offset = open.length() * 3 / 4;
      open.seek(offset);
      int value = open.read();
      open.seek(offset);
      open.write(value ^ 1);
    }
    Files.setLastModifiedTime(file, modified);
  }

  /** Makes a part of what there is. */
  private abstract class Making implements PartMaker {
    abstract PartInventory write(PartObjects objects, List<PartReader> earlier) throws IOException;

    final Made made(
        Task task,
        List<PartReader> earlier,
        Work work,
        Function<PartInventory, Function<Origin, Fact>> fact)
        throws ComponentFailure {
      ObjectKey place = RunKeys.work(task.run(), task.attempt(), component(), work.epoch());
      try (PartObjects objects = new PartObjects(runs.store(), place)) {
        PartInventory part = write(objects, earlier);
        return new Made(part, Map.of(), Map.of(), 1, 0, null, null, fact.apply(part));
      } catch (IOException e) {
        throw ComponentFailure.passing(FailureCode.INTERNAL, String.valueOf(e.getMessage()), e);
      }
    }
  }

  private final class Dumping extends Making {
    @Override
    public Component component() {
      return Component.DATABASE;
    }

    @Override
    PartInventory write(PartObjects objects, List<PartReader> earlier) throws IOException {
      return DatabasePart.write(
          new ByteArrayInputStream(dump),
          null,
          Instant.EPOCH,
          earlier,
          objects,
          compressor,
          ProgressListener.NONE);
    }

    @Override
    public Made make(Task task, List<PartReader> earlier, Work work)
        throws ComponentFailure, InterruptedException {
      if (databaseFails) {
        databaseFails = false;
        boolean _ =
            work.await(
                    () -> runs.decisions().find(RunKeys.part(task.run(), 1, Component.MEDIA)), SOON)
                .isPresent();
        throw ComponentFailure.passing(FailureCode.TOOL_FAILED, "for a test", null);
      }
      Told prepared =
          new Told(
              new Announcement(
                  new MediaPrepared(task.run(), task.source(), work.next(task.attempt())),
                  clock.instant()));
      Told _ =
          work.insist(() ->
              runs.decisions().decide(RunKeys.prepared(task.run(), task.attempt()), prepared));
      Told taken =
          new Told(
              new Announcement(
                  new DatabaseSnapshotTaken(
                      task.run(),
                      task.source(),
                      work.next(task.attempt()),
                      clock.instant(),
                      "0/0",
                      true),
                  clock.instant()));
      Told _ =
          work.insist(
              () -> runs.decisions().decide(RunKeys.snapshot(task.run(), task.attempt()), taken));
      return made(
          task,
          earlier,
          work,
          part ->
              origin ->
                  new DatabaseDumpCompleted(
                      task.run(), task.source(), origin, DUMP_BYTES, 1, part.sha256()));
    }
  }

  private final class Packing extends Making {
    @Override
    public Component component() {
      return Component.MEDIA;
    }

    @Override
    PartInventory write(PartObjects objects, List<PartReader> earlier) throws IOException {
      return MediaPart.write(
          folder.resolve("media"),
          path -> false,
          MediaPart.Missing.NONE,
          new MediaPart.Earlier(earlier, Instant.MAX),
          objects,
          compressor,
          ProgressListener.NONE);
    }

    @Override
    public Made make(Task task, List<PartReader> earlier, Work work) throws ComponentFailure {
      return made(
          task,
          earlier,
          work,
          part ->
              origin ->
                  new MediaSyncCompleted(
                      task.run(), task.source(), origin, part.files(), part.unpackedBytes(), 1));
    }
  }
}
