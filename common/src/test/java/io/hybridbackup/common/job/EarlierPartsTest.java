package io.hybridbackup.common.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.hybridbackup.common.archive.ArchiveCorruptException;
import io.hybridbackup.common.archive.ArchiveLayout;
import io.hybridbackup.common.archive.Compressor;
import io.hybridbackup.common.archive.MediaPart;
import io.hybridbackup.common.archive.NewerFormat;
import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.archive.PartObjects;
import io.hybridbackup.common.archive.PartReader;
import io.hybridbackup.common.archive.ProgressListener;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.BackupStarted;
import io.hybridbackup.common.event.Fact.ComponentFailed;
import io.hybridbackup.common.event.Fact.MediaSyncCompleted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoreException;
import io.hybridbackup.common.store.StoredObject;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.time.OffsetDateTime;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EarlierPartsTest {
  private static final Instant NOW = Instant.parse("2026-01-11T02:00:00Z");
  private static final OffsetDateTime TIME = OffsetDateTime.parse("2026-01-11T02:00:00Z");
  private static final SourceName SOURCE = new SourceName("edms");
  private static final ArchiveName ARCHIVE = new ArchiveName("backup_20260110_020000");
  private static final ObjectKey BASE = RunKeys.archive(SOURCE, ARCHIVE);
  private static final int FILES = 60;
  private static final int FILE_BYTES = 70_000;
  private static final int SCRUB_PERCENT = 5;
  private static final int DAMAGES = 200;

  /** More than what comes behind the content. */
  private static final int END_BYTES = 12_000;

  @TempDir private Path tree;
  private final RunId run = run(0);
  private final ChangingStore store = new ChangingStore();
  private final Runs runs = new Runs(store);
  private final EarlierParts earlier = new EarlierParts(runs, SCRUB_PERCENT);

  @BeforeEach
  void claimTheRun() {
    store.create(RunKeys.claim(run).key(), new byte[] {'{', '}'});
  }

  @BeforeEach
  void makeFiles() throws IOException {
    Random random = new Random(1);
    for (int file = 0; file < FILES; file++) {
      byte[] content = new byte[FILE_BYTES];
      random.nextBytes(content);
      Files.write(tree.resolve("file-" + file), content);
    }
  }

  @Test
  void shouldBuildUponWhatAnEarlierAttemptHasLeft() throws Exception {
    // given
    leftByAttempt1(failed(FailureCode.TOOL_FAILED), FailureCode.TOOL_FAILED);

    // then
    assertThat(earlier.find(task(2, null), Component.MEDIA)).hasSize(1);
  }

  @Test
  void shouldNotBuildUponAPartThatTheStoreDidNotKeep() throws Exception {
    // given
    leftByAttempt1(failed(FailureCode.STORE_CORRUPT), FailureCode.DATABASE_UNREACHABLE);

    // then
    assertThat(earlier.find(task(2, null), Component.MEDIA)).isEmpty();
  }

  @Test
  void shouldNotBuildUponAnAttemptOfWhichNoArchiveCouldBeComposed() throws Exception {
    // given
    leftByAttempt1(null, FailureCode.STORE_CORRUPT, Component.MEDIA);

    // then
    assertThat(earlier.find(task(2, null), Component.MEDIA)).isEmpty();
  }

  @Test
  void shouldBuildUponAnAttemptThatFailedByTheBaseOfAnotherComponent() throws Exception {
    // given
    leftByAttempt1(null, FailureCode.BASE_CHANGED, Component.DATABASE);

    // then
    assertThat(earlier.find(task(2, null), Component.MEDIA)).hasSize(1);
  }

  /**
   * @param outcome null if the part was committed
   */
  private void leftByAttempt1(
      @Nullable PartOutcome outcome, FailureCode verdict, Component... spoilt) throws IOException {
    PartMaker.Task _ = task(1, null);
    PartInventory part = pack(RunKeys.work(run, 1, Component.MEDIA, 1), List.of());
    PartOutcome standing = outcome == null ? committed(part) : outcome;
    runs.decisions().decide(RunKeys.part(run, 1, Component.MEDIA), standing);
    runs.decisions()
        .decide(
            RunKeys.verdict(run, 1),
            new Verdict.Voided(verdict, "for a test", true, Set.of(spoilt)));
  }

  @Test
  void shouldNotBlameAGoodBaseForWhatTheRunItselfHasWritten() throws Exception {
    // given
    PartMaker.Task task = task(1, base());
    pack(RunKeys.work(run, 1, Component.MEDIA, 1), List.of());
    store.change("work/.*/index-00001");
    List<PartReader> parts = earlier.find(task, Component.MEDIA);
    assertThat(parts).hasSize(2);

    // when
    ArchiveCorruptException found = packingFails(parts);

    // then
    assertThat(earlier.damaged(task, found).code()).isEqualTo(FailureCode.STORE_CORRUPT);
    assertThat(store.find(RunKeys.damaged(BASE))).isEmpty();
  }

  @Test
  void shouldTellThatTheBaseIsDamaged() throws Exception {
    // given
    PartMaker.Task task = task(1, base());
    List<PartReader> parts = earlier.find(task, Component.MEDIA);
    store.change(BASE.value());

    // when
    ArchiveCorruptException found = packingFails(parts);

    // then
    assertThat(earlier.damaged(task, found).code()).isEqualTo(FailureCode.BASE_CHANGED);
    assertThat(store.find(RunKeys.damaged(BASE))).isPresent();
  }

  @Test
  void shouldNotMarkABaseThatIsDamagedNoMoreWhenItIsReadAgain() throws Exception {
    // given
    PartMaker.Task task = task(1, base());
    List<PartReader> parts = earlier.find(task, Component.MEDIA);
    store.change(BASE.value());
    ArchiveCorruptException found = packingFails(parts);

    // when
    store.change("");

    // then
    isForWantOfTheBase(earlier.damaged(task, found));
    assertThat(store.find(RunKeys.damaged(BASE))).isEmpty();
  }

  @Test
  void shouldMarkABaseOnlyForWhatIsFoundTwice() throws Exception {
    // given
    StoredObject base = base();
    PartMaker.Task task = task(1, base);
    PartInventory part =
        pack(RunKeys.work(run, 1, Component.MEDIA, 1), earlier.find(task, Component.MEDIA));
    store.damage(base.bytes() / 2, 1);
    ArchiveCorruptException found =
        catchThrowableOfType(
            ArchiveCorruptException.class,
            () -> PartReader.of(store, part).verify(ProgressListener.NONE));

    // when
    store.damage(-1, 0);
    isForWantOfTheBase(earlier.damaged(task, found));
    assertThat(store.find(RunKeys.damaged(BASE))).isEmpty();

    // then
    store.damage(base.bytes() / 2, 1);
    isForWantOfTheBase(earlier.damaged(task, found));
    assertThat(store.find(RunKeys.damaged(BASE))).isPresent();
  }

  @Test
  void shouldDoWithoutABaseOfANewerFormatAndNotMarkIt() throws Exception {
    // given
    base();
    store.overwrite(BASE, NewerFormat.of(store.read(BASE).orElseThrow()));
    StoredObject base = store.find(BASE).orElseThrow();

    // then
    assertThatThrownBy(() -> earlier.find(task(1, base), Component.MEDIA))
        .hasMessageContaining("newer release")
        .isInstanceOfSatisfying(ComponentFailure.class, EarlierPartsTest::isForWantOfTheBase);
    assertThat(store.find(RunKeys.damaged(BASE))).isEmpty();
  }

  @Test
  void shouldDoWithoutABaseThatCannotBeReadWhenItIsOpened() throws Exception {
    // given
    PartMaker.Task task = task(1, base());
    store.breakOff(BASE.value());

    // then
    isForWantOfTheBase(task, outage(() -> earlier.find(task, Component.MEDIA)));
  }

  @Test
  void shouldDoWithoutABaseWhoseIndexCannotBeRead() throws Exception {
    // given
    PartMaker.Task task = task(1, base());
    List<PartReader> parts = earlier.find(task, Component.MEDIA);
    store.breakOff(BASE.value());

    // then
    isForWantOfTheBase(task, outage(() -> pack(ObjectKey.of("work", "new"), parts)));
    assertThat(store.find(RunKeys.damaged(BASE))).isEmpty();
  }

  @Test
  void shouldDoWithoutABaseOfWhichAShortPieceCannotBeCopied() throws Exception {
    // given
    PartMaker.Task task = task(1, base());
    List<PartReader> parts = earlier.find(task, Component.MEDIA);
    store.breakOffButFor(slice -> slice.offset() + slice.bytes() > FILES * FILE_BYTES);
    Files.write(tree.resolve("file-30"), new byte[] {1});
    Files.write(tree.resolve("file-32"), new byte[] {1});

    // then
    isForWantOfTheBase(task, outage(() -> pack(ObjectKey.of("work", "new"), parts)));
  }

  @Test
  void shouldDoWithoutABaseThatCannotBeReadWhenItIsChecked() throws Exception {
    // given
    PartMaker.Task task = task(1, base());
    PartInventory part =
        pack(RunKeys.work(run, 1, Component.MEDIA, 1), earlier.find(task, Component.MEDIA));
    store.breakOff(BASE.value());

    // then
    isForWantOfTheBase(
        task,
        outage(() ->
            new EarlierParts(runs, 100).scrub(PartReader.of(store, part), part, task, work())));
  }

  @Test
  void shouldKeepToABaseThatCanBeReadAgain() throws Exception {
    // given
    PartMaker.Task task = task(1, base());
    List<PartReader> parts = earlier.find(task, Component.MEDIA);
    store.breakOff(BASE.value());
    StoreException.Unavailable outage = outage(() -> pack(ObjectKey.of("work", "new"), parts));

    // when
    store.breakOff("");

    // then
    assertThat(earlier.unreadable(task, outage, work())).isEmpty();
    assertThat(store.find(RunKeys.damaged(BASE))).isEmpty();
  }

  @Test
  void shouldKeepToABaseWhileTheStoreDoesNotAnswer() throws Exception {
    // given
    PartMaker.Task task = task(1, base());
    store.breakOff(BASE.value());
    StoreException.Unavailable outage = outage(() -> earlier.find(task, Component.MEDIA));
    TroubledStore down = new TroubledStore(store);
    AtomicInteger asked = new AtomicInteger();
    down.trouble(key -> {
      if (key.equals(RunKeys.claim(run).key().value())) {
        if (asked.incrementAndGet() == 2) {
          store.breakOff("");
        }
        throw new StoreException.Unavailable("the store is down", null);
      }
    });

    // then
    assertThat(new EarlierParts(new Runs(down), SCRUB_PERCENT).unreadable(task, outage, work()))
        .isEmpty();
    assertThat(asked).hasValue(2);
  }

  private static StoreException.Unavailable outage(ThrowingCallable reading) {
    return catchThrowableOfType(StoreException.Unavailable.class, reading);
  }

  private void isForWantOfTheBase(PartMaker.Task task, StoreException.Unavailable failure)
      throws InterruptedException {
    ComponentFailure found = earlier.unreadable(task, failure, work()).orElseThrow();
    isForWantOfTheBase(found);
    assertThat(found).hasMessageContainingAll(BASE.value(), "Input/output error");
  }

  private static void isForWantOfTheBase(ComponentFailure failure) {
    assertThat(failure.code()).isEqualTo(FailureCode.BASE_CHANGED);
    assertThat(failure.retryable()).isTrue();
  }

  private Work work() {
    return TestWork.on(run, Component.MEDIA, 1);
  }

  /** What is compressed may turn into anything before its checksum shows that it is damaged. */
  @Test
  void shouldBlameTheBaseWhereverItIsDamaged() throws Exception {
    // given
    StoredObject base = base();
    EarlierParts checking = new EarlierParts(runs, 100);
    Random random = new Random(1);
    int found = 0;
    for (int number = 0; number < DAMAGES; number++) {
      boolean atItsEnd = number % 2 == 0;
      long distance = 1 + random.nextLong(atItsEnd ? END_BYTES : base.bytes());
      RunId next = run(number);
      PartMaker.Task task = new PartMaker.Task(next, SOURCE.value(), 1, opened(next, TIME, base));

      // when
      store.damage(base.bytes() - distance, 1 + random.nextInt(255));
      try {
        PartInventory part =
            pack(RunKeys.work(next, 1, Component.MEDIA, 1), checking.find(task, Component.MEDIA));
        checking.scrub(
            PartReader.of(store, part), part, task, TestWork.on(next, Component.MEDIA, 1));
        continue;
      } catch (ArchiveCorruptException e) {
        isForWantOfTheBase(checking.damaged(task, e));
      } catch (ComponentFailure e) {
        isForWantOfTheBase(e);
      }
      found++;
      assertThat(store.find(RunKeys.damaged(BASE))).isPresent();
      store.delete(RunKeys.damaged(BASE));
    }

    // then
    assertThat(found).isGreaterThan(DAMAGES * 3 / 4);
  }

  private ArchiveCorruptException packingFails(List<PartReader> parts) {
    return catchThrowableOfType(
        ArchiveCorruptException.class, () -> pack(RunKeys.work(run, 1, Component.MEDIA, 2), parts));
  }

  @Test
  void shouldReadAllThatIsTakenOverInAsManyRunsAsThereAreSharesHoweverFarApartTheyAre()
      throws Exception {
    // given
    StoredObject base = base();
    PartMaker.Task task = task(1, base);
    PartInventory part =
        pack(RunKeys.work(run, 1, Component.MEDIA, 1), earlier.find(task, Component.MEDIA));
    assertThat(part.reusedBytes()).isGreaterThan(FILES * FILE_BYTES);
    PartReader reader = PartReader.of(store, part);
    store.opened.clear();

    // when
    for (int night = 0; night < 100 / SCRUB_PERCENT; night++) {
      RunId next = run(1 + night);
      AttemptOpened opened = opened(next, TIME.plusDays(2L * night), base);
      earlier.scrub(
          reader,
          part,
          new PartMaker.Task(next, SOURCE.value(), 1, opened),
          TestWork.on(next, Component.MEDIA, 1));
    }

    // then
    long bytes =
        store.opened.stream()
            .filter(slice -> slice.object().equals(BASE))
            .distinct()
            .mapToLong(Slice::bytes)
            .sum();
    assertThat(bytes).isEqualTo(part.reusedBytes());
  }

  private StoredObject base() throws IOException {
    PartInventory part = pack(ObjectKey.of("work", "base"), List.of());
    return store.compose(
        BASE,
        ArchiveLayout.compose("{}".getBytes(StandardCharsets.UTF_8), NOW, List.of(part), 1)
            .pieces());
  }

  private PartInventory pack(ObjectKey folder, List<PartReader> parts) throws IOException {
    try (Compressor compressor = Compressor.open(2);
        PartObjects objects = new PartObjects(store, folder, 1_000_000)) {
      return MediaPart.write(
          tree,
          path -> false,
          MediaPart.Missing.NONE,
          new MediaPart.Earlier(parts, Instant.MAX),
          objects,
          compressor,
          ProgressListener.NONE);
    }
  }

  private static RunId run(int number) {
    return RunId.ofRequest("/test", "run-" + number);
  }

  private PartMaker.Task task(int attempt, @Nullable StoredObject base) {
    AttemptOpened opened = opened(run, TIME, base);
    runs.decisions().decide(RunKeys.opened(run, attempt), opened);
    return new PartMaker.Task(run, SOURCE.value(), attempt, opened);
  }

  private static AttemptOpened opened(RunId run, OffsetDateTime time, @Nullable StoredObject base) {
    Origin packager = new Origin(Component.PACKAGER, 1, 1, 1);
    return new AttemptOpened(
        announce(
            new BackupStarted(run, SOURCE.value(), packager, ARCHIVE, EnumSet.of(Component.MEDIA))),
        time,
        base == null ? Map.of() : Map.of(Component.MEDIA, base));
  }

  private PartOutcome committed(PartInventory part) {
    Origin media = new Origin(Component.MEDIA, 1, 1, 1);
    return new PartOutcome.Committed(
        announce(new MediaSyncCompleted(run, SOURCE.value(), media, part.files(), 1, 1)),
        1,
        part,
        Map.of(),
        Map.of(),
        1,
        0,
        null,
        null);
  }

  private PartOutcome failed(FailureCode code) {
    Origin media = new Origin(Component.MEDIA, 1, 1, 1);
    return new PartOutcome.Failed(
        announce(new ComponentFailed(run, SOURCE.value(), media, code, "for a test", true, true)));
  }

  private static Announcement announce(Fact fact) {
    return new Announcement(fact, NOW);
  }

  /** Remembers what was read of it, and gives some objects back other than they were written. */
  private static final class ChangingStore extends InMemoryObjectStore {
    final List<Slice> opened = new CopyOnWriteArrayList<>();
    private volatile String changed = "";
    private volatile long damagedAt = -1;
    private volatile int damage;
    private volatile Predicate<Slice> brokenOff = slice -> false;

    ChangingStore() {
      super(InstantSource.fixed(NOW), true);
    }

    void change(String keys) {
      changed = keys;
    }

    /**
     * @param offset in the base
     * @param bits of the byte there that change
     */
    void damage(long offset, int bits) {
      damagedAt = offset;
      damage = bits;
    }

    void breakOff(String keys) {
      brokenOff = slice -> slice.object().value().matches(keys);
    }

    void breakOffButFor(Predicate<Slice> sound) {
      brokenOff = sound.negate();
    }

    @Override
    public InputStream open(Slice slice) {
      opened.add(slice);
      if (brokenOff.test(slice)) {
        return new InputStream() {
          @Override
          public int read() throws IOException {
            return read(new byte[1], 0, 1);
          }

          @Override
          public int read(byte[] bytes, int offset, int length) throws IOException {
            throw new IOException("Input/output error");
          }
        };
      }
      long at = damagedAt - slice.offset();
      if (slice.object().equals(BASE) && damagedAt >= 0 && at >= 0 && at < slice.bytes()) {
        byte[] content = whole(super.open(slice));
        content[(int) at] ^= (byte) damage;
        return new ByteArrayInputStream(content);
      }
      return slice.object().value().matches(changed)
          ? new ByteArrayInputStream(new byte[(int) slice.bytes()])
          : super.open(slice);
    }

    private static byte[] whole(InputStream stream) {
      try (stream) {
        return stream.readAllBytes();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
