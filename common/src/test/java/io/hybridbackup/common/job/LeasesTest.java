package io.hybridbackup.common.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoreException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

@Timeout(60)
@Execution(ExecutionMode.CONCURRENT)
class LeasesTest {
  private static final Duration LEASE = Duration.ofSeconds(2);
  private static final ObjectKey FOLDER = new ObjectKey("runs/abc/packager");

  @TempDir private Path directory;
  private final List<Lease> taken = new ArrayList<>();
  private TroubledStore holders;
  private TroubledStore others;

  @BeforeEach
  void openStores() {
    holders = new TroubledStore(new FilesystemObjectStore(directory));
    others = new TroubledStore(new FilesystemObjectStore(directory));
  }

  @AfterEach
  void releaseEverything() {
    holders.comeBack();
    taken.forEach(Lease::close);
    holders.close();
    others.close();
  }

  @Test
  void shouldLetOneOfManyTakersWin() throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int round = 1; round <= 20; round++) {
        // given
        ObjectKey folder = new ObjectKey("runs/abc/round-" + round);
        Callable<Optional<Lease>> taker = () -> new Leases(holders, LEASE).tryTake(folder);

        // when
        List<Lease> winners = new ArrayList<>();
        for (Future<Optional<Lease>> one : threads.invokeAll(List.of(taker, taker, taker, taker))) {
          one.get().ifPresent(winners::add);
        }

        // then
        taken.addAll(winners);
        assertThat(winners).singleElement().extracting(Lease::epoch).isEqualTo(1);
      }
    }
  }

  @Test
  void shouldKeepALeaseForAsLongAsTheHeartbeatGoesOn() {
    // given
    AtomicInteger losses = new AtomicInteger();
    take(new Leases(holders, LEASE), FOLDER).whenLost(losses::incrementAndGet);
    Leases observer = new Leases(others, LEASE);

    // then
    await()
        .during(LEASE.multipliedBy(2))
        .atMost(LEASE.multipliedBy(3))
        .until(() -> observer.tryTake(FOLDER).isEmpty());
    assertThat(losses).hasValue(0);
  }

  @Test
  void shouldTakeOverFromADeadHolderAfterTheLeaseTimeAndNotBefore() {
    // given
    Lease dead = take(new Leases(holders, LEASE), FOLDER);
    awaitHeartbeat();
    long lastBeat = System.nanoTime();
    holders.goDown();
    Leases observer = new Leases(others, LEASE);

    // when
    Lease successor = awaitTurn(observer);

    // then
    assertThat(since(lastBeat)).isBetween(LEASE, LEASE.multipliedBy(2));
    assertThat(successor.epoch()).isEqualTo(dead.epoch() + 1);
  }

  @Test
  void shouldTakeOverFromAHolderThatDiedBeforeItsFirstHeartbeat() {
    // given
    others.create(FOLDER.resolve("epoch-00007"), Json.write("died"));

    // when
    Lease successor = awaitTurn(new Leases(others, LEASE));

    // then
    assertThat(successor.epoch()).isEqualTo(8);
  }

  @Test
  void shouldNotCountAgainstTheHolderHowLongTheStoreTakesToAnswer() {
    // given
    take(new Leases(holders, LEASE), FOLDER);
    awaitHeartbeat();
    Leases observer = new Leases(others, LEASE);
    holders.goDown();
    assertThat(observer.tryTake(FOLDER)).isEmpty();

    // when
    others.trouble(key -> {
      if (key.endsWith(".heartbeat")) {
        await().pollDelay(LEASE).until(() -> true);
      }
    });

    // then
    assertThat(observer.tryTake(FOLDER)).isEmpty();
  }

  @Test
  void shouldTakeAReleasedLeaseAtOnce() {
    // given
    Lease first = take(new Leases(holders, Duration.ofHours(1)), FOLDER);
    Leases observer = new Leases(others, Duration.ofHours(1));
    assertThat(observer.tryTake(FOLDER)).isEmpty();

    // when
    first.close();

    // then
    assertThat(take(observer, FOLDER).epoch()).isEqualTo(2);
  }

  @Test
  void shouldLoseALeaseThatCannotBeRenewedBeforeOthersMayTakeIt() {
    // given
    AtomicLong lostAt = new AtomicLong();
    take(new Leases(holders, LEASE), FOLDER).whenLost(() -> lostAt.set(System.nanoTime()));
    awaitHeartbeat();
    long lastBeat = System.nanoTime();

    // when
    holders.goDown();

    // then
    await().until(() -> lostAt.get() != 0);
    assertThat(Duration.ofNanos(lostAt.get() - lastBeat))
        .isLessThan(LEASE.multipliedBy(9).dividedBy(10));
  }

  @Test
  void shouldLoseALeaseInTimeThoughTheStoreHangs() {
    // given
    AtomicLong lostAt = new AtomicLong();
    CountDownLatch answer = new CountDownLatch(1);
    take(new Leases(holders, LEASE), FOLDER).whenLost(() -> lostAt.set(System.nanoTime()));
    awaitHeartbeat();
    long lastBeat = System.nanoTime();

    // when
    holders.trouble(key -> awaitUninterruptibly(answer));

    // then
    try {
      await().until(() -> lostAt.get() != 0);
    } finally {
      answer.countDown();
    }
    assertThat(Duration.ofNanos(lostAt.get() - lastBeat)).isLessThan(LEASE);
  }

  @Test
  void shouldCountHowLongItTookToTakeALease() {
    // given
    AtomicLong lostAt = new AtomicLong();
    holders.trouble(key -> {
      if (key.endsWith(".heartbeat")) {
        throw new StoreException.Unavailable("the store is down", null);
      }
      if (key.endsWith("/epoch-00001")) {
        await().pollDelay(LEASE.dividedBy(2)).until(() -> true);
      }
    });
    long begun = System.nanoTime();

    // when
    take(new Leases(holders, LEASE), FOLDER).whenLost(() -> lostAt.set(System.nanoTime()));

    // then
    await().until(() -> lostAt.get() != 0);
    assertThat(Duration.ofNanos(lostAt.get() - begun)).isLessThan(LEASE);
  }

  @Test
  void shouldLoseALeaseWhateverTheStoreThrows() {
    // given
    AtomicInteger losses = new AtomicInteger();
    take(new Leases(holders, LEASE), FOLDER).whenLost(losses::incrementAndGet);

    // when
    holders.trouble(key -> {
      throw new IllegalStateException("closed");
    });

    // then
    await().untilAsserted(() -> assertThat(losses).hasValue(1));
  }

  @Test
  void shouldSurviveAnOutageThatIsShorterThanTheLease() {
    // given
    AtomicInteger losses = new AtomicInteger();
    take(new Leases(holders, LEASE), FOLDER).whenLost(losses::incrementAndGet);
    awaitHeartbeat();

    // when
    holders.goDown();
    await().pollDelay(LEASE.dividedBy(3)).until(() -> true);
    holders.comeBack();

    // then
    await()
        .during(LEASE)
        .atMost(LEASE.multipliedBy(2))
        .untilAsserted(() -> assertThat(losses).hasValue(0));
  }

  @Test
  void shouldLoseALeaseThatWasSuperseded() {
    // given
    AtomicInteger losses = new AtomicInteger();
    Lease superseded = take(new Leases(holders, LEASE), FOLDER);
    superseded.whenLost(losses::incrementAndGet);

    // when
    others.create(FOLDER.resolve("epoch-00002"), Json.write("another"));

    // then
    await().atMost(LEASE.dividedBy(2)).untilAsserted(() -> assertThat(losses).hasValue(1));
  }

  @Test
  void shouldTellOfALossThatCameBeforeAnybodyAsked() {
    // given
    Lease lease = take(new Leases(holders, LEASE), FOLDER);
    AtomicInteger early = new AtomicInteger();
    lease.whenLost(early::incrementAndGet);
    others.create(FOLDER.resolve("epoch-00002"), Json.write("another"));
    await().untilAsserted(() -> assertThat(early).hasValue(1));

    // when
    AtomicInteger late = new AtomicInteger();
    lease.whenLost(late::incrementAndGet);

    // then
    assertThat(late).hasValue(1);
  }

  @Test
  void shouldNotTellOfALossAfterTheLeaseWasClosed() {
    // given
    AtomicInteger losses = new AtomicInteger();
    Lease lease = take(new Leases(holders, LEASE), FOLDER);
    lease.whenLost(losses::incrementAndGet);

    // when
    lease.close();
    others.create(FOLDER.resolve("epoch-00002"), Json.write("another"));

    // then
    await()
        .during(LEASE)
        .atMost(LEASE.multipliedBy(2))
        .untilAsserted(() -> assertThat(losses).hasValue(0));
  }

  @Test
  void shouldNotLockUpWhenALossClosesTheLease() {
    // given
    CountDownLatch closed = new CountDownLatch(1);
    Lease lease = take(new Leases(holders, LEASE), FOLDER);
    lease.whenLost(() -> {
      lease.close();
      closed.countDown();
    });

    // when
    holders.goDown();

    // then
    await().untilAsserted(() -> assertThat(closed.getCount()).isZero());
  }

  @Test
  void shouldCloseWithoutFailingWhileTheStoreIsDown() {
    Lease lease = take(new Leases(holders, LEASE), FOLDER);
    holders.trouble(key -> {
      throw new IllegalStateException("closed");
    });

    lease.close();

    assertThat(new Leases(others, LEASE).tryTake(FOLDER)).isEmpty();
  }

  private Lease take(Leases leases, ObjectKey folder) {
    Lease lease = leases.tryTake(folder).orElseThrow();
    taken.add(lease);
    return lease;
  }

  private Lease awaitTurn(Leases observer) {
    Lease lease =
        await()
            .pollInterval(Duration.ofMillis(20))
            .until(() -> observer.tryTake(FOLDER), Optional::isPresent)
            .orElseThrow();
    taken.add(lease);
    return lease;
  }

  private void awaitHeartbeat() {
    await().until(() -> others.find(Lease.heartbeatKey(FOLDER, 1)).isPresent());
  }

  private static Duration since(long nanoTime) {
    return Duration.ofNanos(System.nanoTime() - nanoTime);
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    boolean interrupted = false;
    while (latch.getCount() > 0) {
      try {
        latch.await();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
