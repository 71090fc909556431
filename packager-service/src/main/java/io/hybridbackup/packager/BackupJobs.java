package io.hybridbackup.packager;

import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.Claim;
import io.hybridbackup.common.job.Job;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Slots;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.store.ObjectKey;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Finds the backups that want coordinating: those whose turn it is, in the order of their
 * acceptance, and those that have ended but have not been tidied up after.
 */
final class BackupJobs implements Job.Source {
  private final Runs runs;
  private final Slots slots;
  private final Coordination coordination;
  private final Duration lingering;
  private final Clock clock;

  /** When the end of a run that is still open was first seen here. */
  private final Map<RunId, Instant> endedSince = new ConcurrentHashMap<>();

  /**
   * @param lingering how long a worker may go on after a run's end without noticing it
   */
  BackupJobs(Runs runs, Coordination coordination, Duration lingering, Clock clock) {
    this.runs = runs;
    this.slots = new Slots(runs);
    this.coordination = coordination;
    this.lingering = lingering;
    this.clock = clock;
  }

  @Override
  public Optional<Job> find(RunId run) {
    Optional<BackupAccepted> accepted = runs.claim(run).flatMap(Claim::backup);
    if (accepted.isEmpty()) {
      return Optional.empty();
    }
    if (hasEnded(run)) {
      return ended(accepted.get());
    }
    boolean wanted =
        !clock.instant().isBefore(accepted.get().deadline()) || isItsTurn(accepted.get());
    return wanted ? Optional.of(new Backup(accepted.get(), false)) : Optional.empty();
  }

  /**
   * There is something left to do until the end has been told, and once more when everybody must
   * have noticed it. The record does not say when that is: who decided may have been frozen between
   * reading the clock and writing.
   */
  private Optional<Job> ended(BackupAccepted accepted) {
    RunId run = accepted.backupId();
    Instant now = clock.instant();
    if (!runs.isOpen(run)) {
      endedSince.remove(run);
      return Optional.empty();
    }
    // Another replica may have closed some: one that is still open is only seen ended anew.
    endedSince.values().removeIf(since -> since.plus(lingering.multipliedBy(10)).isBefore(now));
    Instant since = endedSince.computeIfAbsent(run, _ -> now);
    boolean known = !now.isBefore(since.plus(lingering));
    return known || !runs.decisions().isMade(RunKeys.told(run))
        ? Optional.of(new Backup(accepted, known))
        : Optional.empty();
  }

  private boolean hasEnded(RunId run) {
    return runs.decisions().isMade(RunKeys.outcome(run));
  }

  private boolean isItsTurn(BackupAccepted accepted) {
    ObjectKey folder = RunKeys.slots(new SourceName(accepted.source()));
    Optional<RunId> holder = slots.holder(folder);
    if (holder.isPresent() && holder.get().equals(accepted.backupId())) {
      return true;
    }
    boolean free = holder.isEmpty() || hasEnded(holder.get());
    return free
        && !isBehindAnother(accepted)
        && slots.take(folder, accepted.backupId(), this::hasEnded);
  }

  private boolean isBehindAnother(BackupAccepted accepted) {
    return runs.open().stream()
        .filter(other -> !other.equals(accepted.backupId()))
        .map(other -> runs.claim(other).flatMap(Claim::backup))
        .flatMap(Optional::stream)
        .filter(other -> other.source().equals(accepted.source()))
        .filter(other -> other.acceptedAt().isBefore(accepted.acceptedAt()))
        .anyMatch(other -> !hasEnded(other.backupId()));
  }

  private final class Backup implements Job {
    private final BackupAccepted accepted;
    private final boolean last;

    /**
     * @param last whether everybody knows that it has ended, so that it can be closed
     */
    Backup(BackupAccepted accepted, boolean last) {
      this.accepted = accepted;
      this.last = last;
    }

    @Override
    public RunId run() {
      return accepted.backupId();
    }

    @Override
    public Component component() {
      return Component.PACKAGER;
    }

    @Override
    public ObjectKey epochs() {
      return RunKeys.epochs(run(), component());
    }

    @Override
    public boolean isOver() {
      return false;
    }

    @Override
    public void perform(Work work) throws InterruptedException {
      coordination.lead(accepted, work, last);
    }
  }
}
