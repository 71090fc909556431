package io.hybridbackup.common.job;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupFailed;
import io.hybridbackup.common.event.Fact.BackupRejected;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LeftoversTest {
  private static final SourceName SOURCE = new SourceName("edms");
  private static final RunId RUN = RunId.ofRequest("/test", "1");
  private static final Origin ORIGIN = new Origin(Component.PACKAGER, 0, 0, 1);
  private static final Instant NOW = Instant.parse("2026-01-11T02:00:00Z");
  private static final ArchiveName ARCHIVE = new ArchiveName("backup_20260111_020000");
  private static final Duration OLD = Duration.ofHours(24);
  private static final ObjectKey BULK =
      RunKeys.work(RUN, 1, Component.MEDIA, 1).resolve("part-00001");

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
  void shouldWantWhatBelongsToARunThatHasNotEnded() {
    // given
    accept();
    put(BULK);
    archive(1);

    // then
    assertNothingFound();
  }

  @Test
  void shouldWantWhatBelongsToARunThatHasNotBeenTidiedUpAfter() {
    // given
    accept();
    end(0);
    put(BULK);
    archive(1);

    // then
    assertNothingFound();
  }

  @Test
  void shouldFindWhatALatecomerHasWrittenForAClosedRun() {
    // given
    accept();
    end(2);
    runs.close(RUN);
    put(BULK);
    archive(1);

    // then
    Leftovers.Found found = find();
    assertThat(found.removable()).containsExactlyInAnyOrder(BULK, RunKeys.archive(SOURCE, ARCHIVE));
    assertThat(found.unexplained()).isEmpty();
  }

  @Test
  void shouldNeverFindFaultWithAFinishedBackup() {
    // given
    accept();
    end(1);
    runs.close(RUN);
    archive(1);
    put(RunKeys.manifest(SOURCE, ARCHIVE));

    // then
    assertNothingFound();
  }

  @Test
  void shouldFindAnArchiveThatALatecomerBroughtBackAfterItHadExpired() {
    // given
    accept();
    end(1);
    runs.close(RUN);
    archive(1);
    put(RunKeys.expired(SOURCE, ARCHIVE));

    // then
    assertThat(find().removable()).containsExactly(RunKeys.archive(SOURCE, ARCHIVE));
  }

  @Test
  void shouldFindAManifestThatALatecomerBroughtBackAfterItHadExpired() {
    // given
    put(RunKeys.manifest(SOURCE, ARCHIVE));
    put(RunKeys.expired(SOURCE, ARCHIVE));

    // then
    Leftovers.Found found = find();
    assertThat(found.removable()).containsExactly(RunKeys.manifest(SOURCE, ARCHIVE));
    assertThat(found.unexplained()).isEmpty();
  }

  @Test
  void shouldLeaveToPeopleTheArchiveOfACompletedRunWhoseManifestIsGone() {
    // given
    accept();
    end(1);
    runs.close(RUN);
    archive(1);

    // then
    assertUnexplained(RunKeys.archive(SOURCE, ARCHIVE), "its manifest is gone");
  }

  @Test
  void shouldLeaveToPeopleAManifestWithoutAnArchive() {
    // given
    put(RunKeys.manifest(SOURCE, ARCHIVE));

    // then
    assertUnexplained(RunKeys.manifest(SOURCE, ARCHIVE), "its archive is gone");
  }

  @Test
  void shouldLeaveAloneWhatItKnowsNothingOf() {
    // given
    put(RunKeys.archive(SOURCE, ARCHIVE));
    put(BULK);

    // then
    Leftovers.Found found = find();
    assertThat(found.removable()).isEmpty();
    assertThat(found.unexplained())
        .extracting(Leftovers.Unexplained::key)
        .containsExactlyInAnyOrder(RunKeys.archive(SOURCE, ARCHIVE), RunKeys.work(RUN));
  }

  @Test
  void shouldLeaveAloneWhatOnlyANewerVersionCouldExplain() {
    // given
    accept();
    store.create(
        RunKeys.outcome(RUN).key(), "{\"announcement\":{\"type\":\"new\"}}".getBytes(UTF_8));
    runs.close(RUN);
    put(BULK);
    archive(1);

    // then
    assertNothingFound();
  }

  @Test
  void shouldFindMarksOfRunsThatWereNeverAcceptedAndProbesOnlyWhenTheyAreOld() {
    // given
    RunId rejected = RunId.ofRequest("/test", "2");
    RunId forgotten = RunId.ofRequest("/test", "3");
    accept();
    runs.answer(
        rejected,
        new Claim(
            new Announcement(
                new BackupRejected(rejected, "edms", ORIGIN, FailureCode.BUSY, "busy", null), NOW),
            NOW));
    runs.markOpen(rejected);
    runs.markOpen(forgotten);
    put(ObjectKey.of("probe", "one", "raced"));

    // then
    assertThat(new Leftovers(runs).find(OLD, Instant.now()).removable()).isEmpty();
    assertThat(new Leftovers(runs).find(OLD, Instant.now().plus(OLD).plusSeconds(60)).removable())
        .containsExactlyInAnyOrder(
            RunKeys.open(rejected), RunKeys.open(forgotten), ObjectKey.of("probe", "one", "raced"));
  }

  private Leftovers.Found find() {
    return new Leftovers(runs).find(OLD, Instant.now());
  }

  private void assertNothingFound() {
    Leftovers.Found found = find();
    assertThat(found.removable()).isEmpty();
    assertThat(found.unexplained()).isEmpty();
  }

  private void assertUnexplained(ObjectKey key, String reason) {
    Leftovers.Found found = find();
    assertThat(found.removable()).isEmpty();
    assertThat(found.unexplained())
        .singleElement()
        .satisfies(one -> {
          assertThat(one.key()).isEqualTo(key);
          assertThat(one.reason()).contains(reason);
        });
  }

  private void accept() {
    Claim _ =
        runs.answer(
            RUN,
            new Claim(
                new Announcement(
                    new BackupAccepted(
                        RUN, "edms", ORIGIN, Set.of(Component.MEDIA), NOW, NOW, null),
                    NOW),
                NOW));
  }

  private void end(int attempt) {
    Outcome _ =
        runs.decisions()
            .decide(
                RunKeys.outcome(RUN),
                new Outcome(
                    new Announcement(
                        new BackupFailed(
                            RUN, "edms", ORIGIN, FailureCode.DEADLINE, "late", Set.of(), null),
                        NOW),
                    attempt));
  }

  /** An archive that an attempt of the run has made. */
  private void archive(int attempt) {
    put(RunKeys.archive(SOURCE, ARCHIVE));
    assertThat(
            store.create(
                RunKeys.reservedName(SOURCE, ARCHIVE), new Reservation(RUN, attempt).toBytes()))
        .isTrue();
  }

  private void put(ObjectKey key) {
    assertThat(store.create(key, key.value().getBytes(UTF_8))).isTrue();
  }
}
