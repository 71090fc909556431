package io.hybridbackup.common.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.hybridbackup.common.archive.LookupDirectory;
import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.EventSamples;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.BackupStarted;
import io.hybridbackup.common.event.Fact.ComponentFailed;
import io.hybridbackup.common.event.Fact.DatabaseDumpCompleted;
import io.hybridbackup.common.event.Fact.DatabaseSnapshotTaken;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Request;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.manifest.Consistency;
import io.hybridbackup.common.manifest.DatabasePart;
import io.hybridbackup.common.manifest.KindChanges;
import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.manifest.References;
import io.hybridbackup.common.store.Literal;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoredObject;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.node.ObjectNode;

class RecordsTest {
  private static final Instant TIME = Instant.parse("2026-01-11T02:00:00.123456789Z");
  private static final Slice SLICE =
      new Slice(new ObjectKey("work/abc/part-00001"), "\"etag\"", 5, 70_000_000_000L);

  static Stream<Fact> facts() {
    return EventSamples.all().stream().filter(Fact.class::isInstance).map(Fact.class::cast);
  }

  static <F extends Fact> F fact(Class<F> type) {
    return facts().filter(type::isInstance).map(type::cast).findFirst().orElseThrow();
  }

  @ParameterizedTest
  @MethodSource("facts")
  void shouldReadEveryAnnouncementAsItWasWritten(Fact fact) {
    Announcement announcement = new Announcement(fact, TIME);

    Announcement read = Json.read(Json.write(announcement), Announcement.class);

    assertThat(read).isEqualTo(announcement);
    assertThat(read.envelope()).isEqualTo(announcement.envelope());
  }

  @Test
  void shouldNotReadARequestAsAnAnnouncement() {
    Envelope request =
        EventSamples.all().stream()
            .filter(Request.class::isInstance)
            .map(EventSamples::envelope)
            .findFirst()
            .orElseThrow();

    assertThatThrownBy(() -> Json.read(Json.write(request), Announcement.class))
        .hasMessageContaining("told by a fact");
  }

  static Stream<Object> records() {
    return Stream.of(
        new Claim(announce(Fact.BackupAccepted.class), TIME),
        new Claim(announce(Fact.BackupRejected.class), TIME),
        new Claim(announce(Fact.RestoreStarted.class), TIME),
        new Claim(announce(Fact.RestoreFailed.class), TIME),
        new AttemptOpened(
            announce(BackupStarted.class),
            OffsetDateTime.parse("2026-01-11T05:00:00+03:00"),
            Map.of()),
        new AttemptOpened(
            announce(BackupStarted.class),
            OffsetDateTime.parse("2026-01-11T05:00:00+03:00"),
            Map.of(
                Component.DATABASE, base("backup_20260110_140000"),
                Component.MEDIA, base("backup_20260110_020000"))),
        new Told(announce(Fact.MediaPrepared.class)),
        new Told(announce(DatabaseSnapshotTaken.class)),
        new Outcome(announce(Fact.BackupCompleted.class), 2),
        new Outcome(announce(Fact.BackupFailed.class), 0),
        new Outcome(announce(Fact.BackupCancelled.class), 0),
        new Outcome(announce(Fact.RestoreCompleted.class), 0));
  }

  private static StoredObject base(String archive) {
    return new StoredObject(
        ObjectKey.of("backups", "edms", archive + ".tar.gz"), 5_000_000_000L, "etag", TIME);
  }

  @Test
  void shouldReadWhatAnAttemptBuildsUponAsTheFirstVersionSaidIt() {
    // given
    StoredObject base = base("backup_20260110_020000");
    Map<String, Object> first =
        Map.of(
            "announcement",
            announce(BackupStarted.class),
            "timestamp",
            "2026-01-11T05:00:00+03:00",
            "base",
            base);

    // when
    AttemptOpened opened = Json.read(Json.write(first), AttemptOpened.class);

    // then
    assertThat(opened.bases()).isEqualTo(Map.of(Component.DATABASE, base, Component.MEDIA, base));
  }

