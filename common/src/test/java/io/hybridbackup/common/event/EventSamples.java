package io.hybridbackup.common.event;

import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupCancelled;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupExpired;
import io.hybridbackup.common.event.Fact.BackupFailed;
import io.hybridbackup.common.event.Fact.BackupOutcome;
import io.hybridbackup.common.event.Fact.BackupRejected;
import io.hybridbackup.common.event.Fact.BackupStarted;
import io.hybridbackup.common.event.Fact.BackupVerified;
import io.hybridbackup.common.event.Fact.ComponentFailed;
import io.hybridbackup.common.event.Fact.ComponentProgressed;
import io.hybridbackup.common.event.Fact.DatabaseDumpCompleted;
import io.hybridbackup.common.event.Fact.DatabaseSnapshotTaken;
import io.hybridbackup.common.event.Fact.MediaPrepared;
import io.hybridbackup.common.event.Fact.MediaSyncCompleted;
import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.RestoreFailed;
import io.hybridbackup.common.event.Fact.RestoreProgressed;
import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.event.Request.BackupCancelRequested;
import io.hybridbackup.common.event.Request.BackupRequested;
import io.hybridbackup.common.event.Request.RestoreRequested;
import io.hybridbackup.common.event.Request.VerificationRequested;
import io.hybridbackup.common.event.RunState.BackupState;
import io.hybridbackup.common.event.RunState.Phase;
import io.hybridbackup.common.event.RunState.RestoreState;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.manifest.References;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Every type of event twice: with all of its optional fields, and with none of them. */
public final class EventSamples {
  public static final RunId RUN = RunId.ofRequest("/console", "1");
  public static final Instant TIME = Instant.parse("2026-01-11T02:00:00.125Z");

  private static final ArchiveName ARCHIVE = new ArchiveName("backup_20260111_020000");
  private static final String SHA256 = "ab".repeat(32);
  private static final Set<Component> PARTS = Component.parts();
  private static final Map<String, Duration> PHASES = Map.of("dump", Duration.ofMillis(12_482));
  private static final List<String> WARNINGS = List.of("3 files vanished and were kept");

  private EventSamples() {}

  public static List<Event> all() {
    return Stream.concat(full().stream(), spare().stream()).toList();
  }

  /** One of each type, with all of its optional fields. */
  public static List<Event> full() {
    return samples("alice", 7L, PARTS, ARCHIVE, "for a reason", FailureCode.DISK_FULL);
  }

  /** One of each type, without optional fields. */
  public static List<Event> spare() {
    return samples(null, null, null, null, null, null);
  }

  public static Envelope envelope(Event event) {
    return switch (event) {
      case Request request -> Envelope.of(request, "1", "/console", TIME);
      case Fact fact -> Envelope.of(fact, TIME);
      case RunState state -> Envelope.of(state);
    };
  }

  public static MediaPrepared mediaPrepared(RunId run) {
    return new MediaPrepared(run, "edms", origin(Component.MEDIA));
  }

  private static List<Event> samples(
      @Nullable String by,
      @Nullable Long number,
      @Nullable Set<Component> parts,
      @Nullable ArchiveName archive,
      @Nullable String text,
      @Nullable FailureCode code) {
    Origin database = origin(Component.DATABASE);
    Origin media = origin(Component.MEDIA);
    Origin packager = origin(Component.PACKAGER);
    Origin restore = origin(Component.RESTORE);
    RestoreOptions options =
        by == null
            ? null
            : new RestoreOptions(
                true,
                true,
                List.of("archive"),
                List.of("document"),
                List.of("storage/2026/**"),
                Map.of(1000L, 2000L),
                Map.of(0L, 4294967294L),
                Set.of(Dependent.values()),
                true,
                true);
    Instant asOf = by == null ? null : TIME;
    RunId undone = by == null ? null : RUN;
    References references = by == null ? null : new References(7, 1, List.of("letters/7.pdf"));
    return List.of(
        new BackupRequested("edms", parts, by),
        new BackupCancelRequested(RUN, "edms", text, by),
        new VerificationRequested("edms", ARCHIVE.value(), "drill", by),
        new RestoreRequested("edms", "latest", "edms-test", asOf, parts, options, undone, by),
        new BackupAccepted(RUN, "edms", packager, PARTS, TIME, TIME.plusSeconds(3600), by),
        new BackupRejected(RUN, "edms", packager, FailureCode.BUSY, "another runs", by),
        new BackupStarted(RUN, "edms", packager, ARCHIVE, PARTS),
        new MediaPrepared(RUN, "edms", media),
        new DatabaseSnapshotTaken(RUN, "edms", database, TIME, "0/16B3748", true),
        new ComponentProgressed(RUN, "edms", media, "pack", 5, number, number, number),
        new DatabaseDumpCompleted(RUN, "edms", database, 1_000, 300, SHA256),
        new MediaSyncCompleted(RUN, "edms", media, 12, 5_000, 4_000),
        new ComponentFailed(
            RUN, "edms", database, FailureCode.TOOL_FAILED, "pg_dump exited 1", true, true),
        new BackupCompleted(
            RUN,
            "edms",
            packager,
            BackupOutcome.COMPLETE_WITH_WARNINGS,
            ARCHIVE,
            "backups/edms/backup_20260111_020000.tar.gz",
            "backups/edms/backup_20260111_020000.manifest.json",
            9_000,
            number,
            number,
            6_000,
            3_000,
            PHASES,
            WARNINGS,
            references,
            by),
        new BackupFailed(
            RUN, "edms", packager, FailureCode.DEADLINE, "too late", Set.of(Component.MEDIA), by),
        new BackupCancelled(RUN, "edms", packager, text, by),
        new BackupExpired(RUN, "edms", packager, ARCHIVE),
        new BackupVerified(RUN, "edms", restore, ARCHIVE, "checksums", true, text, by),
        new RestoreStarted(RUN, "edms", "edms-test", restore, ARCHIVE, PARTS, options, undone, by),
        new RestoreProgressed(RUN, "edms-test", restore, "fetch", 5, number),
        new RestoreCompleted(
            RUN,
            "edms",
            "edms-test",
            restore,
            ARCHIVE,
            PARTS,
            number,
            number,
            number,
            PHASES,
            WARNINGS,
            text,
            text,
            undone,
            by == null ? null : WARNINGS,
            by),
        new RestoreFailed(
            RUN,
            "edms",
            "edms-test",
            restore,
            FailureCode.ARCHIVE_CORRUPT,
            "storage/a.pdf is not what was stored",
            true,
            by),
        new BackupState(
            RUN,
            "edms",
            1,
            4,
            Phase.RUNNING,
            1,
            Map.of(Component.DATABASE, "running", Component.MEDIA, "waiting"),
            archive,
            code,
            text,
            TIME,
            TIME.plusSeconds(5),
            by),
        new RestoreState(
            RUN,
            "edms",
            "edms-test",
            1,
            4,
            Phase.FAILED,
            archive,
            code,
            text,
            TIME,
            TIME.plusSeconds(5),
            by));
  }

  private static Origin origin(Component component) {
    return new Origin(component, 1, 2, 3);
  }
}
