package io.hybridbackup.common.event;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.manifest.References;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.annotation.JsonDeserialize;
import tools.jackson.databind.annotation.JsonSerialize;

/** What has happened. All sizes are bytes; all times are instants. */
public sealed interface Fact extends Event {
  /** The backup or the restore that this is about. */
  RunId run();

  Origin origin();

  /** A fact of a backup. */
  sealed interface BackupFact extends Fact {
    RunId backupId();

    String source();

    @Override
    default RunId run() {
      return backupId();
    }
  }

  /** A fact of a restore. */
  sealed interface RestoreFact extends Fact {
    RunId restoreId();

    String target();

    @Override
    default RunId run() {
      return restoreId();
    }
  }

  /** A fact after which a run has ended. */
  sealed interface TerminalFact extends Fact {}

  /**
   * The request is a run now. It may still have to wait for another run of its source.
   *
   * @param deadline when it will have failed if it has not ended
   */
  record BackupAccepted(
      RunId backupId,
      String source,
      Origin origin,
      Set<Component> components,
      Instant acceptedAt,
      Instant deadline,
      @Nullable String requestedBy)
      implements BackupFact {
    public BackupAccepted {
      components = Ordered.components(components);
    }
  }

  /** The request will not be carried out. */
  record BackupRejected(
      RunId backupId,
      String source,
      Origin origin,
      FailureCode code,
      String reason,
      @Nullable String requestedBy)
      implements BackupFact, TerminalFact {}

  /**
   * An attempt is open: the services may work on it.
   *
   * @param archive the name that is reserved for it
   */
  record BackupStarted(
      RunId backupId, String source, Origin origin, ArchiveName archive, Set<Component> components)
      implements BackupFact {
    public BackupStarted {
      components = Ordered.components(components);
    }
  }

  /** Media is staged but for what changes from now on; the database may take its snapshot. */
  record MediaPrepared(RunId backupId, String source, Origin origin) implements BackupFact {}

  /**
   * @param snapshotAt T: the database part shows the database as it was then
   * @param lsn the server's write-ahead log position at T, such as {@code 0/16B3748}
   * @param fenced whether media had been prepared before T
   */
  record DatabaseSnapshotTaken(
      RunId backupId, String source, Origin origin, Instant snapshotAt, String lsn, boolean fenced)
      implements BackupFact {}

  /** At most one a second from each component. The component is the origin's. */
  record ComponentProgressed(
      RunId backupId,
      String source,
      Origin origin,
      String phase,
      long bytesDone,
      @Nullable Long bytesTotal,
      @Nullable Long filesDone,
      @Nullable Long filesTotal)
      implements BackupFact {}

  /**
   * @param dumpBytes size of {@code database.dump} as it unpacks
   * @param partBytes size of the database part as it is stored
   * @param sha256 of {@code database.dump}, 64 hex digits
   */
  record DatabaseDumpCompleted(
      RunId backupId, String source, Origin origin, long dumpBytes, long partBytes, String sha256)
      implements BackupFact {}

  /**
   * @param files number of files, folders not counted
   * @param mediaBytes sum of the files' sizes
   * @param partBytes size of the media part as it is stored
   */
  record MediaSyncCompleted(
      RunId backupId, String source, Origin origin, long files, long mediaBytes, long partBytes)
      implements BackupFact {}

  /**
   * @param message names what failed, on what, and what to do about it
   * @param retryable whether trying again may help
   * @param willRetry whether it will be tried again by itself
   */
  record ComponentFailed(
      RunId backupId,
      String source,
      Origin origin,
      FailureCode code,
      String message,
      boolean retryable,
      boolean willRetry)
      implements BackupFact {}

  enum BackupOutcome {
    COMPLETE,
    COMPLETE_WITH_WARNINGS
  }