  @Test
  void shouldReadAnAttemptOfTheFirstVersionThatBuildsUponNothing() {
    // given
    Map<String, Object> first =
        Map.of(
            "announcement",
            announce(BackupStarted.class),
            "timestamp",
            "2026-01-11T05:00:00+03:00");

    // then
    assertThat(Json.read(Json.write(first), AttemptOpened.class).bases()).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("records")
  void shouldReadEveryRecordAsItWasWritten(Object record) {
    assertThat((Object) Json.read(Json.write(record), record.getClass())).isEqualTo(record);
  }

  @Test
  void shouldReadAPartThatWasCommitted() {
    PartOutcome committed = committed();

    assertThat(Json.read(Json.write(committed), PartOutcome.class)).isEqualTo(committed);
  }

  /** Written by a service of before, in a run that is under way. */
  @Test
  void shouldReadAPartThatWasCommittedWithoutALookup() {
    ObjectNode json = (ObjectNode) Json.mapper().readTree(Json.write(committed()));
    ((ObjectNode) json.get("inventory")).remove("lookup");

    PartOutcome read = Json.read(Json.write(json), PartOutcome.class);

    assertThat(read).isInstanceOf(PartOutcome.Committed.class);
    assertThat(((PartOutcome.Committed) read).inventory().lookup()).isNull();
  }

  private static PartOutcome.Committed committed() {
    return new PartOutcome.Committed(
        announce(DatabaseDumpCompleted.class),
        3,
        new PartInventory(
            Component.DATABASE,
            List.of(SLICE),
            List.of("00c0ffee12345678"),
            List.of(SLICE),
            List.of("00c0ffee12345679"),
            new PartInventory.Lookup(
                List.of(SLICE),
                List.of("00c0ffee1234567a"),
                new LookupDirectory(
                    List.of(
                        new LookupDirectory.IndexMember(160_000, 12),
                        new LookupDirectory.IndexMember(90_000, 0)),
                    List.of(new LookupDirectory.Page("00c0ffee12", 64_000)))),
            70_000_000_001L,
            1,
            0,
            "ab".repeat(32),
            "ef".repeat(32),
            7,
            List.of("3 files vanished")),
        Map.of("pg_dump", "15.18", "postgresql", "15.4"),
        Map.of("database", Duration.ofNanos(12_345_678_901L)),
        2,
        3,
        new KindChanges(1, List.of("letters/drafts")),
        new References(5, 1, List.of("letters/7.pdf")));
  }

  @Test
  void shouldReadAPartThatFailed() {
    PartOutcome.Failed failed = new PartOutcome.Failed(announce(ComponentFailed.class));

    assertThat(Json.read(Json.write(failed), PartOutcome.class)).isEqualTo(failed);
    assertThat(failed.failure()).isEqualTo(fact(ComponentFailed.class));
  }

  @Test
  void shouldReadEveryVerdict() {
    Verdict composed = new Verdict.Composed("\"etag\"");
    Verdict voided =
        new Verdict.Voided(
            FailureCode.DISK_FULL, "the disk is full", true, Set.of(Component.MEDIA));

    assertThat(Json.read(Json.write(composed), Verdict.class)).isEqualTo(composed);
    assertThat(Json.read(Json.write(voided), Verdict.class)).isEqualTo(voided);
  }

  @ParameterizedTest
  @CsvSource({"BASE_CHANGED, true", "STORE_CORRUPT, true", "TOOL_FAILED, false"})
  void shouldReadAVerdictThatDoesNotTellWhatIsSpoilt(FailureCode code, boolean spoilt) {
    String json =
        "{\"verdict\":\"void\",\"code\":\"%s\",\"reason\":\"a reason\",\"retryable\":true}"
            .formatted(code);

    assertThat(Json.read(json.getBytes(StandardCharsets.UTF_8), Verdict.class))
        .isEqualTo(
            new Verdict.Voided(
                code, "a reason", true, spoilt ? Component.parts() : Set.<Component>of()));
  }

  @Test
  void shouldReadAPlanByteForByte() {
    // given
    byte[] bytes = {0, 1, -1, 127, -128, 31, -117};
    Plan plan =
        new Plan(
            manifest(), List.of(new Literal(bytes), SLICE), 70_000_000_007L, "00c0ffee12345678");

    // when
    byte[] json = Json.write(plan);
    Plan read = Json.read(json, Plan.class);

    // then
    assertThat(read).usingRecursiveComparison().isEqualTo(plan);
    assertThat(read.manifest()).isEqualTo(plan.manifest());
    assertThat(Json.write(read)).isEqualTo(json);
  }

  @Test
  void shouldSayWhatAClaimAnswers() {
    Claim backup = new Claim(announce(Fact.BackupAccepted.class), TIME);
    Claim restore = new Claim(announce(Fact.RestoreStarted.class), TIME);
    Claim noBackup = new Claim(announce(Fact.BackupRejected.class), TIME);
    Claim noRestore = new Claim(announce(Fact.RestoreFailed.class), TIME);

    assertThat(Stream.of(backup, restore, noBackup, noRestore))
        .extracting(
            Claim::beginsNoRun,
            claim -> claim.backup().isPresent(),
            claim -> claim.restore().isPresent())
        .containsExactly(
            tuple(false, true, false),
            tuple(false, false, true),
            tuple(true, false, false),
            tuple(true, false, false));
  }

  private static Announcement announce(Class<? extends Fact> type) {
    return new Announcement(fact(type), TIME);
  }

  private static Manifest manifest() {
    return new Manifest(
        OffsetDateTime.parse("2026-01-11T02:00:00+03:00"),
        null,
        "Hybrid Backup 0.1.0",
        EventSamples.RUN,
        new SourceName("edms"),
        new ArchiveName("backup_20260111_020000"),
        1,
        new DatabasePart("ab".repeat(32), 1_074_266_112, "15.8", "15.8", TIME, "0/16B3748", null),
        null,
        new Consistency(false, null, TIME, 0, 0, null, null),
        Map.of("pg_dump", "15.8"),
        List.of());
  }
}
