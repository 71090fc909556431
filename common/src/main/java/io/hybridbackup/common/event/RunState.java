package io.hybridbackup.common.event;

import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The latest state of one run, whole, for those who did not follow its facts. */
public sealed interface RunState extends Event {
  RunId run();

  int epoch();

  long revision();

  enum Phase {
    WAITING,
    RUNNING,
    COMPLETE,
    COMPLETE_WITH_WARNINGS,
    FAILED,
    CANCELLED,
    REJECTED
  }

  /**
   * @param attempt 0 while waiting
   * @param components how each has got on: {@code waiting}, {@code running}, {@code completed} or
   *     {@code failed}
   * @param epoch of the packager that says so; a reader keeps the state of the highest epoch and,
   *     within it, of the highest revision
   */
  record BackupState(
      RunId backupId,
      String source,
      int epoch,
      long revision,
      Phase state,
      int attempt,
      Map<Component, String> components,
      @Nullable ArchiveName archive,
      @Nullable FailureCode code,
      @Nullable String message,
      Instant acceptedAt,
      Instant changedAt,
      @Nullable String requestedBy)
      implements RunState {
    public BackupState {
      components = Ordered.byComponent(components);
    }

    @Override
    public RunId run() {
      return backupId;
    }
  }

  /**
   * @param epoch of the restore worker that says so; a reader keeps the state of the highest epoch
   *     and, within it, of the highest revision
   */
  record RestoreState(
      RunId restoreId,
      String source,
      String target,
      int epoch,
      long revision,
      Phase state,
      @Nullable ArchiveName archive,
      @Nullable FailureCode code,
      @Nullable String message,
      Instant acceptedAt,
      Instant changedAt,
      @Nullable String requestedBy)
      implements RunState {
    @Override
    public RunId run() {
      return restoreId;
    }
  }
}
