package io.hybridbackup.restore;

import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.job.Claim;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Outcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Slots;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.StoreException;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;

/**
 * Removes what restores have replaced, once it has been kept for the configured time. Several
 * replicas may do so at the same time; while a restore to the target is under way none does.
 */
final class KeptRemoval implements SmartLifecycle {
  private static final Logger LOG = LoggerFactory.getLogger(KeptRemoval.class);

  private final Runs runs;
  private final Slots slots;
  private final Restoration restoration;
  private final Settings settings;
  private final Clock clock;
  private volatile Optional<ScheduledExecutorService> schedule = Optional.empty();

  KeptRemoval(Runs runs, Restoration restoration, Settings settings, Clock clock) {
    this.runs = runs;
    this.slots = new Slots(runs);
    this.restoration = restoration;
    this.settings = settings;
    this.clock = clock;
  }

  @Override
  public void start() {
    ScheduledExecutorService thread =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("kept-removal").factory());
    // A listing costs money in some stores, and nobody waits for this.
    Duration pause = settings.jobs().sweep().multipliedBy(12);
    var _ =
        thread.scheduleWithFixedDelay(
            this::removeAll, pause.toMillis(), pause.toMillis(), TimeUnit.MILLISECONDS);
    schedule = Optional.of(thread);
  }

  @Override
  public void stop() {
    schedule.ifPresent(ScheduledExecutorService::shutdownNow);
    schedule = Optional.empty();
  }

  @Override
  public boolean isRunning() {
    return schedule.isPresent();
  }

  void removeAll() {
    try {
      for (String name : runs.store().children(RunKeys.KEPT.value())) {
        Optional<RunId> run = RunId.ifValid(name);
        if (run.isPresent()) {
          removeIfDue(run.get());
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (StoreException e) {
      LOG.atWarn()
          .addKeyValue("reason", e.getMessage())
          .log("cannot look for what restores have replaced; trying again");
    }
  }

  private void removeIfDue(RunId run) throws InterruptedException {
    Optional<RestoreStarted> started = runs.claim(run).flatMap(Claim::restore);
    Optional<Outcome> outcome = runs.decisions().find(RunKeys.outcome(run));
    if (started.isEmpty() || outcome.isEmpty() || !isDue(outcome.get())) {
      return;
    }
    Optional<RunId> holder = slots.holder(RunKeys.slots(new TargetName(started.get().target())));
    if (holder.isPresent() && !runs.decisions().isMade(RunKeys.outcome(holder.get()))) {
      return;
    }
    try {
      if (outcome.get().announcement().fact() instanceof RestoreCompleted) {
        restoration.removeKept(started.get(), new Work(run, Component.RESTORE, 0));
      }
      runs.store().delete(RunKeys.kept(run));
      LOG.atInfo()
          .addKeyValue("run", run)
          .addKeyValue("target", started.get().target())
          .log("what the restore replaced is not kept any more");
    } catch (IOException | ComponentFailure e) {
      LOG.atWarn()
          .addKeyValue("run", run)
          .addKeyValue("target", started.get().target())
          .addKeyValue("reason", e.getMessage())
          .log("what the restore replaced cannot be removed; trying again");
    }
  }

  private boolean isDue(Outcome outcome) {
    return !(outcome.announcement().fact() instanceof RestoreCompleted)
        || !clock
            .instant()
            .isBefore(outcome.announcement().at().plus(settings.restore().keepPrevious()));
  }
}
