package io.hybridbackup.common.job;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupRejected;
import io.hybridbackup.common.event.Fact.BackupStarted;
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
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunsTest {
  private static final SourceName SOURCE = new SourceName("edms");
  private static final RunId RUN = RunId.ofRequest("/test", "1");
  private static final Origin ORIGIN = new Origin(Component.PACKAGER, 0, 0, 1);
  private static final Instant NOW = Instant.parse("2026-01-11T02:00:00Z");
  private static final ArchiveName ARCHIVE = new ArchiveName("backup_20260111_020000");

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
  void shouldOpenARunThatIsAccepted() {
    assertThat(runs.answer(RUN, accepted("alice"))).isEqualTo(accepted("alice"));

    assertThat(runs.open()).containsExactly(RUN);
    assertThat(runs.claim(RUN)).contains(accepted("alice"));
  }

  @Test
  void shouldNotOpenARunThatIsRejected() {
    runs.answer(RUN, rejected());

    assertThat(runs.open()).isEmpty();
    assertThat(runs.claim(RUN)).contains(rejected());
  }

  @Test
  void shouldStandByTheFirstAnswer() {
    // given
    runs.answer(RUN, accepted("alice"));

    // then
    assertThat(runs.answer(RUN, accepted("bob"))).isEqualTo(accepted("alice"));
    assertThat(runs.answer(RUN, rejected())).isEqualTo(accepted("alice"));
    assertThat(runs.open()).containsExactly(RUN);
  }

  @Test
  void shouldNotOpenARunThatWasRejectedBefore() {
    runs.answer(RUN, rejected());

    assertThat(runs.answer(RUN, accepted("alice"))).isEqualTo(rejected());

    assertThat(runs.open()).isEmpty();
  }

  @Test
  void shouldNotLeaveARunOpenThatAnotherRejectsMeanwhile() {
    // given
    TroubledStore slow = new TroubledStore(store);
    slow.trouble(key -> {
      if (key.startsWith("open/")) {
        runs.answer(RUN, rejected());
      }
    });

    // when
    Claim standing = new Runs(slow).answer(RUN, accepted("alice"));

    // then
    assertThat(standing).isEqualTo(rejected());
    assertThat(runs.open()).isEmpty();
  }

  @Test
  void shouldNotOpenAgainWhatHasEndedWhenItsRequestComesAgain() {
    // given
    runs.answer(RUN, accepted("alice"));
    runs.close(RUN);

    // when
    runs.answer(RUN, accepted("alice"));

    // then
    assertThat(runs.open()).isEmpty();
  }

  @Test
  void shouldMarkAndCloseTwiceWithoutHarm() {
    runs.markOpen(RUN);
    runs.markOpen(RUN);
    assertThat(runs.open()).containsExactly(RUN);

    runs.close(RUN);
    runs.close(RUN);
    assertThat(runs.open()).isEmpty();
  }

  @Test
  void shouldKnowTheNewestAttemptThatIsOpen() {
    assertThat(runs.latestAttempt(RUN)).isZero();

    runs.answer(RUN, accepted("alice"));
    assertThat(runs.latestAttempt(RUN)).isZero();

    runs.decisions().decide(RunKeys.opened(RUN, 1), opened());
    assertThat(runs.latestAttempt(RUN)).isEqualTo(1);

    runs.decisions().decide(RunKeys.opened(RUN, 2), opened());
    assertThat(runs.latestAttempt(RUN)).isEqualTo(2);
  }

  @Test
  void shouldNotCountAnAttemptThatHasRecordsButIsNotOpen() {
    runs.decisions().decide(RunKeys.opened(RUN, 1), opened());
    runs.decisions().decide(RunKeys.verdict(RUN, 2), new Verdict.Composed("etag"));

    assertThat(runs.latestAttempt(RUN)).isEqualTo(1);
  }

  @Test
  void shouldKnowTheArchivesThatCountOldestFirst() {
    // given
    ArchiveName newer = new ArchiveName("backup_20260112_020000");
    ArchiveName expired = new ArchiveName("backup_20260110_020000");
    ArchiveName unfinished = new ArchiveName("backup_20260113_020000");
    for (ArchiveName name : new ArchiveName[] {newer, expired, ARCHIVE}) {
      create(RunKeys.archive(SOURCE, name));
      create(RunKeys.manifest(SOURCE, name));
    }
    create(RunKeys.expired(SOURCE, expired));
    create(RunKeys.archive(SOURCE, unfinished));
    create(RunKeys.manifest(new SourceName("another"), unfinished));

    // then
    assertThat(runs.archives(SOURCE)).containsExactly(ARCHIVE, newer);
    assertThat(runs.archives(new SourceName("none"))).isEmpty();
  }

  @Test
  void shouldPassOverWhatIsNotItsOwn() {
    // given
    runs.markOpen(RUN);
    create(RunKeys.OPEN.resolve("README"));
    create(RunKeys.manifest(SOURCE, ARCHIVE));
    for (String stray : new String[] {"copy", "backup_20261399_020000"}) {
      create(RunKeys.backups(SOURCE).resolve(stray + RunKeys.MANIFEST_ENDING));
    }

    // then
    assertThat(runs.open()).containsExactly(RUN);
    assertThat(runs.archives(SOURCE)).containsExactly(ARCHIVE);
  }

  private void create(ObjectKey key) {
    store.create(key, new byte[] {1});
  }

  private static AttemptOpened opened() {
    return new AttemptOpened(
        announce(new BackupStarted(RUN, "edms", ORIGIN, ARCHIVE, Component.parts())),
        OffsetDateTime.parse("2026-01-11T02:00:00+03:00"),
        Map.of());
  }

  private static Claim accepted(String by) {
    Instant deadline = NOW.plusSeconds(3600);
    return new Claim(
        announce(new BackupAccepted(RUN, "edms", ORIGIN, Component.parts(), NOW, deadline, by)),
        deadline);
  }

  private static Claim rejected() {
    return new Claim(
        announce(new BackupRejected(RUN, "edms", ORIGIN, FailureCode.BUSY, "another runs", null)),
        NOW);
  }

  private static Announcement announce(Fact fact) {
    return new Announcement(fact, NOW);
  }
}
