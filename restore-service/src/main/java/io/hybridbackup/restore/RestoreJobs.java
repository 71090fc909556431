package io.hybridbackup.restore;

import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.RestoreFailed;
import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.RunState.Phase;
import io.hybridbackup.common.event.RunState.RestoreState;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.Claim;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Heard;
import io.hybridbackup.common.job.Job;
import io.hybridbackup.common.job.Outcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Slots;
import io.hybridbackup.common.job.StoppedException;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoreException;
import java.io.IOException;
import java.time.Clock;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds the restores whose turn it is at their target, carries them out, and says what came of it.
 */
final class RestoreJobs implements Job.Source {
  private static final Logger LOG = LoggerFactory.getLogger(RestoreJobs.class);

  private final Runs runs;
  private final Slots slots;
  private final EventPublisher publisher;
  private final Restoration restoration;
  private final Settings.Jobs settings;
  private final Clock clock;
  private final Heard heard;

  RestoreJobs(
      Runs runs,
      EventPublisher publisher,
      Restoration restoration,
      Settings.Jobs settings,
      Clock clock,
      Heard heard) {
    this.settings = settings;
    this.runs = runs;
    this.slots = new Slots(runs);
    this.publisher = publisher;
    this.restoration = restoration;
    this.clock = clock;
    this.heard = heard;
  }

  @Override
  public Optional<Job> find(RunId run) {
    Optional<Claim> claim = runs.claim(run);
    Optional<RestoreStarted> started = claim.flatMap(Claim::restore);
    if (started.isEmpty()) {
      return Optional.empty();
    }
    Restore restore = new Restore(started.get(), claim.get());
    if (hasEnded(run)) {
      return runs.isOpen(run) ? Optional.of(restore) : Optional.empty();
    }
    boolean wanted =
        restore.isPastDeadline()
            || slots.take(
                RunKeys.slots(new TargetName(started.get().target())), run, this::hasEnded);
    return wanted ? Optional.of(restore) : Optional.empty();
  }

  private boolean hasEnded(RunId run) {
    return runs.decisions().isMade(RunKeys.outcome(run));
  }

  private final class Restore implements Job {
    private final RestoreStarted started;
    private final Claim claim;

    /** It was taken up after its deadline, only to fail. */
    private final boolean late;

    Restore(RestoreStarted started, Claim claim) {
      this.started = started;
      this.claim = claim;
      this.late = isPastDeadline();
    }

    @Override
    public RunId run() {
      return started.restoreId();
    }

    @Override
    public Component component() {
      return Component.RESTORE;
    }

    @Override
    public ObjectKey epochs() {
      return RunKeys.epochs(run(), component());
    }

    @Override
    public boolean isOver() {
      return !late && isPastDeadline() && !hasEnded(run());
    }

    boolean isPastDeadline() {
      return !clock.instant().isBefore(claim.deadline());
    }

    @Override
    public void perform(Work work) throws InterruptedException {
      try {
        carryOut(work);
      } catch (StoppedException e) {
        // Frozen, it may have gone on when all had been tidied up after another epoch's end.
        if (hasEnded(run())) {
          removeScratch(new Work(run(), component(), 0));
        }
        throw e;
      }
    }

    private void carryOut(Work work) throws InterruptedException {
      Optional<Outcome> decided = work.insist(() -> runs.decisions().find(RunKeys.outcome(run())));
      Outcome outcome;
      if (decided.isPresent()) {
        outcome = decided.get();
      } else {
        publishState(work, 1, Phase.RUNNING, null, null);
        Fact end = restore(work);
        Outcome mine = new Outcome(new Announcement(end, clock.instant()), 0);
        outcome = work.insist(() -> runs.decisions().decide(RunKeys.outcome(run()), mine));
      }
      if (!work.insist(() -> runs.decisions().isMade(RunKeys.told(run())))) {
        tell(outcome, work);
      }
      removeScratch(work);
      work.insist(() -> runs.close(run()));
    }

    private void tell(Outcome outcome, Work work) throws InterruptedException {
      // Whoever has decided the claim may have died, or be frozen, before telling it.
      if (!heard.has(claim.answer())) {
        work.insist(() -> publisher.publish(claim.answer().envelope()));
      }
      work.insist(() -> publisher.publish(outcome.announcement().envelope()));
      switch (outcome.announcement().fact()) {
        case RestoreFailed failed ->
            publishState(work, 2, Phase.FAILED, failed.code(), failed.message());
        case RestoreCompleted completed ->
            publishState(
                work,
                2,
                completed.warnings().isEmpty() ? Phase.COMPLETE : Phase.COMPLETE_WITH_WARNINGS,
                null,
                null);
        default -> throw new IllegalStateException("no end of a restore: " + outcome);
      }
      Outcome _ = work.insist(() -> runs.decisions().decide(RunKeys.told(run()), outcome));
      LOG.atInfo()
          .addKeyValue("run", run())
          .addKeyValue("target", started.target())
          .addKeyValue("outcome", outcome.announcement().fact().getClass().getSimpleName())
          .log("the restore has ended");
    }

