package io.hybridbackup.packager;

import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupCancelled;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupFailed;
import io.hybridbackup.common.event.Fact.BackupOutcome;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.RunState.BackupState;
import io.hybridbackup.common.event.RunState.Phase;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.job.PartOutcome;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.messaging.EventPublisher;
import java.time.Clock;
import java.util.EnumMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Keeps the topic of states up to date for one backup, for as long as one epoch leads it. */
final class RunStates {
  private final BackupAccepted accepted;
  private final Work work;
  private final EventPublisher publisher;
  private final Clock clock;
  private long revision;
  private int attempt;
  private Map<Component, String> components = new EnumMap<>(Component.class);

  RunStates(BackupAccepted accepted, Work work, EventPublisher publisher, Clock clock) {
    this.accepted = accepted;
    this.work = work;
    this.publisher = publisher;
    this.clock = clock;
  }

  /** An attempt is under way, and so much has been delivered. */
  void show(int currentAttempt, Map<Component, PartOutcome> parts) throws InterruptedException {
    if (fill(currentAttempt, parts)) {
      publish(Phase.RUNNING, null, null, null);
    }
  }

  /** Whether anything is new. */
  private boolean fill(int currentAttempt, Map<Component, PartOutcome> parts) {
    Map<Component, String> now = new EnumMap<>(Component.class);
    for (Component component : accepted.components()) {
      now.put(
          component,
          switch (parts.get(component)) {
            case null -> "running";
            case PartOutcome.Committed committed -> "completed";
            case PartOutcome.Failed failed -> "failed";
          });
    }
    if (currentAttempt == attempt && now.equals(components)) {
      return false;
    }
    attempt = currentAttempt;
    components = now;
    return true;
  }

  /** The run has ended. */
  void showEnd(int lastAttempt, Map<Component, PartOutcome> parts, Fact outcome)
      throws InterruptedException {
    boolean _ = fill(lastAttempt, parts);
    switch (outcome) {
      case BackupCompleted completed ->
          publish(
              completed.state() == BackupOutcome.COMPLETE
                  ? Phase.COMPLETE
                  : Phase.COMPLETE_WITH_WARNINGS,
              completed.archive(),
              null,
              null);
      case BackupFailed failed -> publish(Phase.FAILED, null, failed.code(), failed.message());
      case BackupCancelled cancelled ->
          publish(Phase.CANCELLED, null, FailureCode.CANCELLED, cancelled.reason());
      default -> throw new IllegalStateException("no end of a backup: " + outcome);
    }
  }

  private void publish(
      Phase phase,
      @Nullable ArchiveName archive,
      @Nullable FailureCode code,
      @Nullable String message)
      throws InterruptedException {
    revision++;
    BackupState state =
        new BackupState(
            accepted.backupId(),
            accepted.source(),
            work.epoch(),
            revision,
            phase,
            attempt,
            components,
            archive,
            code,
            message,
            accepted.acceptedAt(),
            clock.instant(),
            accepted.requestedBy());
    work.insist(() -> publisher.publishState(state));
  }
}
