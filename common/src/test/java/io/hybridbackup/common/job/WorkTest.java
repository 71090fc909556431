package io.hybridbackup.common.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.messaging.PublishException;
import io.hybridbackup.common.store.StoreException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class WorkTest {
  private static final Duration LONG = Duration.ofHours(1);

  private final Work work =
      new Work(RunId.ofRequest("/test", "1"), Component.MEDIA, 4, Machine.REAL);

  @Test
  void shouldNumberTheFactsOfAnEpoch() {
    assertThat(work.next(2)).isEqualTo(new Origin(Component.MEDIA, 2, 4, 1));
    assertThat(work.next(2)).isEqualTo(new Origin(Component.MEDIA, 2, 4, 2));
    assertThat(work.next(3)).isEqualTo(new Origin(Component.MEDIA, 3, 4, 3));
  }

  @Test
  void shouldGiveAnAnswerThatIsThereAtOnce() throws Exception {
    assertThat(work.await(() -> Optional.of("there"), Duration.ZERO)).contains("there");
  }

  @Test
  void shouldGiveUpAfterTheLimit() throws Exception {
    long begun = System.nanoTime();

    assertThat(work.await(Optional::empty, Duration.ofMillis(250))).isEmpty();

    assertThat(Duration.ofNanos(System.nanoTime() - begun))
        .isBetween(Duration.ofMillis(250), Duration.ofSeconds(2));
  }

  @Test
  void shouldLookFromTimeToTimeThoughThereIsNoNews() throws Exception {
    AtomicInteger looks = new AtomicInteger();

    assertThat(work.await(() -> Optional.of(1).filter(x -> looks.incrementAndGet() == 3), LONG))
        .isPresent();
  }

  @Test
  void shouldLookWheneverThereIsNews() {
    // given
    AtomicInteger looks = new AtomicInteger();
    FutureTask<?> waiting =
        inBackground(
            () -> work.await(() -> Optional.of(1).filter(x -> looks.incrementAndGet() > 40), LONG));

    // then
    await()
        .atMost(Duration.ofSeconds(5))
        .pollInterval(Duration.ofMillis(10))
        .until(() -> {
          work.signal();
          return waiting.isDone();
        });
  }

  @Test
  void shouldNotMissNewsThatComesWhileItLooks() throws Exception {
    // given
    AtomicInteger looks = new AtomicInteger();
    long begun = System.nanoTime();

    // when
    work.await(
        () -> {
          work.signal();
          return Optional.of(1).filter(x -> looks.incrementAndGet() == 100);
        },
        LONG);

    // then
    assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofSeconds(5));
  }

  @Test
  void shouldWaitWhileTheStoreIsDown() throws Exception {
    // given
    AtomicInteger looks = new AtomicInteger();

    // when
    Optional<String> answer =
        work.await(
            () -> {
              if (looks.incrementAndGet() < 3) {
                throw new StoreException.Unavailable("the store is down", null);
              }
              return Optional.of("there");
            },
            LONG);

    // then
    assertThat(answer).contains("there");
  }

  @Test
  void shouldInsistWhileTheStoreOrTheBrokerIsDown() throws Exception {
    // given
    AtomicInteger calls = new AtomicInteger();

    // when
    String answer =
        work.insist(() ->
            switch (calls.incrementAndGet()) {
              case 1 -> throw new StoreException.Unavailable("the store is down", null);
              case 2 -> throw new PublishException("no broker", new TimeoutException());
              default -> "done";
            });

    // then
    assertThat(answer).isEqualTo("done");
    assertThat(calls).hasValue(3);
  }

  @Test
  void shouldNotInsistOnWhatIsRefused() {
    StoreException refused = new StoreException.Refused("the bucket is gone", null);
    PublishException forbidden =
        new PublishException("not allowed", new TopicAuthorizationException("backup.events"));

    assertThatThrownBy(() ->
            work.insist(() -> {
              throw refused;
            }))
        .isSameAs(refused);
    assertThatThrownBy(() ->
            work.insist(() -> {
              throw forbidden;
            }))
        .isSameAs(forbidden);
  }

  @Test
  void shouldStopInsistingWhenItIsToStop() {
    // given
    FutureTask<?> insisting =
        inBackground(() -> {
          work.insist(() -> {
            throw new StoreException.Unavailable("the store is down", null);
          });
          return true;
        });

    // when
    work.stop("enough");

    // then
    assertThatThrownBy(insisting::get)
        .hasCauseInstanceOf(StoppedException.class)
        .hasMessageContaining("enough");
  }

  @Test
  void shouldWakeWhoeverWaitsWhenItIsToStop() {
    // given
    AtomicInteger looks = new AtomicInteger();
    FutureTask<?> waiting =
        inBackground(
            () -> work.await(() -> Optional.of(1).filter(x -> looks.incrementAndGet() < 0), LONG));
    await().until(() -> looks.get() > 4);
    long stopped = System.nanoTime();

    // when
    work.stop("enough");

    // then
    assertThatThrownBy(waiting::get).hasCauseInstanceOf(StoppedException.class);
    assertThat(Duration.ofNanos(System.nanoTime() - stopped)).isLessThan(Duration.ofSeconds(1));
  }

  @Test
  void shouldGoOnUntilItIsToStop() {
    work.checkpoint();

    work.stop("enough");
    work.stop("again");

    assertThatThrownBy(work::checkpoint).isInstanceOf(StoppedException.class).hasMessage("enough");
  }

  @Test
  void shouldCloseWhatTheJobOwnsOnceNewestFirst() {
    // given
    List<String> closed = new ArrayList<>();
    AutoCloseable disowned = work.own(() -> closed.add("disowned"));
    work.own(() -> closed.add("connection"));
    work.own(() -> {
      throw new IllegalStateException("it cannot be closed");
    });
    work.own(() -> closed.add("program"));
    work.disown(disowned);

    // when
    work.stop("enough");
    work.stop("again");

    // then
    assertThat(closed).containsExactly("program", "connection");
  }

  @Test
  void shouldCloseAtOnceWhatComesTooLate() {
    // given
    List<String> closed = new ArrayList<>();
    work.stop("enough");

    // then
    assertThatThrownBy(() -> work.own(() -> closed.add("program")))
        .isInstanceOf(StoppedException.class);
    assertThat(closed).containsExactly("program");
  }

  private static FutureTask<?> inBackground(Callable<?> call) {
    FutureTask<?> task = new FutureTask<>(call);
    Thread.ofVirtual().start(task);
    return task;
  }
}
