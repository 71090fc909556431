package io.hybridbackup.packager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.event.Fact.BackupCancelled;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupFailed;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.Outcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Verdict.Voided;
import io.hybridbackup.common.store.ObjectKey;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Backups that are led to their end, whatever the store does. */
@Timeout(120)
class CoordinationTest {
  @TempDir private Path folder;
  private Backups backups;

  @BeforeEach
  void open() throws IOException {
    backups = new Backups(folder);
  }

  @AfterEach
  void close() {
    backups.close();
  }

  @Test
  void shouldEndAtItsDeadlineThoughNothingCanBeComposed() {
    // given
    backups.begin();
    backups.composing = false;

    // when
    RunId run = backups.request(Component.parts(), Duration.ofSeconds(3));

    // then
    assertThat(backups.end(run, BackupFailed.class).code()).isEqualTo(FailureCode.DEADLINE);
    assertThat(backups.compositions).hasPositiveValue();
  }

  @Test
  void shouldEndWhenItIsCancelledThoughNothingCanBeComposed() {
    // given
    backups.begin();
    backups.composing = false;
    RunId run = backups.request(Component.parts(), Backups.HOUR);
    await().atMost(Backups.SOON).until(() -> backups.compositions.get() > 2);

    // when
    BackupCancelled cancelled =
        new BackupCancelled(run, BackupProtocol.SOURCE.value(), Backups.ORIGIN, null, null);
    Outcome _ =
        backups
            .runs
            .decisions()
            .decide(
                RunKeys.outcome(run), new Outcome(new Announcement(cancelled, Instant.now()), 0));

    // then
    assertThat(backups.end(run, BackupCancelled.class)).isEqualTo(cancelled);
  }

  @Test
  void shouldSpendNoAttemptOnAnOutageOfTheStore() {
    // given
    backups.begin();
    BackupCompleted _ = backups.backUp();
    backups.compositions.set(0);
    backups.away = 5;

    // when
    BackupCompleted completed = backups.backUp();

    // then
    assertThat(backups.compositions).hasValue(5);
    assertThat(completed.origin().attempt()).isEqualTo(1);
    assertThat(completed.reusedBytes()).isPositive();
  }

  @Test
  void shouldNotCountAsReusedWhatAnEarlierAttemptOfTheRunHasMade() {
    // given
    backups.begin();
    backups.databaseFails = true;

    // when
    BackupCompleted completed = backups.backUp();

    // then
    assertThat(completed.origin().attempt()).isEqualTo(2);
    assertThat(completed.reusedBytes()).isZero();
    assertThat(completed.uploadedBytes()).isEqualTo(completed.archiveBytes());
  }

  @Test
  void shouldReadAgainWhatWasComposedWhereTheStoreTellsNoChecksum() {
    // given
    backups.begin();
    backups.damaging.set(1);

    // when
    BackupCompleted completed = backups.backUp();

    // then
    assertThat(completed.origin().attempt()).isEqualTo(2);
    Voided voided = backups.voided(completed.backupId());
    assertThat(voided.code()).isEqualTo(FailureCode.STORE_CORRUPT);
    assertThat(voided.reason()).contains("is not what was put together");
  }

  @Test
  void shouldMakeAnotherArchiveWhereTheOneThatWasComposedCannotBeRead() {
    // given
    backups.begin();
    backups.damaging.set(1);
    AtomicReference<ObjectKey> first = new AtomicReference<>();
    backups.brokenOff =
        slice ->
            slice.object().value().startsWith("backups/")
                && (first.compareAndSet(null, slice.object())
                    || slice.object().equals(first.get()));

    // when
    BackupCompleted completed = backups.backUp();

    // then
    assertThat(completed.origin().attempt()).isEqualTo(2);
    Voided voided = backups.voided(completed.backupId());
    assertThat(voided.code()).isEqualTo(FailureCode.STORE_CORRUPT);
    assertThat(voided.reason()).contains(first.get() + " cannot be read");
  }

  @Test
  void shouldVoidAnAttemptInWhichThePackagerBreaksOff() {
    // given
    backups.begin();
    AtomicInteger left = new AtomicInteger(1);
    backups.buggy = (method, _) -> method.equals("compose") && left.getAndDecrement() > 0;

    // when
    BackupCompleted completed = backups.backUp();

    // then
    assertThat(completed.origin().attempt()).isEqualTo(2);
    Voided voided = backups.voided(completed.backupId());
    assertThat(voided.code()).isEqualTo(FailureCode.INTERNAL);
    assertThat(voided.reason()).contains("broke off", "a bug");
  }

  @ParameterizedTest
  @ValueSource(strings = {"compose backups/", "create names/", "create runs/.*/attempt-02/opened"})
  void shouldFailTheRunThatThePackagerCannotLead(String buggy) {
    // given
    backups.begin();
    backups.databaseFails = true;
    backups.buggy = (method, key) -> (method + " " + key).matches(buggy + ".*");

    // when
    RunId run = backups.request(Component.parts(), Backups.HOUR);

    // then
    BackupFailed failed = backups.end(run, BackupFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.INTERNAL);
    assertThat(failed.message()).contains("broke off", "a bug");

    // when
    backups.buggy = (_, _) -> false;

    // then
    BackupCompleted _ = backups.backUp();
  }

  @ParameterizedTest
  @ValueSource(strings = {"opened", "media/outcome", "verdict"})
  void shouldEndAtItsDeadlineThoughARecordCannotBeRead(String name) {
    // given
    backups.begin();
    backups.lost = key -> key.value().endsWith("/attempt-01/" + name);

    // when
    RunId run = backups.request(Component.parts(), Duration.ofSeconds(3));

    // then
    BackupFailed failed = backups.end(run, BackupFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.DEADLINE);
    assertThat(failed.message()).contains(name + " cannot be read: Input/output error");
    await()
        .atMost(Backups.SOON)
        .until(() -> backups.runs.store().list(RunKeys.work(run).value()).isEmpty());
  }

  @Test
  void shouldEndThoughARecordIsNotWhatWasWritten() {
    // given
    RunId run = backups.request(Component.parts(), Backups.HOUR);
    boolean _ = backups.runs.store().create(RunKeys.prepared(run, 1).key(), new byte[] {'{'});

    // when
    backups.begin();

    // then
    BackupCompleted completed = backups.end(run, BackupCompleted.class);
    assertThat(completed.origin().attempt()).isEqualTo(2);
  }
}
