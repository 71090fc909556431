package io.hybridbackup.packager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupCancelled;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.Claim;
import io.hybridbackup.common.job.Heard;
import io.hybridbackup.common.job.Job;
import io.hybridbackup.common.job.Outcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Slots;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.StoreException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BackupJobsTest {
  private static final Origin ORIGIN = new Origin(Component.PACKAGER, 0, 0, 1);
  private static final SourceName SOURCE = new SourceName("edms");
  private static final Duration LINGERING = Duration.ofMinutes(1);
  private static final Duration HOUR = Duration.ofHours(1);
  private static final Instant NOW = Instant.parse("2026-01-11T02:00:00Z");
  private static final int WAITING = 200;

  @TempDir private Path directory;
  private final AtomicInteger asked = new AtomicInteger();
  private Predicate<ObjectKey> notGiven = key -> false;
  private final NativeTools tools = new NativeTools();
  private final EventPublisher publisher =
      new EventPublisher(new Settings.Kafka("127.0.0.1:1", 1, (short) 1));
  private ObjectStore store;
  private Runs runs;
  private BackupJobs jobs;

  @BeforeEach
  void openStore() {
    FilesystemObjectStore directoryStore = new FilesystemObjectStore(directory);
    store =
        (ObjectStore)
            Proxy.newProxyInstance(
                ObjectStore.class.getClassLoader(),
                new Class<?>[] {ObjectStore.class},
                (_, method, arguments) -> {
                  asked.incrementAndGet();
                  if (arguments != null
                      && arguments[0] instanceof ObjectKey key
                      && notGiven.test(key)) {
                    throw new StoreException.Unavailable("bad sector below " + key, null);
                  }
                  try {
                    return method.invoke(directoryStore, arguments);
                  } catch (InvocationTargetException e) {
                    throw e.getCause();
                  }
                });
    runs = new Runs(store);
    jobs = jobs(Clock.systemUTC());
  }

  @AfterEach
  void close() {
    publisher.close();
    tools.close();
    store.close();
  }

  @Test
  void shouldBeginRunsInTheOrderOfTheirAcceptance() {
    // given
    RunId second = accept("second", NOW.plusSeconds(1));
    RunId first = accept("first", NOW);

    // then
    assertThat(found()).containsExactly(first);
    assertThat(found()).containsExactly(first);
    end(first);
    assertThat(found()).contains(second);
  }

  @Test
  void shouldBeginARunAlthoughTheClaimOfAnotherCannotBeRead() {
    // given
    RunId unreadable = RunId.ofRequest("/test", "unreadable");
    runs.markOpen(unreadable);
    assertThat(store.create(RunKeys.claim(unreadable).key(), new byte[] {'{'})).isTrue();
    RunId run = accept("run", NOW);

    // then
    assertThat(jobs.promising(runs.open())).contains(run);
    assertThat(jobs.find(run)).isPresent();
  }

  @Test
  void shouldBeginARunThoughTheStoreKeepsBackTheClaimOfAnotherForALongTime() {
    // given
    RunId first = accept("first", NOW);
    RunId second = accept("second", NOW.plusSeconds(1));
    notGiven = RunKeys.claim(first).key()::equals;
    restart();
    assertThatThrownBy(() -> jobs.promising(runs.open()))
        .isInstanceOf(StoreException.Unavailable.class);

    // when
    await()
        .ignoreExceptionsInstanceOf(StoreException.Unavailable.class)
        .until(() -> jobs.promising(runs.open()).containsAll(List.of(first, second)));

    // then
    assertThat(jobs.find(second)).isPresent();
    assertThatThrownBy(() -> jobs.find(first)).hasMessageContaining("bad sector");
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void shouldBeginARunThoughTheStoreKeepsBackWhatIsToBeKnownOfAnotherSource(boolean outcome) {
    // given
    RunId other = accept("elsewhere", "other", NOW);
    ObjectKey slots = RunKeys.slots(new SourceName("elsewhere"));
    assertThat(new Slots(runs).take(slots, other, runs::hasEnded)).isTrue();
    RunId run = accept("run", NOW.plusSeconds(1));
    notGiven =
        outcome
            ? RunKeys.outcome(other).key()::equals
            : key -> key.value().startsWith(slots.value());
    restart();

    // then
    assertThat(jobs.promising(runs.open())).contains(run);
    assertThat(jobs.find(run)).isPresent();
    assertThatThrownBy(() -> jobs.find(other)).hasMessageContaining("bad sector");
  }

  private void restart() {
    runs = new Runs(store);
    jobs = jobs(Clock.systemUTC());
  }

  @Test
  void shouldAskTheStoreLittleHoweverManyRunsWait() {
    // given
    RunId holder = accept("holder", NOW);
    assertThat(new Slots(runs).take(RunKeys.slots(SOURCE), holder, runs::hasEnded)).isTrue();
    for (int one = 0; one < WAITING; one++) {
      RunId _ = accept("waiting " + one, NOW.plusSeconds(one + 1));
    }
    assertThat(found()).containsExactly(holder);

    // when
    asked.set(0);

    // then
    assertThat(found()).containsExactly(holder);
    assertThat(asked).hasValueLessThan(20);
  }

  @Test
  void shouldAskTheStoreLittleForTheNextOfManyThatWait() {
    // given
    RunId holder = accept("holder", NOW);
    assertThat(new Slots(runs).take(RunKeys.slots(SOURCE), holder, runs::hasEnded)).isTrue();
    List<RunId> waiting = new ArrayList<>();
    for (int one = 0; one < WAITING; one++) {
      waiting.add(accept("waiting " + one, NOW.plusSeconds(one + 1)));
    }
    assertThat(found()).containsExactly(holder);
    end(holder);

    // when
    asked.set(0);

    // then
    assertThat(found()).contains(waiting.getFirst()).doesNotContain(waiting.getLast());
    assertThat(asked).hasValueLessThan(40);
  }

  @Test
  void shouldFindWhatWasCancelledWhileItWaitedAtTheNextLookThrough() {
    // given
    RunId holder = accept("holder", NOW);
    RunId cancelled = accept("cancelled", NOW.plusSeconds(1));
    accept("last", NOW.plusSeconds(2));
    assertThat(found()).containsExactly(holder);

    // when
    end(cancelled);

    // then
    assertThat(found()).containsExactly(holder);
    Clock later = Clock.offset(Clock.systemUTC(), HOUR.plusSeconds(1));
    assertThat(found(jobs(later))).contains(holder, cancelled);
  }

  private List<RunId> found() {
    return found(jobs);
  }

  /** What a sweep finds to do. */
  private List<RunId> found(BackupJobs finder) {
    return finder.promising(runs.open()).stream()
        .flatMap(run -> finder.find(run).stream())
        .map(Job::run)
        .toList();
  }

  private BackupJobs jobs(Clock clock) {
    Settings settings =
        new Settings(
            new Settings.Kafka("127.0.0.1:1", 1, (short) 1),
            new Settings.FilesystemStore(directory),
            directory,
            ZoneId.of("UTC"),
            new Settings.Jobs(HOUR, HOUR, HOUR, 3, HOUR, 2, Settings.WhenBusy.WAIT, HOUR, true, 5),
            new Settings.Restore(HOUR),
            new Settings.Tools("pg_dump", "pg_dumpall", "pg_restore", "psql", "rsync"),
            Map.of(),
            Map.of());
    Ending ending = new Ending(runs, publisher, new Heard());
    return new BackupJobs(
        runs,
        new Coordination(
            settings,
            runs,
            publisher,
            new ApplicationVersion(settings, tools),
            ending,
            clock,
            "test"),
        LINGERING,
        HOUR,
        clock);
  }

  private RunId accept(String id, Instant at) {
    return accept(SOURCE.value(), id, at);
  }

  private RunId accept(String source, String id, Instant at) {
    RunId run = RunId.ofRequest("/test", id);
    Instant deadline = Instant.now().plus(HOUR.multipliedBy(24));
    Claim _ =
        runs.answer(
            run,
            new Claim(
                new Announcement(
                    new BackupAccepted(
                        run, source, ORIGIN, Set.of(Component.MEDIA), at, deadline, null),
                    at),
                deadline));
    return run;
  }

  private void end(RunId run) {
    Outcome _ =
        runs.decisions()
            .decide(
                RunKeys.outcome(run),
                new Outcome(
                    new Announcement(
                        new BackupCancelled(run, "edms", ORIGIN, null, null), Instant.now()),
                    0));
  }
}