  /**
   * @param manifest key of the manifest in the object store
   * @param archiveKey key of the archive in the object store
   * @param databaseBytes unpacked; absent if there is no database in it
   * @param storageBytes unpacked; absent if there is no media in it
   * @param reusedBytes of the archive that came from an earlier one
   * @param uploadedBytes of the archive that were made and uploaded by this run
   * @param references as in the manifest
   * @param durations by phase; in JSON {@code durationSeconds}, numbers of seconds
   */
  record BackupCompleted(
      RunId backupId,
      String source,
      Origin origin,
      BackupOutcome state,
      ArchiveName archive,
      String archiveKey,
      String manifest,
      long archiveBytes,
      @Nullable Long databaseBytes,
      @Nullable Long storageBytes,
      long reusedBytes,
      long uploadedBytes,
      @JsonProperty("durationSeconds")
          @JsonSerialize(contentUsing = Seconds.Writer.class)
          @JsonDeserialize(contentUsing = Seconds.Reader.class)
          Map<String, Duration> durations,
      List<String> warnings,
      @Nullable References references,
      @Nullable String requestedBy)
      implements BackupFact, TerminalFact {
    public BackupCompleted {
      durations = Ordered.phases(durations);
      warnings = List.copyOf(warnings);
    }
  }

  /**
   * @param missing the components that had not delivered
   */
  record BackupFailed(
      RunId backupId,
      String source,
      Origin origin,
      FailureCode code,
      String message,
      Set<Component> missing,
      @Nullable String requestedBy)
      implements BackupFact, TerminalFact {
    public BackupFailed {
      missing = Ordered.components(missing);
    }
  }

  record BackupCancelled(
      RunId backupId,
      String source,
      Origin origin,
      @Nullable String reason,
      @Nullable String requestedBy)
      implements BackupFact, TerminalFact {}

  /** Retention has removed the archive. */
  record BackupExpired(RunId backupId, String source, Origin origin, ArchiveName archive)
      implements BackupFact {}

  /**
   * @param level {@code checksums} or {@code drill}
   */
  record BackupVerified(
      RunId backupId,
      String source,
      Origin origin,
      ArchiveName archive,
      String level,
      boolean sound,
      @Nullable String message,
      @Nullable String requestedBy)
      implements BackupFact {}

  /**
   * @param undoes the restore whose predecessors come back, instead of what the archive holds
   */
  record RestoreStarted(
      RunId restoreId,
      String source,
      String target,
      Origin origin,
      ArchiveName archive,
      Set<Component> components,
      @Nullable RestoreOptions options,
      @Nullable RunId undoes,
      @Nullable String requestedBy)
      implements RestoreFact {
    public RestoreStarted {
      components = Ordered.components(components);
    }
  }

  /** At most one a second. */
  record RestoreProgressed(
      RunId restoreId,
      String target,
      Origin origin,
      String phase,
      long bytesDone,
      @Nullable Long bytesTotal)
      implements RestoreFact {}

  /**
   * @param durations by phase; in JSON {@code durationSeconds}, numbers of seconds
   * @param previousDatabase the name under which the database that was replaced is kept
   * @param previousFolder the path under which the files that were replaced are kept
   * @param undoes as in {@link RestoreStarted}
   * @param plan of a dry run: what would have been done; nothing was
   */
  record RestoreCompleted(
      RunId restoreId,
      String source,
      String target,
      Origin origin,
      ArchiveName archive,
      Set<Component> components,
      @Nullable Long databaseBytes,
      @Nullable Long storageBytes,
      @Nullable Long files,
      @JsonProperty("durationSeconds")
          @JsonSerialize(contentUsing = Seconds.Writer.class)
          @JsonDeserialize(contentUsing = Seconds.Reader.class)
          Map<String, Duration> durations,
      List<String> warnings,
      @Nullable String previousDatabase,
      @Nullable String previousFolder,
      @Nullable RunId undoes,
      @Nullable List<String> plan,
      @Nullable String requestedBy)
      implements RestoreFact, TerminalFact {
    public RestoreCompleted {
      plan = plan == null ? null : List.copyOf(plan);
      components = Ordered.components(components);
      durations = Ordered.phases(durations);
      warnings = List.copyOf(warnings);
    }
  }

  /**
   * @param rolledBack whether the target is as it was before
   */
  record RestoreFailed(
      RunId restoreId,
      String source,
      String target,
      Origin origin,
      FailureCode code,
      String message,
      boolean rolledBack,
      @Nullable String requestedBy)
      implements RestoreFact, TerminalFact {}
}
