package io.hybridbackup.packager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.EventCodec;
import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupCancelled;
import io.hybridbackup.common.event.Fact.BackupRejected;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.event.Request;
import io.hybridbackup.common.event.RunState;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.Outcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.messaging.ReceivedRequest;
import io.hybridbackup.common.messaging.TestPublisher;
import io.hybridbackup.common.settings.Settings.WhenBusy;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoreException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BackupRequestsTest {
  private static final RunId RUN = RunId.ofRequest("/test", "asked");
  private static final RunId CANCELLATION = RunId.ofRequest("/test", "cancel");
  private static final Instant PUBLISHED = Instant.parse("2026-01-11T02:00:00Z");
  private static final Request ASKED = new Request.BackupRequested("edms", null, "alice");

  @TempDir private Path folder;
  private final FullStore store = new FullStore();
  private final Runs runs = new Runs(store);
  private final List<Envelope> published = new CopyOnWriteArrayList<>();

  @Test
  void shouldGiveTheSameAnswerAgainToACancellationOfAnUnknownRun() {
    // given
    Request cancellation =
        new Request.BackupCancelRequested(RunId.ofRequest("/test", "no"), "edms", null, "bob");
    handle(cancellation);

    // when
    handle(cancellation);

    // then
    assertThat(published).hasSize(2);
    assertThat(published.getFirst().data()).isInstanceOf(BackupRejected.class);
    assertThat(published.getLast()).isEqualTo(published.getFirst());
  }

  @Test
  void shouldGiveTheSameAnswerAgainToAVerification() {
    Request verification =
        new Request.VerificationRequested("edms", "backup_20260111_020000", "drill", "bob");

    handle(verification);
    handle(verification);

    assertThat(published).hasSize(2).allMatch(one -> one.equals(published.getFirst()));
  }

  @Test
  void shouldNotRejectWhatItHasAcceptedWhenTheStoreIsFull() {
    // given
    handle(ASKED);
    store.full = ObjectKey.of("open", RUN.value());

    // when
    handle(ASKED);

    // then
    assertThat(published)
        .filteredOn(one -> !(one.data() instanceof RunState))
        .extracting(Envelope::data)
        .hasSize(2)
        .allMatch(BackupAccepted.class::isInstance);
  }

  @Test
  void shouldTellOfAnEndAgainOnlyWhenItHasBeenCarriedOut() {
    // given
    handle(ASKED);
    Outcome outcome =
        new Outcome(
            new Announcement(
                new BackupCancelled(
                    RUN, "edms", new Origin(Component.PACKAGER, 0, 0, 1), null, "bob"),
                Instant.now()),
            0);
    runs.decisions().decide(RunKeys.outcome(RUN), outcome);

    // when
    handle(ASKED);

    // then
    assertThat(published).noneMatch(one -> one.data() instanceof BackupCancelled);
    runs.decisions().decide(RunKeys.told(RUN), outcome);
    handle(ASKED);
    assertThat(published.getLast()).isEqualTo(outcome.announcement().envelope());
  }

  @Test
  void shouldRejectWhatTheStoreDoesNotLetItRecord() {
    // given
    store.full = ObjectKey.of("open", RUN.value());

    // when
    handle(ASKED);
    handle(ASKED);

    // then
    assertThat(published)
        .hasSize(2)
        .allMatch(one -> one.equals(published.getFirst()))
        .allMatch(one -> ((BackupRejected) one.data()).code() == FailureCode.STORE_REFUSED);
    assertThat(runs.claim(RUN)).isEmpty();
  }

  @Test
  void shouldTellWhatIsOnRecordApartFromARefusalBeforeIt() {
    // given
    Request unknown = new Request.BackupRequested("unknown", null, "alice");
    store.full = RunKeys.claim(RUN).key();
    handle(unknown);

    // when
    store.full = new ObjectKey("nothing");
    handle(unknown);

    // then
    assertThat(published)
        .filteredOn(one -> one.data() instanceof BackupRejected)
        .extracting(Envelope::id)
        .doesNotHaveDuplicates()
        .hasSize(2);
  }

  @Test
  void shouldWaitForTheStoreWhereAnotherAnswerMayBeOnItsWay() {
    // given
    store.full = RunKeys.claim(RUN).key();

    // then
    assertThatThrownBy(() -> handle(ASKED)).isInstanceOf(StoreException.Unavailable.class);
    assertThat(published).isEmpty();
  }

  @Test
  void shouldLeaveNoRoomForARefusalOfACancellationThatIsCarriedOut() {
    // given
    handle(ASKED);

    // when
    handle(CANCELLATION, cancellation());

    // then
    assertThat(store.create(RunKeys.claim(CANCELLATION).key(), new byte[] {'{', '}'})).isFalse();
    assertThat(runs.hasEnded(RUN)).isTrue();
    assertThat(runs.isOpen(CANCELLATION)).isFalse();
  }

  @Test
  void shouldCarryOutACancellationThatWasOnlyPutOnRecord() {
    // given
    handle(ASKED);
    store.full = RunKeys.outcome(RUN).key();
    assertThatThrownBy(() -> handle(CANCELLATION, cancellation()))
        .isInstanceOf(StoreException.Unavailable.class);

    // when
    store.full = new ObjectKey("nothing");
    handle(CANCELLATION, cancellation());

    // then
    assertThat(runs.decisions().find(RunKeys.outcome(RUN)).orElseThrow().announcement().fact())
        .isInstanceOf(BackupCancelled.class);
  }

  @Test
  void shouldStandByTheRefusalOfACancellation() {
    // given
    handle(CANCELLATION, cancellation());
    handle(ASKED);

    // when
    handle(CANCELLATION, cancellation());

    // then
    assertThat(published.getFirst()).isEqualTo(published.getLast());
    assertThat(published.getLast().data()).isInstanceOf(BackupRejected.class);
    assertThat(runs.hasEnded(RUN)).isFalse();
  }

  @Test
  void shouldAcceptOnlyOneOfManyThatComeTogetherWhereABusySourceRefuses() throws Exception {
    // given
    int requests = 16;
    BackupRequests handler = handler(WhenBusy.REJECT);
    CountDownLatch together = new CountDownLatch(requests);
    List<Future<?>> handled = new ArrayList<>();

    // when
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int one = 0; one < requests; one++) {
        RunId run = RunId.ofRequest("/test", "together " + one);
        handled.add(
            threads.submit(() -> {
              together.countDown();
              together.await();
              handler.handle(received(run, ASKED));
              return run;
            }));
      }
    }

    // then
    for (Future<?> one : handled) {
      assertThat(one.get()).isNotNull();
    }
    assertThat(published)
        .extracting(Envelope::data)
        .filteredOn(data -> data instanceof BackupAccepted)
        .hasSize(1);
    assertThat(published)
        .extracting(Envelope::data)
        .filteredOn(
            data -> data instanceof BackupRejected rejected && rejected.code() == FailureCode.BUSY)
        .hasSize(requests - 1);
  }

  @Test
  void shouldTellTheStateOfARefusalAgain() {
    // given
    Request unknown = new Request.BackupRequested("unknown", null, "alice");
    handle(unknown);
    List<Envelope> first = List.copyOf(published);
    published.clear();

    // when
    handle(unknown);

    // then
    assertThat(first).extracting(Envelope::data).anyMatch(RunState.class::isInstance);
    assertThat(published).isEqualTo(first);
  }

  private static Request cancellation() {
    return new Request.BackupCancelRequested(RUN, "edms", "changed my mind", "bob");
  }

  private void handle(Request request) {
    handle(RUN, request);
  }

  private void handle(RunId run, Request request) {
    handler(WhenBusy.WAIT).handle(received(run, request));
  }

  private BackupRequests handler(WhenBusy whenBusy) {
    return new BackupRequests(
        BackupProtocol.settings(
            new History(0, null, Duration.ofHours(1), Duration.ofHours(1), whenBusy, List.of()),
            folder),
        runs,
        TestPublisher.to(
            record -> published.add(EventCodec.read(record.value(), record.headers()))),
        Clock.systemUTC(),
        fact -> {});
  }

  private static ReceivedRequest received(RunId run, Request request) {
    return new ReceivedRequest(
        Envelope.of(request, "asked", "/test", Instant.now()),
        request,
        run,
        "backup.requests.v1",
        0,
        0,
        PUBLISHED,
        Instant.now());
  }

  private static final class FullStore extends InMemoryObjectStore {
    private ObjectKey full = new ObjectKey("nothing");

    FullStore() {
      super(InstantSource.system(), true);
    }

    @Override
    public synchronized boolean create(ObjectKey key, byte[] content) {
      if (key.equals(full)) {
        throw new StoreException.Refused("no room; make some", null);
      }
      return super.create(key, content);
    }
  }
}
