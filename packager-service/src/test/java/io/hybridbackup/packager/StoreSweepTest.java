package io.hybridbackup.packager;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupCancelled;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.Claim;
import io.hybridbackup.common.job.Outcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.Upload;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StoreSweepTest {
  private static final Origin ORIGIN = new Origin(Component.PACKAGER, 0, 0, 1);

  @TempDir private Path directory;
  private ObjectStore store;
  private Runs runs;

  @BeforeEach
  void openStore() {
    store = new FilesystemObjectStore(directory);
    runs = new Runs(store);
  }

  @AfterEach
  void closeStore() {
    store.close();
  }

  @Test
  void shouldRemoveWhatALatecomerLeavesAndNothingOfARunThatGoesOn() {
    // given
    RunId going = accepted("going");
    RunId closed = accepted("closed");
    close(closed);
    StoreSweep sweep = sweep(Duration.ofMillis(50), Duration.ofHours(12));
    sweep.start();
    ObjectKey wanted = put(going);

    // when
    ObjectKey left = put(closed);

    // then
    await().until(() -> store.find(left).isEmpty());
    ObjectKey leftAgain = put(closed);
    await().until(() -> store.find(leftAgain).isEmpty());
    assertThat(store.find(wanted)).isPresent();
    sweep.stop();
    assertThat(sweep.isRunning()).isFalse();
  }

  @Test
  void shouldGiveUpOnlyUploadsThatNobodyCanBeWorkingOn() throws IOException {
    // given
    RunId run = accepted("going");
    try (Upload upload = store.upload(RunKeys.work(run).resolve("part"))) {
      upload.write(1);

      // then
      assertThat(sweep(Duration.ofHours(1), Duration.ofHours(12)).sweep()).isZero();
      assertThat(sweep(Duration.ofHours(1), Duration.ZERO).sweep()).isEqualTo(1);
    }
  }

  private StoreSweep sweep(Duration pause, Duration deadline) {
    return new StoreSweep(
        runs,
        new Settings.Jobs(
            pause.dividedBy(20),
            pause,
            deadline,
            3,
            pause,
            2,
            Settings.WhenBusy.WAIT,
            Duration.ofHours(1),
            true,
            5),
        Clock.systemUTC());
  }

  private RunId accepted(String id) {
    RunId run = RunId.ofRequest("/test", id);
    Instant now = Instant.now();
    Claim _ =
        runs.answer(
            run,
            new Claim(
                new Announcement(
                    new BackupAccepted(
                        run, "edms", ORIGIN, Set.of(Component.MEDIA), now, now, null),
                    now),
                now));
    return run;
  }

  private void close(RunId run) {
    Outcome _ =
        runs.decisions()
            .decide(
                RunKeys.outcome(run),
                new Outcome(
                    new Announcement(
                        new BackupCancelled(run, "edms", ORIGIN, null, null), Instant.now()),
                    0));
    runs.close(run);
  }

  private ObjectKey put(RunId run) {
    ObjectKey key = RunKeys.work(run, 1, Component.MEDIA, 1).resolve("part-00001");
    assertThat(store.create(key, "bulk".getBytes(UTF_8))).isTrue();
    return key;
  }
}
