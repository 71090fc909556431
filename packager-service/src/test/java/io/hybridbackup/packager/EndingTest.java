package io.hybridbackup.packager;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.archive.Compressor;
import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.Claim;
import io.hybridbackup.common.job.Heard;
import io.hybridbackup.common.job.Job;
import io.hybridbackup.common.job.Outcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.TestWork;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.messaging.TestPublisher;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.settings.Settings.WhenBusy;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.store.ObjectStore;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EndingTest {
  private static final RunId RUN = RunId.ofRequest("/model", "first");
  private static final Duration LINGERING = Duration.ofMinutes(1);

  @TempDir private Path folder;
  private final ObjectStore store = new InMemoryObjectStore(InstantSource.system(), true);
  private final Runs runs = new Runs(store);
  private final EventPublisher publisher = TestPublisher.to(record -> {});
  private final Ending ending = new Ending(runs, publisher, new Heard());
  private final SteppedClock clock = new SteppedClock();
  private NativeTools tools;
  private Settings settings;

  /** A backup that has been completed, and not been told yet. */
  @BeforeEach
  void completeABackup() {
    tools = new NativeTools();
    History history =
        new History(0, null, Duration.ofHours(1), Duration.ofHours(1), WhenBusy.WAIT, List.of());
    settings = BackupProtocol.settings(history, folder);
    try (Compressor compressor = Compressor.open(1);
        BackupProtocol protocol =
            new BackupProtocol(history, Rules.AS_THEY_ARE, compressor, tools, folder)) {
      assertThat(protocol.play()).isEmpty();
      for (String root : List.of("runs", "backups")) {
        protocol.store().list(root).stream()
            .filter(object -> !object.key().equals(RunKeys.told(RUN).key()))
            .forEach(object ->
                store.create(object.key(), protocol.store().read(object.key()).orElseThrow()));
      }
    }
    runs.markOpen(RUN);
  }

  @AfterEach
  void closeTools() {
    tools.close();
  }

  @Test
  void shouldMakeTheManifestAppear() throws Exception {
    // given
    store.delete(RunKeys.manifest(BackupProtocol.SOURCE, name()));

    // when
    carryOut();

    // then
    assertThat(runs.archives(BackupProtocol.SOURCE)).containsExactly(name());
    assertThat(runs.isOpen(RUN)).isTrue();
  }

  @Test
  void shouldNotBringBackTheManifestOfAnArchiveThatHasExpiredMeanwhile() throws Exception {
    // given
    store.create(RunKeys.expired(BackupProtocol.SOURCE, name()), new byte[] {'{', '}'});
    store.delete(RunKeys.manifest(BackupProtocol.SOURCE, name()));
    store.delete(RunKeys.archive(BackupProtocol.SOURCE, name()));

    // when
    carryOut();

    // then
    assertThat(store.find(RunKeys.manifest(BackupProtocol.SOURCE, name()))).isEmpty();
    assertThat(runs.decisions().isMade(RunKeys.told(RUN))).isTrue();
  }

  @Test
  void shouldCloseARunOnlyWhenItsEndHasBeenThereForAWhile() throws Exception {
    // given
    clock.now = outcome().announcement().at().plus(Duration.ofDays(1));
    BackupJobs jobs = jobs();
    jobs.find(RUN).orElseThrow().perform(work());
    assertThat(runs.isOpen(RUN)).isTrue();
    assertThat(jobs.find(RUN)).isEmpty();

    // when
    clock.now = clock.now.plus(LINGERING);
    Optional<Job> last = jobs.find(RUN);

    // then
    last.orElseThrow().perform(work());
    assertThat(runs.isOpen(RUN)).isFalse();
    assertThat(jobs.find(RUN)).isEmpty();
  }

  private void carryOut() throws InterruptedException {
    ending.carryOut(
        accepted(), outcome(), work(), new RunStates(accepted(), work(), publisher, clock), false);
  }

  private BackupJobs jobs() {
    return new BackupJobs(
        runs,
        new Coordination(
            settings,
            runs,
            publisher,
            new ApplicationVersion(settings, tools),
            ending,
            clock,
            "hybrid-backup"),
        LINGERING,
        Duration.ZERO,
        clock);
  }

  private static Work work() {
    return TestWork.on(RUN, Component.PACKAGER, 2);
  }

  private BackupAccepted accepted() {
    return runs.claim(RUN).flatMap(Claim::backup).orElseThrow();
  }

  private Outcome outcome() {
    return runs.decisions().find(RunKeys.outcome(RUN)).orElseThrow();
  }

  private ArchiveName name() {
    Announcement end = outcome().announcement();
    return end.fact(BackupCompleted.class).archive();
  }

  private static final class SteppedClock extends Clock {
    private Instant now = Instant.EPOCH;

    @Override
    public Instant instant() {
      return now;
    }

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }
  }
}
