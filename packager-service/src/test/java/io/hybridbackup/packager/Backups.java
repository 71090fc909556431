package io.hybridbackup.packager;

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
import io.hybridbackup.common.event.Fact.BackupCompleted;
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
import io.hybridbackup.common.job.Heard;
import io.hybridbackup.common.job.Job;
import io.hybridbackup.common.job.Leases;
import io.hybridbackup.common.job.PartJobs;
import io.hybridbackup.common.job.PartMaker;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Told;
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
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiPredicate;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Backups of a small source into a folder, by the real jobs, but without pg_dump, rsync and a
 * broker; what befalls the store is set before or while they are made.
 */
final class Backups implements AutoCloseable {
  static final Origin ORIGIN = new Origin(Component.PACKAGER, 0, 0, 1);
  static final Duration HOUR = Duration.ofHours(1);
  static final Duration SOON = Duration.ofSeconds(30);
  static final int FILES = 20;
  static final int FILE_BYTES = 100_000;
  static final int DUMP_BYTES = 1_000_000;

  /** Before its end an archive has its root index. */
  private static final int END_BYTES = 100;

  /** How often an archive was composed, or was to be. */
  final AtomicInteger compositions = new AtomicInteger();

  /** Nothing is composed. */
  volatile boolean composing = true;

  /** The store is away from the first composition until there have been so many. */
  volatile int away;

  /** Nothing of it can be read, once an archive is being composed. */
  volatile @Nullable ObjectKey unreadable;

  /** No range of it can be opened. */
  volatile @Nullable ObjectKey refused;

  /** Slices that can be neither read nor copied. */
  volatile Predicate<Slice> brokenOff = slice -> false;

  /** Records that cannot be read. */
  volatile Predicate<ObjectKey> lost = key -> false;

  /** Calls that fail for want of one object, by the method and the key. */
  volatile BiPredicate<String, String> failing = (method, key) -> false;

  /** Calls that meet a bug, by the method and the key. */
  volatile BiPredicate<String, String> buggy = (method, key) -> false;

  /** So many archives more lose a bit at their end, and the store tells no checksum of them. */
  final AtomicInteger damaging = new AtomicInteger();

  volatile boolean databaseFails;

  final Runs runs;
  private final Path folder;
  private final byte[] dump = new byte[DUMP_BYTES];
  private final Clock clock = Clock.systemUTC();
  private final NativeTools tools = new NativeTools();
  private final Compressor compressor = Compressor.open(2);
  private final EventPublisher publisher = TestPublisher.to(record -> {});
  private final List<Worker> workers = new ArrayList<>();
  private int requests;

  Backups(Path folder) throws IOException {
    this.folder = folder;
    Random random = new Random(1);
    Path media = Files.createDirectory(folder.resolve("media"));
    byte[] content = new byte[FILE_BYTES];
    for (int file = 0; file < FILES; file++) {
      random.nextBytes(content);
      Files.write(media.resolve("file-" + file), content);
    }
    random.nextBytes(dump);
    FilesystemObjectStore directory = new FilesystemObjectStore(folder.resolve("store"));
    runs =
        new Runs(
            (ObjectStore)
                Proxy.newProxyInstance(
                    ObjectStore.class.getClassLoader(),
                    new Class<?>[] {ObjectStore.class},
                    (_, method, arguments) -> {
                      befall(method.getName(), arguments == null ? new Object[0] : arguments);
                      if (isUnreadable(method.getName(), arguments)) {
                        return new Unreadable();
                      }
                      if (method.getName().equals("checksum") && damaging.getAndDecrement() > 0) {
                        damage((ObjectKey) arguments[0], END_BYTES);
                        return Optional.empty();
                      }
                      try {
                        return method.invoke(directory, arguments);
                      } catch (InvocationTargetException e) {
                        throw e.getCause();
                      }
                    }));
  }

  @Override
  public void close() {
    workers.forEach(Worker::close);
    compressor.close();
    tools.close();
  }

  @SuppressWarnings("unchecked")
  private void befall(String method, Object[] arguments) {
    if (arguments.length > 0 && arguments[0] instanceof ObjectKey key) {
      if (buggy.test(method, key.value())) {
        throw new IllegalStateException("a bug");
      }
      if (failing.test(method, key.value())) {
        throw new StoreException.Unavailable("Input/output error", null);
      }
      if (method.equals("read") && lost.test(key)) {
        throw new StoreException.Unavailable("Input/output error", null);
      }
    }
    if (method.equals("compose")) {
      int _ = compositions.incrementAndGet();
      for (Piece piece : (List<Piece>) arguments[1]) {
        if (piece instanceof Slice slice
            && (slice.object().equals(unreadable) || brokenOff.test(slice) || isAway())) {
          throw new StoreException.Unavailable("could not copy", null, slice);
        }
      }
      if (!composing) {
        throw new StoreException.Unavailable("could not compose", null);
      }
    }
    if (isAway()) {
      throw new StoreException.Unavailable("the store is away", null);
    }
    if (method.equals("open") && ((Slice) arguments[0]).object().equals(refused)) {
      throw new StoreException.Unavailable("Input/output error", null, (Slice) arguments[0]);
    }
  }

  private boolean isAway() {
    return compositions.get() > 0 && compositions.get() < away;
  }

  private boolean isUnreadable(String method, Object[] arguments) {
    return method.equals("open")
        && (brokenOff.test((Slice) arguments[0])
            || (compositions.get() > 0 && ((Slice) arguments[0]).object().equals(unreadable)));
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

  /** Starts the services. */
  void begin() {
    begin(true, 0);
  }

  /**
   * As {@link #begin()}.
   *
   * @param scrubPercent how much of what is taken over from a base is read again
   */
  void begin(boolean readBack, int scrubPercent) {
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

  RunId request(Set<Component> components, Duration limit) {
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

  BackupCompleted backUp() {
    return backUp(Component.parts());
  }

  BackupCompleted backUp(Set<Component> components) {
    return end(request(components, HOUR), BackupCompleted.class);
  }

  /** How it ended; it has been told. */
  <F extends TerminalFact> F end(RunId run, Class<F> type) {
    await().atMost(SOON).ignoreExceptions().until(() -> runs.decisions().isMade(RunKeys.told(run)));
    return runs.decisions().find(RunKeys.told(run)).orElseThrow().announcement().fact(type);
  }

  /** Why the first attempt came to nothing. */
  Voided voided(RunId run) {
    return (Voided) runs.decisions().find(RunKeys.verdict(run, 1)).orElseThrow();
  }

  /** Changes a byte where nothing but the content shows it. */
  void damage(ObjectKey archive, long beforeItsEnd) throws IOException {
    Path file = folder.resolve("store").resolve(archive.value());
    FileTime modified = Files.getLastModifiedTime(file);
    try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
      long offset = open.length() - beforeItsEnd;
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
