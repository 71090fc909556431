package io.hybridbackup.restore;

import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.Claim;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.StoreException;
import java.io.IOException;
import java.time.Duration;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import tools.jackson.core.JacksonException;

/**
 * Removes from beside the targets, at the start and again and again, what was made there for a
 * restore after it had been tidied up after, by an epoch that was frozen and then died. What
 * belongs to no restore on record is left alone. Several replicas may do so at the same time.
 */
final class ScratchSweep implements SmartLifecycle {
  private static final Logger LOG = LoggerFactory.getLogger(ScratchSweep.class);

  /** Ten minutes where leases have their default: leavings of this kind are rare. */
  private static final int LEASES_BETWEEN = 20;

  private final Runs runs;
  private final Restoration restoration;
  private final Settings settings;
  private final Set<String> complained = new HashSet<>();
  private volatile Optional<ScheduledExecutorService> schedule = Optional.empty();

  ScratchSweep(Runs runs, Restoration restoration, Settings settings) {
    this.runs = runs;
    this.restoration = restoration;
    this.settings = settings;
  }

  /** Sweeps once. */
  void sweep() throws InterruptedException {
    for (var target : settings.targets().entrySet()) {
      guarded(
          "beside target " + target.getKey(),
          () -> {
            for (RunId run : restoration.restores(target.getValue())) {
              guarded("of restore " + run, () -> removeIfClosed(run));
            }
          });
    }
    guarded("of dumps", restoration::removeForgottenDumps);
  }

  private interface Step {
    void take() throws IOException, ComponentFailure, InterruptedException;
  }

  /** What fails keeps nothing else from being removed, and is complained of once. */
  private void guarded(String what, Step step) throws InterruptedException {
    try {
      step.take();
      complained.remove(what);
    } catch (IOException | ComponentFailure | StoreException | JacksonException e) {
      if (complained.add(what)) {
        LOG.atWarn()
            .addKeyValue("left", what)
            .addKeyValue("reason", e.getMessage())
            .log("what restores have left cannot be removed; trying again");
      }
    }
  }

  private void removeIfClosed(RunId run)
      throws IOException, ComponentFailure, InterruptedException {
    Optional<RestoreStarted> started = runs.claim(run).flatMap(Claim::restore);
    if (started.isPresent()
        && runs.hasEnded(run)
        && !runs.isOpen(run)
        && restoration.tidyUp(started.get(), new Work(run, Component.RESTORE, 0))) {
      LOG.atInfo()
          .addKeyValue("run", run)
          .addKeyValue("target", started.get().target())
          .log("what was left of an ended restore was removed");
    }
  }

  @Override
  public void start() {
    ScheduledExecutorService thread =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("scratch-sweep").factory());
    Duration pause = settings.jobs().lease().multipliedBy(LEASES_BETWEEN);
    var _ =
        thread.scheduleWithFixedDelay(
            this::sweepGuarded, 0, pause.toMillis(), TimeUnit.MILLISECONDS);
    schedule = Optional.of(thread);
  }

  private void sweepGuarded() {
    try {
      sweep();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      LOG.atError().setCause(e).log("sweeping what restores have left failed");
    }
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
}
