package io.hybridbackup.common.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoreException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class WorkerTest {
  private static final Duration LEASE = Duration.ofSeconds(2);
  private static final Duration NEVER = Duration.ofHours(1);
  private static final Duration OFTEN = Duration.ofMillis(300);
  private static final RunId FIRST = RunId.ofRequest("/test", "first");
  private static final RunId SECOND = RunId.ofRequest("/test", "second");

  @TempDir private Path directory;
  private final FakeSource source = new FakeSource();
  private final List<Worker> workers = new ArrayList<>();
  private TroubledStore store;
  private Runs runs;

  @BeforeEach
  void openStore() {
    store = new TroubledStore(new FilesystemObjectStore(directory));
    runs = new Runs(store);
  }

  @AfterEach
  void stopEverything() {
    store.comeBack();
    workers.forEach(Worker::close);
    store.close();
  }

  @Test
  void shouldTakeAJobThatItIsWokenFor() {
    // given
    Worker worker = start(NEVER, 1);
    FakeJob job = source.add(FIRST, FakeJob::finish);

    // when
    worker.wake(FIRST);

    // then
    await().untilAsserted(() -> assertThat(job.performed).hasValue(1));
  }

  @Test
  void shouldFindWhatNoEventTold() {
    // given
    start(OFTEN, 1);

    // when
    FakeJob job = source.add(FIRST, FakeJob::finish);
    runs.markOpen(FIRST);

    // then
    await().untilAsserted(() -> assertThat(job.performed).hasValue(1));
  }

  @Test
  void shouldFindWhatWasOpenBeforeItBegan() {
    FakeJob job = source.add(FIRST, FakeJob::finish);
    runs.markOpen(FIRST);

    start(NEVER, 1);

    await().untilAsserted(() -> assertThat(job.performed).hasValue(1));
  }

  @Test
  void shouldDoNoMoreAtATimeThanItsCapacityAndGoOnAsSoonAsOneEnds() {
    CountDownLatch end = new CountDownLatch(1);
    shouldGoOnWithTheSecondAfter(
        end::countDown,
        (job, work) -> {
          work.await(() -> Optional.of(end).filter(latch -> latch.getCount() == 0), NEVER);
          job.finish(work);
        });
  }

  @Test
  void shouldGoOnAsSoonAsOneBreaksOff() {
    CountDownLatch end = new CountDownLatch(1);
    shouldGoOnWithTheSecondAfter(
        end::countDown,
        (job, work) -> {
          work.await(() -> Optional.of(end).filter(latch -> latch.getCount() == 0), NEVER);
          throw new IllegalStateException("broken");
        });
  }

  private void shouldGoOnWithTheSecondAfter(Runnable end, Performance first) {
    // given
    Worker worker = start(NEVER, 1);
    FakeJob inTheWay = source.add(FIRST, first);
    worker.wake(FIRST);
    await().untilAsserted(() -> assertThat(inTheWay.performed).hasValue(1));
    FakeJob waiting = source.add(SECOND, FakeJob::finish);
    runs.markOpen(SECOND);

    // when
    worker.wake(SECOND);

    // then
    await()
        .during(Duration.ofMillis(500))
        .untilAsserted(() -> assertThat(waiting.performed).hasValue(0));
    end.run();
    await().untilAsserted(() -> assertThat(waiting.performed).hasValue(1));
  }

  @Test
  void shouldGiveThePlaceOfAJobThatDoesNotGetOnToAnother() {
    // given
    start(OFTEN, 1);
    FakeJob hanging =
        source.add(FIRST, (job, work) -> work.await(Optional::empty, NEVER)).reportingProgress();
    runs.markOpen(FIRST);
    await().untilAsserted(() -> assertThat(hanging.performed).hasValue(1));

    // when
    FakeJob waiting = source.add(SECOND, FakeJob::finish);
    runs.markOpen(SECOND);

    // then
    await()
        .atMost(LEASE.multipliedBy(15))
        .untilAsserted(() -> assertThat(waiting.performed).hasValue(1));
    assertThat(hanging.stopped).hasValue(0);
  }

  @Test
  void shouldKeepThePlaceOfAJobThatGetsOn() {
    // given
    start(OFTEN, 1);
    FakeJob busy =
        source
            .add(
                FIRST,
                (job, work) -> {
                  while (true) {
                    work.advanced();
                    work.await(Optional::empty, OFTEN);
                  }
                })
            .reportingProgress();
    runs.markOpen(FIRST);
    await().untilAsserted(() -> assertThat(busy.performed).hasValue(1));

    // when
    FakeJob waiting = source.add(SECOND, FakeJob::finish);
    runs.markOpen(SECOND);

    // then
    await()
        .during(LEASE.multipliedBy(3))
        .untilAsserted(() -> assertThat(waiting.performed).hasValue(0));
  }

  @Test
  void shouldLookOnlyAtWhatIsPromisingUnlessItIsWokenForIt() {
    // given
    FakeJob promising = source.add(FIRST, FakeJob::finish);
    FakeJob waiting = source.add(SECOND, FakeJob::finish);
    source.hopeless = SECOND;
    runs.markOpen(FIRST);
    runs.markOpen(SECOND);

    // when
    Worker worker = start(OFTEN, 1);

    // then
    await().untilAsserted(() -> assertThat(promising.performed).hasValue(1));
    await()
        .during(OFTEN.multipliedBy(3))
        .untilAsserted(() -> assertThat(waiting.performed).hasValue(0));
    worker.wake(SECOND);
    await().untilAsserted(() -> assertThat(waiting.performed).hasValue(1));
  }

  @Test
  void shouldDoSeveralAtATime() {
    // given
    Worker worker = start(NEVER, 2);
    FakeJob one = source.add(FIRST, FakeJob::waitForEver);
    FakeJob another = source.add(SECOND, FakeJob::waitForEver);

    // when
    worker.wake(FIRST);
    worker.wake(SECOND);

    // then
    await()
        .untilAsserted(() -> {
          assertThat(one.performed).hasValue(1);
          assertThat(another.performed).hasValue(1);
        });
  }

  @Test
  void shouldDoAJobOnceHoweverManyWorkersThereAre() {
    // given
    FakeJob job = source.add(FIRST, FakeJob::waitForEver);
    runs.markOpen(FIRST);

    // when
    start(OFTEN, 2);
    start(OFTEN, 2);
    start(OFTEN, 2);

    // then
    await().untilAsserted(() -> assertThat(job.performed).hasValue(1));
    await().during(LEASE).untilAsserted(() -> assertThat(job.performed).hasValue(1));
  }

  @Test
  void shouldTellARunningJobThatItsRunHasNews() {
    // given
    AtomicInteger looks = new AtomicInteger();
    Worker worker = start(NEVER, 1);
    source.add(
        FIRST,
        (job, work) ->
            work.await(
                () -> looks.incrementAndGet() < 0 ? Optional.of(1) : Optional.empty(), NEVER));

    // then
    await()
        .atMost(Duration.ofSeconds(5))
        .pollInterval(Duration.ofMillis(10))
        .until(() -> {
          worker.wake(FIRST);
          return looks.get() > 20;
        });
  }

  @Test
  void shouldStopWhatIsOver() {
    // given
    AtomicBoolean closed = new AtomicBoolean();
    Worker worker = start(OFTEN, 1);
    FakeJob job =
        source.add(
            FIRST,
            (self, work) -> {
              work.own(() -> closed.set(true));
              self.waitForEver(work);
            });
    worker.wake(FIRST);
    await().untilAsserted(() -> assertThat(job.performed).hasValue(1));

    // when
    job.over.set(true);

    // then
    await().untilAsserted(() -> assertThat(job.stopped).hasValue(1));
    assertThat(closed).isTrue();
    assertThat(job.performed).hasValue(1);
  }

  @Test
  void shouldLeaveBehindWhatDoesNotStopAndGoOnWithTheNextEpoch() {
    // given
    CountDownLatch thaw = new CountDownLatch(1);
    List<Integer> epochs = new CopyOnWriteArrayList<>();
    Worker worker = start(OFTEN, 1);
    FakeJob job =
        source.add(
            FIRST,
            (self, work) -> {
              epochs.add(work.epoch());
              if (work.epoch() == 1) {
                awaitUninterruptibly(thaw);
                work.checkpoint();
              }
              self.waitForEver(work);
            });
    worker.wake(FIRST);
    await().untilAsserted(() -> assertThat(job.performed).hasValue(1));

    // when
    job.over.set(true);
    await().until(() -> isReleased(Lease.heartbeatKey(job.epochs(), 1)));
    job.over.set(false);
    worker.wake(FIRST);

    // then
    await().untilAsserted(() -> assertThat(epochs).containsExactly(1, 2));
    thaw.countDown();
    await().untilAsserted(() -> assertThat(job.stopped).hasValue(1));
    worker.wake(FIRST);
    await().during(LEASE).untilAsserted(() -> assertThat(epochs).containsExactly(1, 2));
    assertThat(isReleased(Lease.heartbeatKey(job.epochs(), 2))).isFalse();
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    while (latch.getCount() > 0) {
      LockSupport.parkNanos(OFTEN.toNanos());
    }
  }

  private boolean isReleased(ObjectKey heartbeat) {
    return Json.read(store.read(heartbeat).orElseThrow(), Lease.Heartbeat.class).released();
  }

  @Test
  void shouldTryAgainLaterWhatBrokeOffHoweverOftenItIsWoken() {
    shouldTryAgainLaterAfter(new IllegalStateException("broken"));
  }

  @Test
  void shouldTryAgainLaterWhatBrokeOffWithAnError() {
    shouldTryAgainLaterAfter(new NoClassDefFoundError("broken"));
  }

  private void shouldTryAgainLaterAfter(Throwable failure) {
    // given
    Duration pause = Duration.ofMillis(500);
    Worker worker = start(pause, 1);
    FakeJob job =
        source.add(
            FIRST,
            (self, work) -> {
              if (failure instanceof Error error) {
                throw error;
              }
              throw new IllegalStateException(failure);
            });
    long begun = System.nanoTime();

    // when
    await()
        .pollInterval(Duration.ofMillis(5))
        .until(() -> {
          worker.wake(FIRST);
          return job.performed.get() == 4;
        });

    // then
    assertThat(Duration.ofNanos(System.nanoTime() - begun))
        .isGreaterThanOrEqualTo(pause.multipliedBy(3));
  }

  @Test
  void shouldNotLetARunThatCannotBeReadKeepOthersWaiting() {
    // given
    List<RunId> sorted =
        Stream.of(FIRST, SECOND).sorted(Comparator.comparing(RunId::value)).toList();
    source.unreadable = sorted.getFirst();
    FakeJob job = source.add(sorted.getLast(), FakeJob::finish);
    sorted.forEach(runs::markOpen);

    // when
    start(NEVER, 1);

    // then
    await().untilAsserted(() -> assertThat(job.performed).hasValue(1));
  }

  @Test
  void shouldNotLetAJobWhoseEndCannotBeReadKeepOthersWaiting() {
    // given
    Worker worker = start(OFTEN, 2);
    FakeJob unreadable = source.add(FIRST, FakeJob::waitForEver);
    worker.wake(FIRST);
    await().untilAsserted(() -> assertThat(unreadable.performed).hasValue(1));

    // when
    unreadable.unreadable.set(true);
    FakeJob job = source.add(SECOND, FakeJob::finish);
    worker.wake(SECOND);

    // then
    await().untilAsserted(() -> assertThat(job.performed).hasValue(1));
  }

  @Test
  void shouldCarryOnWhenTheStoreComesBack() {
    // given
    FakeJob job = source.add(FIRST, FakeJob::finish);
    runs.markOpen(FIRST);
    store.goDown();
    start(OFTEN, 1);
    await().during(OFTEN).untilAsserted(() -> assertThat(job.performed).hasValue(0));

    // when
    store.comeBack();

    // then
    await().untilAsserted(() -> assertThat(job.performed).hasValue(1));
  }

  @Test
  void shouldStopEverythingAndLetTheLeasesGoWhenItIsClosed() {
    // given
    Worker worker = start(NEVER, 2, NEVER);
    FakeJob one = source.add(FIRST, FakeJob::waitForEver);
    FakeJob another = source.add(SECOND, FakeJob::waitForEver);
    worker.wake(FIRST);
    worker.wake(SECOND);
    await().until(() -> one.performed.get() + another.performed.get() == 2);

    // when
    worker.close();

    // then
    assertThat(one.stopped).hasValue(1);
    assertThat(another.stopped).hasValue(1);
    Leases others = new Leases(store, NEVER);
    for (FakeJob job : List.of(one, another)) {
      try (Lease next = others.tryTake(job.epochs()).orElseThrow()) {
        assertThat(next.epoch()).isEqualTo(2);
      }
    }
  }

  @Test
  void shouldStopAJobWhoseLeaseIsLostAndNotTakeItFromItsNewHolder() {
    // given
    Worker worker = start(OFTEN, 1);
    FakeJob job = source.add(FIRST, FakeJob::waitForEver);
    worker.wake(FIRST);
    await().untilAsserted(() -> assertThat(job.performed).hasValue(1));

    // when
    try (Lease next = supersede(job)) {

      // then
      assertThat(next.epoch()).isEqualTo(3);
      await().untilAsserted(() -> assertThat(job.stopped).hasValue(1));
      worker.wake(FIRST);
      await().during(LEASE).untilAsserted(() -> assertThat(job.performed).hasValue(1));
    }
  }

  @Test
  void shouldStopAJobWhoseLeaseWasLostBeforeItBegan() {
    // given
    FakeJob job = source.add(FIRST, FakeJob::waitForEver);
    store.trouble(key -> {
      if (key.endsWith(".heartbeat")) {
        throw new StoreException.Unavailable("the store is down", null);
      }
      if (key.endsWith("/epoch-00001")) {
        await().pollDelay(LEASE).until(() -> true);
      }
    });

    // when
    start(NEVER, 1).wake(FIRST);

    // then
    await().untilAsserted(() -> assertThat(job.stopped).hasValue(1));
  }

  @Test
  void shouldNotDoAgainWhatTheLastHolderFinishedMeanwhile() {
    // given
    FakeJob job = source.add(FIRST, FakeJob::finish);
    store.trouble(key -> {
      if (key.endsWith("/epoch-00001")) {
        job.over.set(true);
      }
    });

    // when
    start(NEVER, 1).wake(FIRST);

    // then
    Leases others = new Leases(store, NEVER);
    await().until(() -> store.find(Lease.heartbeatKey(job.epochs(), 1)).isPresent());
    try (Lease released =
        await().until(() -> others.tryTake(job.epochs()), Optional::isPresent).orElseThrow()) {
      assertThat(released.epoch()).isEqualTo(2);
    }
    assertThat(job.performed).hasValue(0);
  }

  @Test
  void shouldBeginJobsAndKeepTheirLeasesWhileOthersKeepEveryProcessorBusy() throws Exception {
    // given
    int jobs = 4 * Runtime.getRuntime().availableProcessors();
    Duration busy = LEASE.multipliedBy(2);
    Worker worker = start(NEVER, jobs);
    CountDownLatch begun = new CountDownLatch(jobs);
    CountDownLatch left = new CountDownLatch(jobs);
    for (int i = 1; i <= jobs; i++) {
      RunId run = RunId.ofRequest("/test", "busy-" + i);
      source.add(
          run,
          (job, work) -> {
            begun.countDown();
            long end = System.nanoTime() + busy.toNanos();
            while (System.nanoTime() < end) {
              Thread.onSpinWait();
            }
            work.checkpoint();
            job.finish(work);
            left.countDown();
          });
      runs.markOpen(run);
    }

    // when
    worker.wakeAll();

    // then
    assertThat(begun.await(busy.toMillis(), TimeUnit.MILLISECONDS)).isTrue();
    await().until(() -> left.getCount() == 0);
  }

  /** Takes a lease as one does who finds its holder dead. */
  private Lease supersede(FakeJob job) {
    store.create(job.epochs().resolve("epoch-00002"), Json.write("another"));
    store.overwrite(
        Lease.heartbeatKey(job.epochs(), 2), Json.write(new Lease.Heartbeat("another", 0, true)));
    return new Leases(store, LEASE).tryTake(job.epochs()).orElseThrow();
  }

  private Worker start(Duration sweep, int capacity) {
    return start(sweep, capacity, LEASE);
  }

  private Worker start(Duration sweep, int capacity, Duration lease) {
    Settings.Jobs settings =
        new Settings.Jobs(
            lease, sweep, NEVER, 3, NEVER, capacity, Settings.WhenBusy.WAIT, NEVER, true, 5);
    Worker worker = new Worker("test", runs, new Leases(store, lease), settings, capacity, source);
    workers.add(worker);
    return worker;
  }

  private interface Performance {
    void perform(FakeJob job, Work work) throws InterruptedException;
  }

  private static final class FakeJob implements Job {
    private final RunId run;
    private final Performance performance;
    private final AtomicInteger performed = new AtomicInteger();
    private final AtomicInteger stopped = new AtomicInteger();
    private final AtomicBoolean over = new AtomicBoolean();
    private final AtomicBoolean unreadable = new AtomicBoolean();
    private volatile boolean reportsProgress;

    FakeJob(RunId run, Performance performance) {
      this.run = run;
      this.performance = performance;
    }

    @Override
    public RunId run() {
      return run;
    }

    @Override
    public Component component() {
      return Component.PACKAGER;
    }

    @Override
    public ObjectKey epochs() {
      return RunKeys.epochs(run, component());
    }

    @Override
    public boolean isOver() {
      if (unreadable.get()) {
        throw new IllegalStateException("unreadable");
      }
      return over.get();
    }

    FakeJob reportingProgress() {
      reportsProgress = true;
      return this;
    }

    @Override
    public boolean reportsProgress() {
      return reportsProgress;
    }

    @Override
    public void perform(Work work) throws InterruptedException {
      performed.incrementAndGet();
      try {
        performance.perform(this, work);
      } catch (StoppedException e) {
        stopped.incrementAndGet();
        throw e;
      }
    }

    void finish(Work work) {
      over.set(true);
    }

    void waitForEver(Work work) throws InterruptedException {
      work.await(Optional::empty, NEVER);
    }
  }

  private static final class FakeSource implements Job.Source {
    private final Map<RunId, FakeJob> jobs = new ConcurrentHashMap<>();
    private volatile RunId unreadable = RunId.ofRequest("/test", "none");
    private volatile RunId hopeless = unreadable;

    FakeJob add(RunId run, Performance performance) {
      FakeJob job = new FakeJob(run, performance);
      jobs.put(run, job);
      return job;
    }

    @Override
    public Collection<RunId> promising(List<RunId> open) {
      return open.stream().filter(run -> !run.equals(hopeless)).toList();
    }

    @Override
    public Optional<Job> find(RunId run) {
      if (run.equals(unreadable)) {
        throw new IllegalStateException("unreadable");
      }
      return Optional.<Job>ofNullable(jobs.get(run)).filter(job -> !job.isOver());
    }
  }
}
