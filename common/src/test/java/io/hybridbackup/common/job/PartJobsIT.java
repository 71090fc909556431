package io.hybridbackup.common.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.archive.NewerFormat;
import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.archive.PartReader;
import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupFailed;
import io.hybridbackup.common.event.Fact.BackupStarted;
import io.hybridbackup.common.event.Fact.ComponentFailed;
import io.hybridbackup.common.event.Fact.MediaSyncCompleted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.messaging.TopicListener;
import io.hybridbackup.common.messaging.TopicProvisioner;
import io.hybridbackup.common.messaging.Topics;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoreException;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.testing.KafkaTestServer;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class PartJobsIT {
  private static final Instant NOW = Instant.parse("2026-01-11T02:00:00Z");
  private static final Instant DEADLINE = NOW.plusSeconds(3600);
  private static final Clock CLOCK = Clock.fixed(NOW, ZoneOffset.UTC);
  private static final Duration LONG = Duration.ofHours(1);
  private static final int ATTEMPTS = 2;
  private static final Origin PACKAGER = new Origin(Component.PACKAGER, 0, 0, 1);
  private static final Settings.Jobs SETTINGS =
      new Settings.Jobs(
          LONG, LONG, LONG, ATTEMPTS, LONG, 1, Settings.WhenBusy.WAIT, LONG, false, 0);
  private static final ArchiveName ARCHIVE = new ArchiveName("backup_20260111_020000");
  private static final Slice SLICE = new Slice(new ObjectKey("work/abc/part-00001"), "etag", 0, 10);
  private static final PartInventory INVENTORY =
      new PartInventory(
          Component.MEDIA,
          List.of(SLICE),
          List.of("00c0ffee12345678"),
          List.of(SLICE),
          List.of("00c0ffee12345678"),
          null,
          20,
          2,
          1,
          "ab".repeat(32),
          null,
          0,
          List.of());

  private static final List<Envelope> heard = new CopyOnWriteArrayList<>();

  private static KafkaTestServer kafka;
  private static EventPublisher publisher;
  private static TopicListener listener;

  @TempDir private Path directory;
  private final RunId run = RunId.ofRequest("/test", UUID.randomUUID().toString());
  private TroubledStore store;
  private Runs runs;

  @BeforeAll
  static void startBroker() throws Exception {
    kafka = KafkaTestServer.start();
    new TopicProvisioner(kafka.settings()).provision(LONG);
    publisher = new EventPublisher(kafka.settings());
    listener = TopicListener.fromNow(kafka.settings(), Topics.BACKUP_EVENTS, heard::add);
    listener.start();
  }

  @AfterAll
  static void stopBroker() {
    listener.stop();
    publisher.close();
    kafka.close();
  }

  @BeforeEach
  void openStore() {
    store = new TroubledStore(new FilesystemObjectStore(directory));
    runs = new Runs(store);
  }

  @AfterEach
  void closeStore() {
    store.close();
  }

  @Test
  void shouldNotCommitWhatTheStoreDoesNotGiveBack() throws Exception {
    // when
    ComponentFailed failure = failureToReadBack(made());

    // then
    assertThat(failure.code()).isEqualTo(FailureCode.STORE_CORRUPT);
    assertThat(failure.retryable()).isTrue();
    assertThat(failure.message()).contains("could not be read back");
  }

  @Test
  void shouldNotTakeAnOutageWhileItReadsBackForDamage() throws Exception {
    // given
    PartMaker.Made made = made(stored());
    store.breakOff(1);

    // when
    ComponentFailed failure = failureToReadBack(made);

    // then
    assertThat(failure.code()).isEqualTo(FailureCode.INTERRUPTED);
    assertThat(failure.message()).contains("Premature end");
    assertThat(failure.willRetry()).isTrue();
  }

  @Test
  void shouldNotCommitWhatTheStoreWillNotRead() throws Exception {
    // given
    PartMaker.Made made = made(stored());
    store.breakOff(Integer.MAX_VALUE);

    // when
    ComponentFailed failure = failureToReadBack(made);

    // then
    assertThat(failure.code()).isEqualTo(FailureCode.STORE_CORRUPT);
    assertThat(failure.message()).contains(SLICE.object().value(), "Premature end");
    assertThat(failure.willRetry()).isTrue();
  }

  @Test
  void shouldDoWithoutABaseWhoseIndexIsOfANewerFormat() throws Exception {
    // given
    accept(EnumSet.of(Component.MEDIA));
    open(1);
    Job job =
        jobs(
                (task, work) -> {
                  throw NewerFormat.found();
                })
            .find(run)
            .orElseThrow();

    // when
    job.perform(work(1));

    // then
    ComponentFailed failure = ((PartOutcome.Failed) outcome(1).orElseThrow()).failure();
    assertThat(failure.code()).isEqualTo(FailureCode.BASE_CHANGED);
    assertThat(failure.message()).contains("cannot be read", "version 2", "newer release");
    assertThat(failure.willRetry()).isTrue();
  }

  private PartInventory stored() {
    store.create(SLICE.object(), new byte[10]);
    StoredObject object = store.find(SLICE.object()).orElseThrow();
    List<Slice> slices = List.of(new Slice(object.key(), object.etag(), 0, object.bytes()));
    return new PartInventory(
        Component.MEDIA,
        slices,
        INVENTORY.contentCrc(),
        slices,
        INVENTORY.indexCrc(),
        null,
        20,
        2,
        1,
        INVENTORY.sha256(),
        null,
        0,
        List.of());
  }

  private ComponentFailed failureToReadBack(PartMaker.Made made) throws Exception {
    accept(EnumSet.of(Component.MEDIA));
    open(1);
    Settings.Jobs readingBack =
        new Settings.Jobs(
            LONG, LONG, LONG, ATTEMPTS, LONG, 1, Settings.WhenBusy.WAIT, LONG, true, 0);
    new PartJobs(runs, publisher, new MediaMaker((task, work) -> made), readingBack, CLOCK)
        .find(run)
        .orElseThrow()
        .perform(work(1));
    return ((PartOutcome.Failed) outcome(1).orElseThrow()).failure();
  }

  @Test
  void shouldRecordAPartThatWasMadeAndTellOfIt() throws Exception {
    // given
    accept(EnumSet.of(Component.MEDIA));
    open(1);
    AtomicInteger made = new AtomicInteger();
    PartJobs jobs =
        jobs((task, work) -> {
          assertThat(task.run()).isEqualTo(run);
          assertThat(task.source()).isEqualTo("edms");
          assertThat(task.attempt()).isEqualTo(1);
          assertThat(task.opened().started().archive()).isEqualTo(ARCHIVE);
          made.incrementAndGet();
          return made();
        });
    Job job = jobs.find(run).orElseThrow();
    assertThat(job.component()).isEqualTo(Component.MEDIA);
    assertThat(job.epochs()).isEqualTo(RunKeys.epochs(run, 1, Component.MEDIA));

    // when
    job.perform(work(3));

    // then
    PartOutcome.Committed committed = (PartOutcome.Committed) outcome(1).orElseThrow();
    assertThat(committed.epoch()).isEqualTo(3);
    assertThat(committed.inventory()).isEqualTo(INVENTORY);
    assertThat(committed.tools()).containsExactly(Map.entry("rsync", "3.2.7"));
    assertThat(committed.passes()).isEqualTo(2);
    assertThat(committed.vanished()).isEqualTo(1);
    assertThat(committed.announcement().fact(MediaSyncCompleted.class).origin())
        .isEqualTo(new Origin(Component.MEDIA, 1, 3, 1));
    awaitTold(committed.announcement());
    assertThat(job.isOver()).isTrue();
    assertThat(jobs.find(run)).isEmpty();
    assertThat(made).hasValue(1);
  }

  @Test
  void shouldFindNothingToDoBeforeAnAttemptIsOpen() {
    PartJobs jobs = jobs((task, work) -> made());
    assertThat(jobs.find(run)).isEmpty();

    accept(EnumSet.of(Component.MEDIA));
    assertThat(jobs.find(run)).isEmpty();

    open(1);
    assertThat(jobs.find(run)).isPresent();
  }

  @Test
  void shouldLeaveAloneARunThatDoesNotWantItsComponent() {
    accept(EnumSet.of(Component.DATABASE));
    open(1);

    assertThat(jobs((task, work) -> made()).find(run)).isEmpty();
  }

  @Test
  void shouldLeaveAloneWhatIsTooLateVoidedOrEnded() {
    // given
    accept(EnumSet.of(Component.MEDIA));
    open(1);
    Job job = jobs((task, work) -> made()).find(run).orElseThrow();
    assertThat(job.isOver()).isFalse();

    // then
    Clock late = Clock.fixed(DEADLINE, ZoneOffset.UTC);
    assertThat(jobs((task, work) -> made(), late).find(run)).isEmpty();

    runs.decisions()
        .decide(
            RunKeys.verdict(run, 1), new Verdict.Voided(FailureCode.INTERNAL, "for a test", true));
    assertThat(job.isOver()).isTrue();

    open(2);
    Job next = jobs((task, work) -> made()).find(run).orElseThrow();
    assertThat(next.epochs()).isEqualTo(RunKeys.epochs(run, 2, Component.MEDIA));
    runs.decisions()
        .decide(
            RunKeys.outcome(run),
            new Outcome(
                announce(
                    new BackupFailed(
                        run,
                        "edms",
                        PACKAGER,
                        FailureCode.DEADLINE,
                        "late",
                        EnumSet.noneOf(Component.class),
                        null)),
                0));
    assertThat(next.isOver()).isTrue();
  }

  @Test
  void shouldRecordAPassingFailureAsOneThatIsTriedAgain() throws Exception {
    ComponentFailed failure =
        failureOf(1, ComponentFailure.passing(FailureCode.DATABASE_UNREACHABLE, "gone", null));

    assertThat(failure.code()).isEqualTo(FailureCode.DATABASE_UNREACHABLE);
    assertThat(failure.message()).isEqualTo("gone");
    assertThat(failure.retryable()).isTrue();
    assertThat(failure.willRetry()).isTrue();
    awaitTold(outcome(1).orElseThrow().announcement());
  }

  @Test
  void shouldNotPromiseAnotherTryAfterTheLast() throws Exception {
    ComponentFailed failure =
        failureOf(
            ATTEMPTS, ComponentFailure.passing(FailureCode.DATABASE_UNREACHABLE, "gone", null));

    assertThat(failure.retryable()).isTrue();
    assertThat(failure.willRetry()).isFalse();
  }

  @Test
  void shouldNotPromiseAnotherTryWhereSomebodyHasToMendSomething() throws Exception {
    ComponentFailed failure =
        failureOf(1, ComponentFailure.permanent(FailureCode.DISK_FULL, "make room", null));

    assertThat(failure.code()).isEqualTo(FailureCode.DISK_FULL);
    assertThat(failure.retryable()).isFalse();
    assertThat(failure.willRetry()).isFalse();
  }

  @Test
  void shouldRecordARefusalOfTheStore() throws Exception {
    ComponentFailed failure = failureOf(1, new StoreException.Refused("no permission", null));

    assertThat(failure.code()).isEqualTo(FailureCode.STORE_REFUSED);
    assertThat(failure.message()).isEqualTo("the object store: no permission");
    assertThat(failure.willRetry()).isFalse();
  }

  @Test
  void shouldTryAgainAfterAnOutageOfTheStoreHoweverManyThereWere() throws Exception {
    ComponentFailed failure =
        failureOf(ATTEMPTS + 1, new StoreException.Unavailable("no answer", null));

    assertThat(failure.code()).isEqualTo(FailureCode.INTERRUPTED);
    assertThat(failure.message()).isEqualTo("the object store: no answer");
    assertThat(failure.retryable()).isTrue();
    assertThat(failure.willRetry()).isTrue();
  }

  @Test
  void shouldRecordWhatNobodyExpected() throws Exception {
    ComponentFailed failure = failureOf(1, new IllegalStateException());

    assertThat(failure.code()).isEqualTo(FailureCode.INTERNAL);
    assertThat(failure.message()).isEqualTo("java.lang.IllegalStateException");
    assertThat(failure.willRetry()).isTrue();
  }

  @Test
  void shouldNotBeOverByItsOwnDecisionBeforeItHasToldOfIt() throws Exception {
    // given
    accept(EnumSet.of(Component.MEDIA));
    open(1);
    Job job = jobs((task, work) -> made()).find(run).orElseThrow();
    String own = RunKeys.part(run, 1, Component.MEDIA).key().value();
    AtomicInteger decided = new AtomicInteger();
    List<Boolean> overMeanwhile = new CopyOnWriteArrayList<>();
    store.trouble(key -> {
      if (key.equals(own) && decided.getAndIncrement() == 0) {
        runs.decisions()
            .decide(
                RunKeys.verdict(run, 1),
                new Verdict.Voided(FailureCode.INTERNAL, "for a test", true));
        overMeanwhile.add(job.isOver());
      }
    });

    // when
    job.perform(work(1));

    // then
    assertThat(overMeanwhile).containsExactly(false);
    awaitTold(outcome(1).orElseThrow().announcement());
    assertThat(job.isOver()).isTrue();
  }

  @Test
  void shouldRecordNothingWhenItIsStopped() throws Exception {
    // given
    accept(EnumSet.of(Component.MEDIA));
    open(1);
    Job job =
        jobs((task, work) -> work.<PartMaker.Made>await(Optional::empty, LONG).orElseThrow())
            .find(run)
            .orElseThrow();

    Work work = work(1);
    FutureTask<Boolean> performing = performing(job, work);
    await().during(Duration.ofMillis(300)).until(() -> !performing.isDone());

    // when
    work.stop("it is over");

    // then
    assertThatThrownBy(performing::get).hasCauseInstanceOf(StoppedException.class);
    assertThat(outcome(1)).isEmpty();
  }

  @Test
  void shouldRecordNothingThatFailedBecauseItWasStopped() throws Exception {
    for (Exception consequence :
        List.of(
            ComponentFailure.passing(FailureCode.TOOL_FAILED, "pg_dump was killed", null),
            new IllegalStateException("closed"),
            new StoreException.Unavailable("closed", null))) {
      // given
      accept(EnumSet.of(Component.MEDIA));
      open(1);
      Work work = work(1);
      Job job =
          jobs(
                  (task, itsWork) -> {
                    work.stop("the lease is lost");
                    throw rethrown(consequence);
                  })
              .find(run)
              .orElseThrow();

      // then
      assertThatThrownBy(() -> job.perform(work)).isInstanceOf(StoppedException.class);
      assertThat(outcome(1)).isEmpty();
    }
  }

  @Test
  void shouldRecordNothingThatWasMadeAfterItWasStopped() throws Exception {
    // given
    accept(EnumSet.of(Component.MEDIA));
    open(1);
    Work work = work(1);
    Job job =
        jobs(
                (task, itsWork) -> {
                  work.stop("the lease is lost");
                  return made();
                })
            .find(run)
            .orElseThrow();

    // then
    assertThatThrownBy(() -> job.perform(work)).isInstanceOf(StoppedException.class);
    assertThat(outcome(1)).isEmpty();
  }

  @Test
  void shouldStandByAndTellOfTheOutcomeOfAnotherEpoch() throws Exception {
    // given
    accept(EnumSet.of(Component.MEDIA));
    open(1);
    PartOutcome theirs =
        new PartOutcome.Failed(
            announce(
                new ComponentFailed(
                    run,
                    "edms",
                    new Origin(Component.MEDIA, 1, 2, 1),
                    FailureCode.TOOL_FAILED,
                    "theirs",
                    true,
                    true)));
    Job job =
        jobs(
                (task, work) -> {
                  runs.decisions().decide(RunKeys.part(run, 1, Component.MEDIA), theirs);
                  return made();
                })
            .find(run)
            .orElseThrow();

    // when
    job.perform(work(1));

    // then
    assertThat(outcome(1)).contains(theirs);
    awaitTold(theirs.announcement());
    assertThat(heard)
        .noneMatch(envelope ->
            envelope.data() instanceof MediaSyncCompleted fact && fact.run().equals(run));
  }

  @Test
  void shouldRecordWhatWasMadeOnceTheStoreIsBack() throws Exception {
    // given
    accept(EnumSet.of(Component.MEDIA));
    open(1);
    Job job =
        jobs(
                (task, work) -> {
                  store.goDown();
                  return made();
                })
            .find(run)
            .orElseThrow();
    FutureTask<Boolean> performing = performing(job, work(1));
    await().during(Duration.ofMillis(500)).until(() -> !performing.isDone());

    // when
    store.comeBack();

    // then
    performing.get();
    assertThat(outcome(1)).get().isInstanceOf(PartOutcome.Committed.class);
  }

  private ComponentFailed failureOf(int attempt, Exception failure) throws Exception {
    accept(EnumSet.of(Component.MEDIA));
    for (int i = 1; i <= attempt; i++) {
      open(i);
    }
    jobs(
            (task, work) -> {
              throw rethrown(failure);
            })
        .find(run)
        .orElseThrow()
        .perform(work(1));
    return ((PartOutcome.Failed) outcome(attempt).orElseThrow()).failure();
  }

  private static ComponentFailure rethrown(Exception failure) {
    if (failure instanceof RuntimeException unchecked) {
      throw unchecked;
    }
    return (ComponentFailure) failure;
  }

  private static FutureTask<Boolean> performing(Job job, Work work) {
    FutureTask<Boolean> task =
        new FutureTask<>(() -> {
          job.perform(work);
          return null;
        });
    Thread.ofVirtual().start(task);
    return task;
  }

  private Work work(int epoch) {
    return new Work(run, Component.MEDIA, epoch, Machine.REAL);
  }

  private void accept(EnumSet<Component> components) {
    runs.answer(
        run,
        new Claim(
            announce(new BackupAccepted(run, "edms", PACKAGER, components, NOW, DEADLINE, null)),
            DEADLINE));
  }

  private void open(int attempt) {
    runs.decisions()
        .decide(
            RunKeys.opened(run, attempt),
            new AttemptOpened(
                announce(
                    new BackupStarted(run, "edms", PACKAGER, ARCHIVE, EnumSet.of(Component.MEDIA))),
                OffsetDateTime.parse("2026-01-11T02:00:00Z"),
                Map.of()));
  }

  private Optional<PartOutcome> outcome(int attempt) {
    return runs.decisions().find(RunKeys.part(run, attempt, Component.MEDIA));
  }

  private static void awaitTold(Announcement announcement) {
    await().untilAsserted(() -> assertThat(heard).contains(announcement.envelope()));
  }

  private static Announcement announce(Fact fact) {
    return new Announcement(fact, NOW);
  }

  private PartMaker.Made made() {
    return made(INVENTORY);
  }

  private PartMaker.Made made(PartInventory inventory) {
    return new PartMaker.Made(
        inventory,
        Map.of("rsync", "3.2.7"),
        Map.of("media-pack", Duration.ofSeconds(1)),
        2,
        1,
        null,
        null,
        origin -> new MediaSyncCompleted(run, "edms", origin, 2, 20, 10));
  }

  private PartJobs jobs(Making making) {
    return jobs(making, CLOCK);
  }

  private PartJobs jobs(Making making, Clock clock) {
    return new PartJobs(runs, publisher, new MediaMaker(making), SETTINGS, clock);
  }

  private interface Making {
    PartMaker.Made make(PartMaker.Task task, Work work)
        throws ComponentFailure, InterruptedException;
  }

  /** Its parts are nowhere in the store. */
  private record MediaMaker(Making making) implements PartMaker {
    @Override
    public Component component() {
      return Component.MEDIA;
    }

    @Override
    public Made make(Task task, List<PartReader> earlier, Work work)
        throws ComponentFailure, InterruptedException {
      return making.make(task, work);
    }
  }
}
