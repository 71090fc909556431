package io.hybridbackup.packager;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupOutcome;
import io.hybridbackup.common.event.Fact.BackupStarted;
import io.hybridbackup.common.event.Fact.ComponentFailed;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.AttemptOpened;
import io.hybridbackup.common.job.PartOutcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.TestWork;
import io.hybridbackup.common.job.Verdict.Voided;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoredObject;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Map;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is built upon, and what is not any more, where something of an earlier backup is bad. */
@Timeout(120)
class SpoiltBasesTest {
  private static final Instant TIME = Instant.parse("2026-01-11T01:00:00Z");
  private static final int ATTEMPTS = 3;
  private static final long MEDIA_BYTES = (long) Backups.FILES * Backups.FILE_BYTES;

  /** Before the end of an archive, within its database. */
  private static final long WITHIN_THE_DUMP = MEDIA_BYTES + Backups.DUMP_BYTES / 2;

  @TempDir private Path folder;
  private Backups backups;
  private RunId run = RunId.ofRequest("/test", "by hand");

  @BeforeEach
  void open() throws IOException {
    backups = new Backups(folder);
  }

  @AfterEach
  void close() {
    backups.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"find .*[.]damaged", "read .*[.]manifest[.]json", "find .*[.]tar[.]gz"})
  void shouldPassOverABackupOfWhichSomethingCannotBeRead(String call) {
    // given
    backups.begin();
    StoredObject first = stored(backups.backUp());
    ObjectKey second = stored(backups.backUp()).key();
    String name = second.value().replace(".tar.gz", "");
    backups.failing = (method, key) -> key.startsWith(name) && (method + " " + key).matches(call);

    // when
    BackupCompleted completed = backups.backUp();

    // then
    assertThat(completed.origin().attempt()).isEqualTo(1);
    assertThat(bases(completed.backupId(), 1))
        .isEqualTo(Map.of(Component.DATABASE, first, Component.MEDIA, first));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 100})
  void shouldKeepToTheBaseOfTheMediaWhereThatOfTheDatabaseIsDamaged(int scrubPercent)
      throws IOException {
    // given
    backups.begin(true, scrubPercent);
    StoredObject base = stored(backups.backUp());
    backups.damage(base.key(), WITHIN_THE_DUMP);

    // when
    BackupCompleted completed = backups.backUp();

    // then
    assertMadeWithoutTheBaseOfTheDatabase(base, completed);
    assertThat(completed.warnings())
        .singleElement()
        .asString()
        .contains("is damaged", base.key().value(), "check the store");
  }

  @Test
  void shouldKeepToTheBaseOfTheMediaWhereThatOfTheDatabaseCannotBeCopied() {
    // given
    backups.begin();
    StoredObject base = stored(backups.backUp());
    backups.compositions.set(0);
    backups.brokenOff =
        slice ->
            backups.compositions.get() > 0
                && slice.object().equals(base.key())
                && slice.offset() < Backups.DUMP_BYTES / 2;

    // when
    BackupCompleted completed = backups.backUp();

    // then
    assertMadeWithoutTheBaseOfTheDatabase(base, completed);
    assertThat(completed.warnings())
        .singleElement()
        .asString()
        .contains(base.key() + " cannot be read", "check the store");
  }

  private void assertMadeWithoutTheBaseOfTheDatabase(StoredObject base, BackupCompleted completed) {
    assertThat(backups.voided(completed.backupId()).code()).isEqualTo(FailureCode.BASE_CHANGED);
    assertThat(completed.origin().attempt()).isEqualTo(2);
    assertThat(completed.state()).isEqualTo(BackupOutcome.COMPLETE_WITH_WARNINGS);
    assertThat(bases(completed.backupId(), 2)).isEqualTo(Map.of(Component.MEDIA, base));
    assertThat(completed.reusedBytes())
        .isBetween(MEDIA_BYTES, MEDIA_BYTES + Backups.DUMP_BYTES / 2);
  }

  @Test
  void shouldDoWithoutABaseThatHasGoneWhenTheArchiveIsComposed() {
    // given
    backups.begin();
    StoredObject base = stored(backups.backUp());
    backups.failing =
        (method, _) -> {
          if (method.equals("compose")) {
            backups.runs.store().delete(base.key());
          }
          return false;
        };

    // when
    BackupCompleted completed = backups.backUp();

    // then
    assertThat(completed.origin().attempt()).isEqualTo(2);
    assertThat(bases(completed.backupId(), 2)).isEmpty();
    assertThat(completed.warnings())
        .singleElement()
        .asString()
        .contains("the store has no object " + base.key());
  }

  @Test
  void shouldCutAWarningThatIsVeryLong() {
    // given
    run = backups.request(Component.parts(), Backups.HOUR);
    attempt(1, Map.of());
    fail(1, Component.MEDIA, FailureCode.BASE_CHANGED, "x".repeat(5_000));
    end(1, FailureCode.BASE_CHANGED);

    // when
    backups.begin();

    // then
    assertThat(backups.end(run, BackupCompleted.class).warnings())
        .contains("x".repeat(1_000) + "…");
  }

  @Test
  void shouldGiveUpTheBaseOfTheComponentThatFailedByIt() throws Exception {
    // given
    StoredObject base = attemptWithBase();

    // when
    fail(1, Component.MEDIA, FailureCode.BASE_CHANGED);
    fail(1, Component.DATABASE, FailureCode.TOOL_FAILED);
    end(1, FailureCode.TOOL_FAILED);

    // then
    assertThat(choose(ATTEMPTS, 2)).isEqualTo(Map.of(Component.DATABASE, base));
  }

  @Test
  void shouldGiveUpAllBasesWhereTheArchiveHasGone() throws Exception {
    assertGivenUpWhere((store, base) -> store.runs.store().delete(base));
  }

  @Test
  void shouldGiveUpAllBasesWhereTheArchiveIsAnother() throws Exception {
    assertGivenUpWhere((store, base) -> store.runs.store().overwrite(base, new byte[1]));
  }

  @Test
  void shouldGiveUpAllBasesWhereTheArchiveCannotBeOpened() throws Exception {
    assertGivenUpWhere((store, base) -> store.brokenOff = slice -> slice.object().equals(base));
  }

  private void assertGivenUpWhere(BiConsumer<Backups, ObjectKey> happening) throws Exception {
    // given
    StoredObject base = attemptWithBase();
    fail(1, Component.DATABASE, FailureCode.BASE_CHANGED);
    end(1, FailureCode.BASE_CHANGED);

    // when
    happening.accept(backups, base.key());

    // then
    assertThat(choose(ATTEMPTS, 2)).isEmpty();
  }

  @Test
  void shouldTakeNoRiskInTheLastAttempt() throws Exception {
    // given
    StoredObject base = attemptWithBase();
    fail(1, Component.DATABASE, FailureCode.BASE_CHANGED);
    end(1, FailureCode.BASE_CHANGED);
    attempt(2, Map.of(Component.MEDIA, base));
    end(2, FailureCode.TOOL_FAILED);

    // then
    assertThat(choose(ATTEMPTS + 1, 3)).isEqualTo(Map.of(Component.MEDIA, base));
    assertThat(choose(ATTEMPTS, 3)).isEmpty();
  }

  @Test
  void shouldKeepToTheBasesHoweverOftenTheStoreWasAway() throws Exception {
    // given
    StoredObject base = attemptWithBase();
    Map<Component, StoredObject> bases = Map.of(Component.DATABASE, base, Component.MEDIA, base);
    end(1, FailureCode.INTERRUPTED);
    for (int attempt = 2; attempt <= 4; attempt++) {
      attempt(attempt, bases);
      fail(attempt, Component.MEDIA, FailureCode.INTERRUPTED);
      end(attempt, FailureCode.INTERRUPTED);
    }

    // then
    assertThat(choose(ATTEMPTS, 5)).isEqualTo(bases);
  }

  private StoredObject attemptWithBase() {
    backups.begin();
    StoredObject base = stored(backups.backUp());
    boolean _ = backups.runs.store().create(RunKeys.claim(run).key(), new byte[] {'{', '}'});
    attempt(1, Map.of(Component.DATABASE, base, Component.MEDIA, base));
    return base;
  }

  private void attempt(int attempt, Map<Component, StoredObject> bases) {
    BackupStarted started =
        new BackupStarted(
            run,
            BackupProtocol.SOURCE.value(),
            new Origin(Component.PACKAGER, attempt, 1, 1),
            new ArchiveName("backup_20260111_010000"),
            Component.parts());
    AttemptOpened _ =
        backups
            .runs
            .decisions()
            .decide(
                RunKeys.opened(run, attempt),
                new AttemptOpened(announce(started), TIME.atOffset(ZoneOffset.UTC), bases));
  }

  private void fail(int attempt, Component component, FailureCode code) {
    fail(attempt, component, code, "for a test");
  }

  private void fail(int attempt, Component component, FailureCode code, String reason) {
    PartOutcome _ =
        backups
            .runs
            .decisions()
            .decide(
                RunKeys.part(run, attempt, component),
                new PartOutcome.Failed(
                    announce(
                        new ComponentFailed(
                            run,
                            BackupProtocol.SOURCE.value(),
                            new Origin(component, attempt, 1, 1),
                            code,
                            reason,
                            true,
                            true))));
  }

  private void end(int attempt, FailureCode code) {
    var _ =
        backups
            .runs
            .decisions()
            .decide(RunKeys.verdict(run, attempt), new Voided(code, "for a test", true));
  }

  private static Announcement announce(Fact fact) {
    return new Announcement(fact, TIME);
  }

  private Map<Component, StoredObject> choose(int attempts, int attempt) throws Exception {
    BackupAccepted accepted =
        new BackupAccepted(
            run,
            BackupProtocol.SOURCE.value(),
            Backups.ORIGIN,
            Component.parts(),
            TIME,
            TIME.plus(Backups.HOUR),
            null);
    return new Bases(backups.runs, TestWork.on(run, Component.PACKAGER, 1), attempts)
        .of(accepted, attempt);
  }

  private StoredObject stored(BackupCompleted completed) {
    return backups.runs.store().find(new ObjectKey(completed.archiveKey())).orElseThrow();
  }

  private Map<Component, StoredObject> bases(RunId run, int attempt) {
    return backups.runs.decisions().find(RunKeys.opened(run, attempt)).orElseThrow().bases();
  }
}