    /** What cannot be removed is tried again until the deadline, and then left to people. */
    private void removeScratch(Work work) throws InterruptedException {
      try {
        if (!restoration.tidyUp(started, work)) {
          LOG.atError()
              .addKeyValue("run", run())
              .addKeyValue("target", started.target())
              .log("the target is not what it was; what it was is left beside it for people");
        }
        restoration.removeForgottenDumps();
      } catch (IOException | ComponentFailure e) {
        if (!isPastDeadline()) {
          throw new IllegalStateException("scratch of the restore could not be removed", e);
        }
        LOG.atError()
            .addKeyValue("run", run())
            .addKeyValue("target", started.target())
            .setCause(e)
            .log("scratch of the restore is left beside its target; remove it by hand");
      }
    }

    private Fact restore(Work work) throws InterruptedException {
      for (int tries = 1; ; tries++) {
        try {
          return restoration.restore(started, claim.deadline(), work);
        } catch (ComponentFailure e) {
          work.checkpoint();
          if (!e.retryable() || (tries >= settings.attempts() && !isWaitedFor(e))) {
            return giveUp(work, e.code(), e);
          }
          logRetry(e);
        } catch (StoreException e) {
          work.checkpoint();
          if (!e.retryable()) {
            return giveUp(
                work,
                e instanceof StoreException.Missing
                    ? FailureCode.ARCHIVE_MISSING
                    : FailureCode.STORE_REFUSED,
                e);
          }
          if (tries >= settings.attempts() && isOfTheArchive(e)) {
            return giveUp(work, FailureCode.INTERNAL, e);
          }
          logRetry(e);
        } catch (StoppedException e) {
          throw e;
        } catch (RuntimeException e) {
          work.checkpoint();
          return giveUp(work, FailureCode.INTERNAL, e);
        }
        pause(work, tries);
      }
    }

    /** The store answers, but does not give what there is of the archive. */
    private boolean isOfTheArchive(StoreException failure) {
      if (!(failure instanceof StoreException.Unavailable unavailable)
          || unavailable.slice().isEmpty()) {
        return false;
      }
      try {
        return runs.claim(run()).isPresent();
      } catch (StoreException.Unavailable e) {
        return false;
      }
    }

    /** A disk that is not mounted yet may be until the deadline. */
    private boolean isWaitedFor(ComponentFailure failure) {
      return failure.code() == FailureCode.MEDIA_MISSING && !isPastDeadline();
    }

    private void logRetry(Exception cause) {
      LOG.atWarn()
          .addKeyValue("run", run())
          .addKeyValue("target", started.target())
          .addKeyValue("reason", cause.getMessage())
          .log("the restore was interrupted; it is tried again");
    }

    /** Until the deadline nothing but what the target was, or is to be, is put up with. */
    private Fact giveUp(Work work, FailureCode code, Exception cause) throws InterruptedException {
      LOG.atError()
          .addKeyValue("run", run())
          .addKeyValue("target", started.target())
          .addKeyValue("code", code)
          .setCause(cause)
          .log("the restore failed");
      String message = cause.getMessage() == null ? cause.toString() : cause.getMessage();
      for (int tries = 1; ; tries++) {
        try {
          return restoration.giveUp(started, code, message, work);
        } catch (ComponentFailure e) {
          work.checkpoint();
          LOG.atError()
              .addKeyValue("run", run())
              .addKeyValue("target", started.target())
              .setCause(e)
              .log("the target could not be put back yet; it is tried again");
          if (isPastDeadline() && tries >= settings.attempts()) {
            return restoration.failed(
                started,
                code,
                message
                    + "; and the target could not be put back ("
                    + e.getMessage()
                    + "): see what the restore service's README says of that",
                false,
                work);
          }
        }
        pause(work, tries);
      }
    }

    private void pause(Work work, int tries) throws InterruptedException {
      Optional<Boolean> _ =
          work.await(Optional::empty, settings.sweep().multipliedBy(1L << Math.min(tries, 6)));
    }

    private void publishState(
        Work work, long revision, Phase phase, @Nullable FailureCode code, @Nullable String message)
        throws InterruptedException {
      Instant acceptedAt = claim.answer().at();
      RestoreState state =
          new RestoreState(
              run(),
              started.source(),
              started.target(),
              work.epoch(),
              revision,
              phase,
              started.archive(),
              code,
              message,
              acceptedAt,
              clock.instant(),
              started.requestedBy());
      work.insist(() -> publisher.publishState(state));
    }
  }
}
