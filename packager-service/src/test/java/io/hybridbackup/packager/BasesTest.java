package io.hybridbackup.packager;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupOutcome;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.DamagedArchives;
import io.hybridbackup.common.job.PartOutcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.store.ObjectKey;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Backups that build upon one another. */
@Timeout(120)
class BasesTest {
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
  void shouldDoWithoutABaseThatCannotBeReadWhenTheArchiveIsComposed() {
    // given
    backups.begin();
    ObjectKey base = archive(backups.backUp());
    backups.compositions.set(0);
    backups.unreadable = base;

    // when
    RunId run = backups.request(Component.parts(), Backups.HOUR);

    // then
    BackupCompleted completed = backups.end(run, BackupCompleted.class);
    assertThat(completed.origin().attempt()).isEqualTo(2);
    assertThat(completed.reusedBytes()).isZero();
    assertThat(backups.voided(run))
        .satisfies(verdict -> assertThat(verdict.code()).isEqualTo(FailureCode.BASE_CHANGED))
        .satisfies(verdict -> assertThat(verdict.reason()).contains(base + " cannot be read"));
    assertToldOf(base, completed);
  }

  private static void assertToldOf(ObjectKey base, BackupCompleted completed) {
    assertThat(completed.state()).isEqualTo(BackupOutcome.COMPLETE_WITH_WARNINGS);
    assertThat(completed.warnings())
        .anyMatch(warning ->
            warning.contains(base + " cannot be read") && warning.contains("check the store"));
  }

  @Test
  void shouldDoWithoutABaseForWhichTheStoreAnswersAsIfItWereAway() {
    // given
    backups.begin(true, 100);
    ObjectKey base = archive(backups.backUp());
    backups.refused = base;

    // when
    BackupCompleted completed = backups.backUp();

    // then
    assertThat(completed.origin().attempt()).isEqualTo(2);
    assertThat(completed.reusedBytes()).isZero();
    assertToldOf(base, completed);
  }

  @Test
  void shouldTellOfADamagedBaseThatOnlyTheChecksumOfTheWholeShows() throws IOException {
    // given
    backups.begin();
    ObjectKey base = archive(backups.backUp());
    backups.damage(base, Backups.DUMP_BYTES);

    // when
    RunId run = backups.request(Component.parts(), Backups.HOUR);

    // then
    BackupCompleted completed = backups.end(run, BackupCompleted.class);
    assertThat(completed.origin().attempt()).isEqualTo(2);
    assertThat(completed.reusedBytes())
        .isBetween((long) Backups.DUMP_BYTES, 2L * Backups.DUMP_BYTES);
    assertThat(completed.state()).isEqualTo(BackupOutcome.COMPLETE_WITH_WARNINGS);
    assertThat(completed.warnings())
        .anyMatch(warning -> warning.contains("is damaged") && warning.contains(base.name()));
    assertThat(backups.runs.store().find(RunKeys.damaged(base))).isPresent();
    assertThat(backups.voided(run).code()).isEqualTo(FailureCode.BASE_CHANGED);
  }

  @Test
  void shouldReadAShareOfTheBaseThoughNothingElseIsReadBack() throws IOException {
    // given
    backups.begin(false, 100);
    backups.damage(archive(backups.backUp()), Backups.DUMP_BYTES);

    // when
    RunId run = backups.request(Component.parts(), Backups.HOUR);

    // then
    BackupCompleted _ = backups.end(run, BackupCompleted.class);
    assertThat(backups.runs.decisions().find(RunKeys.part(run, 1, Component.MEDIA)))
        .containsInstanceOf(PartOutcome.Failed.class);
  }

  @Test
  void shouldBuildUponTheNewestBackupThatHasTheComponent() {
    // given
    backups.begin();
    BackupCompleted _ = backups.backUp();
    BackupCompleted _ = backups.backUp(Set.of(Component.DATABASE));

    // when
    BackupCompleted completed = backups.backUp();

    // then
    assertThat(completed.reusedBytes())
        .isGreaterThan(Backups.FILES * Backups.FILE_BYTES + Backups.DUMP_BYTES);
  }

  @Test
  void shouldBuildUponTheBackupBeforeOneThatIsDamaged() {
    // given
    backups.begin();
    BackupCompleted first = backups.backUp();
    BackupCompleted second = backups.backUp();
    new DamagedArchives(backups.runs.store())
        .mark(archive(second), "for a test", second.backupId());

    // when
    BackupCompleted completed = backups.backUp();

    // then
    assertThat(completed.reusedBytes())
        .isGreaterThan(Backups.FILES * Backups.FILE_BYTES + Backups.DUMP_BYTES);
    assertThat(
            backups
                .runs
                .decisions()
                .find(RunKeys.opened(completed.backupId(), 1))
                .orElseThrow()
                .bases())
        .allSatisfy((_, base) -> assertThat(base.key()).isEqualTo(archive(first)));
  }

  private static ObjectKey archive(BackupCompleted completed) {
    return new ObjectKey(completed.archiveKey());
  }
}
