package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.archive.ArchiveLayout;
import io.hybridbackup.common.archive.Compressor;
import io.hybridbackup.common.archive.MediaPart;
import io.hybridbackup.common.archive.NewerFormat;
import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.archive.PartObjects;
import io.hybridbackup.common.archive.ProgressListener;
import io.hybridbackup.common.event.Event;
import io.hybridbackup.common.event.EventCodec;
import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.RestoreFailed;
import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.Claim;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Heard;
import io.hybridbackup.common.job.Outcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.StoppedException;
import io.hybridbackup.common.job.TestWork;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.manifest.ArchiveManifest;
import io.hybridbackup.common.manifest.Consistency;
import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.manifest.StoragePart;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.messaging.TestPublisher;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.restore.Journal.Begun;
import io.hybridbackup.restore.Journal.Preparing;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RestoreJobsTest {
  private static final RunId RUN = RunId.ofRequest("/test", "restore");
  private static final TargetName TARGET = new TargetName("standby");
  private static final Duration LEASE = Duration.ofSeconds(10);

  /** It tries but once. */
  private static final Settings.Jobs QUICK =
      new Settings.Jobs(
          LEASE,
          Duration.ofMillis(20),
          Duration.ofHours(1),
          1,
          Duration.ofMinutes(1),
          2,
          Settings.WhenBusy.WAIT,
          Duration.ofHours(1),
          true,
          100);

  private static final SourceName SOURCE = new SourceName("edms");
  private static final ArchiveName ARCHIVE = new ArchiveName("backup_20260111_020000");
  private static final Manifest MANIFEST =
      new Manifest(
          OffsetDateTime.parse("2026-01-11T02:00:00+01:00"),
          null,
          "hybrid-backup test",
          RunId.ofRequest("/test", "backup"),
          SOURCE,
          ARCHIVE,
          1,
          null,
          new StoragePart(1, 1, 1, "ab".repeat(32)),
          new Consistency(false, null, Instant.EPOCH, 1, 0, null, null),
          Map.of(),
          List.of());

  @TempDir private Path folder;
  private final NativeTools tools = new NativeTools();
  private final FreezingStore store = new FreezingStore();
  private final Runs runs = new Runs(store);
  private final List<Event> published = new ArrayList<>();
  private final EventPublisher publisher =
      TestPublisher.to(
          record -> published.add(EventCodec.read(record.value(), record.headers()).data()));

  @BeforeEach
  void accept() {
    Instant now = Instant.now();
    Claim _ =
        runs.answer(
            RUN,
            new Claim(
                new Announcement(
                    new RestoreStarted(
                        RUN,
                        "edms",
                        TARGET.value(),
                        new Origin(Component.RESTORE, 0, 0, 1),
                        new ArchiveName("backup_20260111_020000"),
                        Set.of(Component.MEDIA),
                        null,
                        null,
                        "alice"),
                    now),
                now.plus(Duration.ofHours(1))));
  }

  @AfterEach
  void closeTools() {
    tools.close();
  }

  @Test
  void shouldRemoveWhatItHasMadeAfterAnotherEpochsEnd() throws Exception {
    // given
    Exchange.Folders folders =
        new Exchange.Folders(
            folder.resolve("target").toString(),
            false,
            false,
            folder.resolve("kept").toString(),
            null,
            false);
    Path gate = folder.resolve(".target.restore-" + RUN + "-1");
    store.whenFrozen =
        () -> {
          Journal next = new Journal(runs.decisions(), RUN, TestWork.on(RUN, Component.RESTORE, 2));
          next.take();
          assertThat(next.append(new Preparing(2, folders))).isTrue();
          decideEnd();
          Files.createDirectory(gate);
        };

    // when
    assertThatThrownBy(() -> perform(1)).isInstanceOf(StoppedException.class);

    // then
    assertThat(gate).doesNotExist();
  }

  @Test
  @Timeout(60)
  void shouldGiveUpAnArchiveThatCannotBeReadThoughTheStoreIsThere() throws Exception {
    // given
    StoredObject archive = archive(new byte[100]);
    store.unreadable = archive.key();

    // when
    perform(1);

    // then
    RestoreFailed failed = failed();
    assertThat(failed.code()).isEqualTo(FailureCode.INTERNAL);
    assertThat(failed.message()).contains(archive.key().value(), "Input/output error");
  }

  @Test
  void shouldMarkAnArchiveThatIsDamagedEachTimeItIsRead() throws Exception {
    // given
    StoredObject archive = archive(soundArchive());
    store.damaged = archive.key();
    store.damagedReads = Integer.MAX_VALUE;

    // when
    perform(1);

    // then
    assertThat(failed().code()).isEqualTo(FailureCode.ARCHIVE_CORRUPT);
    assertThat(store.find(RunKeys.damaged(archive.key()))).isPresent();
  }

  @Test
  void shouldNotMarkAnArchiveThatIsDamagedNoMoreWhenItIsReadAgain() throws Exception {
    // given
    StoredObject archive = archive(soundArchive());
    store.damaged = archive.key();
    store.damagedReads = 1;

    // when
    perform(1);

    // then
    assertThat(failed().code()).isEqualTo(FailureCode.INTERNAL);
    assertThat(failed().message()).contains("not when it was read again", "the footer");
    assertThat(store.find(RunKeys.damaged(archive.key()))).isEmpty();
  }

  /** The bit was turned over in what is beside the archive, or in what is within it. */
  @Test
  void shouldReadAManifestAgainThatIsNotTheOneBesideTheArchive() throws Exception {
    // given
    StoredObject archive = archive(soundArchive());
    store.otherManifests = 1;

    // when
    perform(1);

    // then
    assertThat(store.find(RunKeys.damaged(archive.key()))).isEmpty();
  }

  @Test
  void shouldNotMarkAnArchiveOfANewerFormat() throws Exception {
    // given
    StoredObject archive = archive(NewerFormat.of(soundArchive()));

    // when
    perform(1);

    // then
    assertThat(failed().message())
        .contains("cannot be restored", "version 2", "none above 1", "use a newer release")
        .doesNotContain("damaged");
    assertThat(store.find(RunKeys.damaged(archive.key()))).isEmpty();
  }

  private RestoreFailed failed() {
    return published.stream()
        .filter(RestoreFailed.class::isInstance)
        .map(RestoreFailed.class::cast)
        .reduce((one, other) -> {
          throw new AssertionError("it failed twice");
        })
        .orElseThrow();
  }

  private StoredObject archive(byte[] content) {
    ObjectKey key = RunKeys.archive(SOURCE, ARCHIVE);
    store.create(key, content);
    store.create(
        RunKeys.manifest(SOURCE, ARCHIVE),
        new ArchiveManifest(
                MANIFEST,
                new ArchiveManifest.Archive(key.name(), key, content.length, "00c0ffee12345678"))
            .toJson());
    return store.find(key).orElseThrow();
  }

  private byte[] soundArchive() throws IOException {
    Path tree = Files.createDirectory(folder.resolve("tree"));
    Files.writeString(tree.resolve("file"), "content");
    ObjectKey key = ObjectKey.of("made", "archive");
    try (Compressor compressor = Compressor.open(1);
        PartObjects objects = new PartObjects(store, ObjectKey.of("made", "media"))) {
      PartInventory part =
          MediaPart.write(
              tree,
              path -> false,
              MediaPart.Missing.NONE,
              MediaPart.Earlier.NONE,
              objects,
              compressor,
              ProgressListener.NONE);
      StoredObject _ =
          store.compose(
              key,
              ArchiveLayout.compose(MANIFEST.toJson(), Instant.EPOCH, List.of(part), 1).pieces());
      return store.read(key).orElseThrow();
    }
  }

  @Test
  void shouldTellTheAnswerThatNobodyHasHeardBeforeTheEnd() throws Exception {
    // given
    decideEnd();

    // when
    perform(1);

    // then
    assertThat(published)
        .filteredOn(event -> event instanceof RestoreStarted || event instanceof RestoreFailed)
        .hasExactlyElementsOfTypes(RestoreStarted.class, RestoreFailed.class);
    assertThat(runs.isOpen(RUN)).isFalse();
  }

  @Test
  void shouldWaitForADiskThatIsAwayAndSayWhatIsLeftAside() throws Exception {
    // given
    Path disk = folder.resolve("disk");
    Exchange.Folders folders =
        new Exchange.Folders(
            disk.resolve("target").toString(),
            false,
            false,
            disk.resolve("kept").toString(),
            null,
            false);
    Journal before = new Journal(runs.decisions(), RUN, TestWork.on(RUN, Component.RESTORE, 1));
    before.take();
    assertThat(before.append(new Preparing(1, folders))).isTrue();
    assertThat(
            before.append(
                new Begun(1, new Exchange(null, folders), null, 3L, 1L, Map.of(), List.of())))
        .isTrue();
    Path away = Files.createDirectory(folder.resolve("away"));
    Path gate = away.resolve(".target.restore-" + RUN + "-1");
    Files.createDirectories(gate.resolve("next"));
    Files.createDirectories(gate.resolve("strays/1/target"));

    // when
    CompletableFuture<Boolean> ended = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .start(() -> {
          try {
            perform(2);
            ended.complete(true);
          } catch (Throwable e) {
            ended.completeExceptionally(e);
          }
        });
    assertThatThrownBy(() -> ended.get(1, TimeUnit.SECONDS)).isInstanceOf(TimeoutException.class);
    Files.move(away, disk);
    assertThat(ended.get(60, TimeUnit.SECONDS)).isTrue();

    // then
    assertThat(disk.resolve("target")).isDirectory();
    assertThat(published)
        .filteredOn(RestoreCompleted.class::isInstance)
        .singleElement()
        .satisfies(event ->
            assertThat(((RestoreCompleted) event).warnings())
                .singleElement()
                .asString()
                .contains(disk.resolve("kept_stray").toString()));
  }

  /** By a swap, or in place. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void shouldNotGoOnWithoutTheDatabaseThatItHasBegunWith(boolean inPlace) throws Exception {
    // given
    Path target = folder.toRealPath().resolve("target");
    Exchange.Folders folders =
        new Exchange.Folders(
            target.toString(), false, false, target.resolveSibling("kept").toString(), null, false);
    Exchange exchange =
        new Exchange(
            inPlace ? null : new Exchange.Databases("standby", 1L, "kept", 2L, "scratch", false),
            folders);
    Journal before = new Journal(runs.decisions(), RUN, TestWork.on(RUN, Component.RESTORE, 1));
    before.take();
    assertThat(
            before.append(
                new Begun(
                    1, exchange, 5L, 3L, 1L, Map.of(), List.of(), inPlace ? "standby" : null)))
        .isTrue();
    Path next = target.resolveSibling(".target.restore-" + RUN + "-1").resolve("next");
    Files.createDirectories(next);
    RestoreStarted started =
        new RestoreStarted(
            RUN,
            "edms",
            TARGET.value(),
            new Origin(Component.RESTORE, 0, 0, 1),
            new ArchiveName("backup_20260111_020000"),
            Set.of(Component.DATABASE, Component.MEDIA),
            new RestoreOptions(true, null, null, null, null, null, null, null, inPlace, null),
            null,
            "alice");
    Restoration restoration =
        new Restoration(settings(), runs, publisher, tools, Clock.systemUTC());
    Work work = TestWork.on(RUN, Component.RESTORE, 2);

    // then
    for (ThrowingCallable call :
        List.<ThrowingCallable>of(
            () -> restoration.restore(started, Instant.MAX, work),
            () -> restoration.giveUp(started, FailureCode.INTERNAL, "no luck", work))) {
      assertThatThrownBy(call)
          .isInstanceOf(ComponentFailure.class)
          .matches(failure -> ((ComponentFailure) failure).retryable())
          .hasMessageContaining("is to the database standby")
          .hasMessageContaining("configure it as it was");
    }
    assertThat(before.end()).isEmpty();
    assertThat(next).isDirectory();
    assertThat(target).doesNotExist();
  }

  private void decideEnd() {
    RestoreFailed end =
        new RestoreFailed(
            RUN,
            "edms",
            TARGET.value(),
            new Origin(Component.RESTORE, 0, 2, 1),
            FailureCode.ARCHIVE_MISSING,
            "there is no such archive",
            true,
            "alice");
    Outcome _ =
        runs.decisions()
            .decide(RunKeys.outcome(RUN), new Outcome(new Announcement(end, Instant.now()), 0));
  }

  private void perform(int epoch) throws InterruptedException {
    Settings settings = settings();
    new RestoreJobs(
            runs,
            publisher,
            new Restoration(settings, runs, publisher, tools, Clock.systemUTC()),
            QUICK,
            Clock.systemUTC(),
            new Heard())
        .find(RUN)
        .orElseThrow()
        .perform(TestWork.on(RUN, Component.RESTORE, epoch));
  }

  private Settings settings() {
    return TestSettings.of(
        folder,
        LEASE,
        TestSettings.TOOLS,
        Map.of(
            TARGET,
            new Settings.Target(
                null, new Settings.Media(folder.resolve("target"), List.of(), false))));
  }

  private interface Meanwhile {
    void happen() throws IOException, InterruptedException;
  }

  /** Something happens before the first entry of a journal is written. */
  private static final class FreezingStore extends InMemoryObjectStore {
    private Meanwhile whenFrozen = () -> {};
    private @Nullable ObjectKey unreadable;
    private @Nullable ObjectKey damaged;

    /** So often the last byte that is read of what is damaged is another one. */
    private int damagedReads;

    /** So often a manifest beside an archive is another one. */
    private int otherManifests;

    FreezingStore() {
      super(InstantSource.system(), true);
    }

    @Override
    public InputStream open(Slice slice) {
      boolean damages = slice.object().equals(damaged) && damagedReads-- > 0;
      return new FilterInputStream(super.open(slice)) {
        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
          if (slice.object().equals(unreadable)) {
            throw new IOException("Input/output error");
          }
          int read = super.read(bytes, offset, length);
          if (damages && read > 0) {
            bytes[offset + read - 1] ^= 1;
          }
          return read;
        }
      };
    }

    @Override
    public synchronized Optional<byte[]> read(ObjectKey key) {
      boolean other = key.name().endsWith(".manifest.json") && otherManifests-- > 0;
      return super.read(key)
          .map(json ->
              other
                  ? new String(json, StandardCharsets.UTF_8)
                      .replace("hybrid-backup test", "hybrid-backup rest")
                      .getBytes(StandardCharsets.UTF_8)
                  : json);
    }

    @Override
    public synchronized boolean create(ObjectKey key, byte[] content) {
      if (key.name().equals("journal-00001")) {
        Meanwhile meanwhile = whenFrozen;
        whenFrozen = () -> {};
        try {
          meanwhile.happen();
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
      }
      return super.create(key, content);
    }
  }
}
