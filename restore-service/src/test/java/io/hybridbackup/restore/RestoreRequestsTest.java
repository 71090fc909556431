package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.Event;
import io.hybridbackup.common.event.EventCodec;
import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.RestoreFailed;
import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.event.Request.RestoreRequested;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.Outcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.manifest.ArchiveManifest;
import io.hybridbackup.common.manifest.Consistency;
import io.hybridbackup.common.manifest.DatabasePart;
import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.manifest.StoragePart;
import io.hybridbackup.common.messaging.ReceivedRequest;
import io.hybridbackup.common.messaging.TestPublisher;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RestoreRequestsTest {
  private static final Instant NOW = Instant.parse("2026-01-11T02:00:00Z");

  @TempDir private Path folder;
  private final Runs runs = new Runs(new InMemoryObjectStore(InstantSource.fixed(NOW), true));
  private final List<Event> published = new ArrayList<>();

  @ParameterizedTest
  @CsvSource({
    "PT-1M, , UNKNOWN_TARGET",
    "PT-1M, PT-1M, UNKNOWN_TARGET",
    "PT-61M, , STALE_REQUEST",
    "PT-61M, PT-1M, STALE_REQUEST",
    "PT-1M, PT-61M, STALE_REQUEST",
    "PT-1M, PT48H, UNKNOWN_TARGET"
  })
  void shouldRefuseWhatIsOldByItsRecordOrByItself(
      Duration record, @Nullable Duration own, FailureCode code) {
    // when
    handle(
        new RestoreRequested("edms", "latest", "nowhere", null, null, null, null, null),
        NOW.plus(record),
        own == null ? null : NOW.plus(own));

    // then
    assertThat(published)
        .singleElement()
        .isInstanceOfSatisfying(
            RestoreFailed.class, failed -> assertThat(failed.code()).isEqualTo(code));
  }

  @ParameterizedTest
  @CsvSource({
    "2026-01-11T01:59:59Z, backup_20260111_000000",
    "2026-01-11T02:00:00Z, backup_20260111_013000",
    "2026-01-11T02:34:59Z, backup_20260111_013000",
    "2026-01-11T02:35:00Z, backup_20260111_015500",
    "2026-01-11T03:00:00Z, backup_20260111_015500",
  })
  void shouldTakeTheNewestArchiveThatShowsNothingLater(Instant asOf, String archive)
      throws Exception {
    // given
    backUp("backup_20260111_000000", null, "2026-01-11T00:30:00Z");
    backUp("backup_20260111_013000", null, "2026-01-11T02:00:00Z");
    backUp("backup_20260111_015500", "2026-01-11T02:35:00Z", "2026-01-11T02:30:00Z");

    // when
    handle(
        new RestoreRequested("edms", "latest", "standby", asOf, null, null, null, null), NOW, null);

    // then
    assertThat(published)
        .singleElement()
        .isInstanceOfSatisfying(
            RestoreStarted.class,
            started -> assertThat(started.archive().value()).isEqualTo(archive));
  }

  @ParameterizedTest
  @CsvSource({"true, false, false", "false, true, false", "false, false, true"})
  void shouldRefuseAnUndoWithWhatHasNoMeaningForIt(
      boolean rehearsing, boolean mediaAlone, boolean asOf) throws Exception {
    // given
    backUp("backup_20260111_000000", null, "2026-01-11T00:30:00Z");
    RunId undone = complete();

    // when
    handle(
        new RestoreRequested(
            "edms",
            "latest",
            "standby",
            asOf ? NOW : null,
            mediaAlone ? Set.of(Component.MEDIA) : null,
            rehearsing
                ? new RestoreOptions(
                    null, null, null, null, null, null, null, null, null, rehearsing)
                : null,
            undone,
            null),
        NOW,
        null);

    // then
    assertThat(published)
        .singleElement()
        .isInstanceOfSatisfying(
            RestoreFailed.class,
            failed -> {
              assertThat(failed.code()).isEqualTo(FailureCode.INVALID_REQUEST);
              assertThat(failed.message()).contains("undo", "options", "components", "asOf");
            });
  }

  /** A restore that has replaced something, which is kept. */
  private RunId complete() throws Exception {
    RunId run = RunId.ofRequest("/test", "undone");
    RestoreCompleted completed =
        new RestoreCompleted(
            run,
            "edms",
            "standby",
            new Origin(Component.RESTORE, 0, 1, 1),
            new ArchiveName("backup_20260111_000000"),
            Set.of(Component.MEDIA),
            null,
            null,
            null,
            Map.of(),
            List.of(),
            null,
            folder.resolve("media_before").toString(),
            null,
            null,
            null);
    Outcome _ =
        runs.decisions()
            .decide(RunKeys.outcome(run), new Outcome(new Announcement(completed, NOW), 1));
    assertThat(runs.store().create(RunKeys.kept(run), new byte[0])).isTrue();
    return run;
  }

  /**
   * @param snapshotAt null if there are files alone
   */
  private void backUp(String name, @Nullable String snapshotAt, String preparedAt) {
    SourceName source = new SourceName("edms");
    ArchiveName archive = new ArchiveName(name);
    Instant snapshot = snapshotAt == null ? null : Instant.parse(snapshotAt);
    Manifest manifest =
        new Manifest(
            Instant.parse("2026-01-11T00:00:00Z").atOffset(ZoneOffset.UTC),
            null,
            "this test",
            RunId.ofRequest("/test", name),
            source,
            archive,
            1,
            snapshot == null
                ? null
                : new DatabasePart("ab", 1, "15.8", "15.8", snapshot, "0/1", null),
            new StoragePart(1, 1, 1, "cd"),
            new Consistency(
                snapshot != null, Instant.parse(preparedAt), snapshot, 2, 0, null, null),
            Map.of(),
            List.of());
    assertThat(
            runs.store()
                .create(
                    RunKeys.manifest(source, archive),
                    new ArchiveManifest(
                            manifest,
                            new ArchiveManifest.Archive(
                                name + ".tar.gz", new ObjectKey("backups/edms/" + name), 1, "ef"))
                        .toJson()))
        .isTrue();
  }

  private void handle(RestoreRequested request, Instant record, @Nullable Instant own) {
    new RestoreRequests(
            settings(),
            runs,
            TestPublisher.to(
                answer -> published.add(EventCodec.read(answer.value(), answer.headers()).data())),
            Clock.fixed(NOW, ZoneOffset.UTC),
            _ -> {})
        .handle(
            new ReceivedRequest(
                new Envelope("1", "/test", own, null, request),
                request,
                RunId.ofRequest("/test", "1"),
                "restore.requests.v1",
                0,
                0,
                record,
                NOW));
  }

  private Settings settings() {
    return TestSettings.of(
        folder,
        Duration.ofSeconds(10),
        TestSettings.TOOLS,
        Map.of(
            new TargetName("standby"),
            new Settings.Target(
                null, new Settings.Media(folder.resolve("media"), List.of(), false))));
  }
}
