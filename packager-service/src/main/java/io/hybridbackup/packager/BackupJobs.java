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
import io.hybridbackup.common.store.StoreException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Finds the backups that want coordinating: those whose turn it is, in the order of their
 * acceptance, and those that have ended but have not been tidied up after.
 */
final class BackupJobs implements Job.Source {
  private final Runs runs;
  private final Slots slots;
  private final Coordination coordination;
  private final Duration lingering;
  private final Duration sweep;
  private final Clock clock;

  /** When the end of a run that is still open was first seen here. */
  private final Map<RunId, Instant> endedSince = new HashMap<>();

  /** When what is left of runs that have ended is due. */
  private final Map<RunId, Instant> tidiedUntil = new HashMap<>();

  private Instant lookedThrough = Instant.EPOCH;

  /**
   * @param lingering how long a worker may go on after a run's end without noticing it
   * @param sweep how often runs are looked through that only wait
   */
  BackupJobs(
      Runs runs, Coordination coordination, Duration lingering, Duration sweep, Clock clock) {
    this.runs = runs;
    this.slots = new Slots(runs);
    this.coordination = coordination;
    this.lingering = lingering;
    this.sweep = sweep;
    this.clock = clock;
  }

  /**
   * Of the runs of a source that wait, only the first or the one that has the slot can begin. The
   * others are looked through now and then, since they may have been cancelled or be too late.
   */
  @Override
  public Collection<RunId> promising(List<RunId> open) {
    Instant now = clock.instant();
    boolean lookThrough = Duration.between(lookedThrough, now).abs().compareTo(sweep) >= 0;
    if (lookThrough) {
      lookedThrough = now;
    }
    tidiedUntil.keySet().retainAll(open);
    Set<RunId> promising = new LinkedHashSet<>();
    Map<SourceName, List<BackupAccepted>> waiting = new HashMap<>();
    for (RunId run : open) {
      try {
        Optional<BackupAccepted> accepted = runs.claimInSweep(run).flatMap(Claim::backup);
        if (accepted.isEmpty() || isTidy(run)) {
          continue;
        }
        if (lookThrough && (isLate(accepted.get()) || mayHaveEnded(run))) {
          promising.add(run);
        } else {
          waiting
              .computeIfAbsent(new SourceName(accepted.get().source()), _ -> new ArrayList<>())
              .add(accepted.get());
        }
      } catch (Runs.UnreadableClaimException e) {
        // It is said when the run is looked at, which must not keep the others waiting.
        promising.add(run);
      }
    }
    waiting.forEach((source, queue) -> {
      slots.holderInSweep(RunKeys.slots(source)).filter(open::contains).ifPresent(promising::add);
      queue.sort(Comparator.comparing(BackupAccepted::acceptedAt));
      for (BackupAccepted accepted : queue) {
        promising.add(accepted.backupId());
        if (!mayHaveEnded(accepted.backupId())) {
          break;
        }
      }
    });
    return promising;
  }

  /** What the store does not give is said when the run is looked at. */
  private boolean mayHaveEnded(RunId run) {
    try {
      return runs.hasEnded(run);
    } catch (StoreException.Unavailable e) {
      return true;
    }
  }

  /** Whether it has ended and been tidied up after, and the last time is still to come. */
  private boolean isTidy(RunId run) {
    Instant until = tidiedUntil.get(run);
    return until != null && clock.instant().isBefore(until);
  }

  @Override
  public Optional<Job> find(RunId run) {
    Optional<BackupAccepted> accepted = runs.claim(run).flatMap(Claim::backup);
    if (accepted.isEmpty()) {
      return Optional.empty();
    }
    if (runs.hasEnded(run)) {
      return ended(accepted.get());
    }
    boolean wanted = isLate(accepted.get()) || isItsTurn(accepted.get());
    return wanted
        ? Optional.of(new Backup(accepted.get(), isLate(accepted.get()), false))
        : Optional.empty();
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
    Instant noticed = endedSince.computeIfAbsent(run, _ -> now).plus(lingering);
    boolean last = !now.isBefore(noticed);
    if (!last && runs.decisions().isMade(RunKeys.told(run))) {
      tidiedUntil.put(run, noticed);
      return Optional.empty();
    }
    return Optional.of(new Backup(accepted, true, last));
  }

  private boolean isLate(BackupAccepted accepted) {
    return !clock.instant().isBefore(accepted.deadline());
  }

  private boolean isItsTurn(BackupAccepted accepted) {
    ObjectKey folder = RunKeys.slots(new SourceName(accepted.source()));
    Optional<RunId> holder = slots.holder(folder);
    if (holder.isPresent() && holder.get().equals(accepted.backupId())) {
      return true;
    }
    boolean free = holder.isEmpty() || runs.hasEnded(holder.get());
    return free
        && !isBehindAnother(accepted)
        && slots.take(folder, accepted.backupId(), runs::hasEnded);
  }

  private boolean isBehindAnother(BackupAccepted accepted) {
    return runs.openBackups(accepted.source())
        .filter(other -> other.acceptedAt().isBefore(accepted.acceptedAt()))
        .anyMatch(other -> !runs.hasEnded(other.backupId()));
  }

  private final class Backup implements Job {
    private final BackupAccepted accepted;
    private final boolean last;

    /** From then on it is about the end alone, so that this job is not stopped because of it. */
    private volatile boolean ending;

    /**
     * @param ending whether nothing is left but to end it, or to carry its end out
     * @param last whether everybody knows that it has ended, so that it can be closed
     */
    Backup(BackupAccepted accepted, boolean ending, boolean last) {
      this.accepted = accepted;
      this.ending = ending;
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

    /** Whatever it waits for, it is stopped then, and the next one sees to the end. */
    @Override
    public boolean isOver() {
      return !ending && (isLate(accepted) || runs.hasEnded(run()));
    }

    @Override
    public void perform(Work work) throws InterruptedException {
      coordination.lead(accepted, work, () -> ending = true, last);
    }
  }
}
