package io.hybridbackup.packager;

import io.hybridbackup.common.job.Leftovers;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.StoreException;
import java.time.Clock;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;

/**
 * Removes from the store, at the start and again and again, what ended runs have left there after
 * they had been tidied up after, and uploads that nobody can be working on any more.
 */
final class StoreSweep implements SmartLifecycle {
  private static final Logger LOG = LoggerFactory.getLogger(StoreSweep.class);

  /** Ten minutes where leases have their default: leavings of this kind are rare. */
  private static final int LEASES_BETWEEN = 20;

  private final ObjectStore store;
  private final Leftovers leftovers;
  private final Duration pause;
  private final Duration old;
  private final Clock clock;
  private final Set<Leftovers.Unexplained> complained = new HashSet<>();
  private @Nullable ScheduledExecutorService thread;

  StoreSweep(Runs runs, Settings.Jobs settings, Clock clock) {
    this.store = runs.store();
    this.leftovers = new Leftovers(runs);
    this.pause = settings.lease().multipliedBy(LEASES_BETWEEN);
    this.old = settings.deadline().multipliedBy(2);
    this.clock = clock;
  }

  /** Sweeps once; gives how many objects and uploads were removed. */
  int sweep() {
    Leftovers.Found found = leftovers.find(old, clock.instant());
    found.removable().forEach(store::delete);
    int uploads = 0;
    for (String root : Leftovers.ROOTS) {
      uploads += store.abortUploads(root, old);
    }
    if (!found.removable().isEmpty() || uploads > 0) {
      LOG.atInfo()
          .addKeyValue("objects", found.removable())
          .addKeyValue("uploads", uploads)
          .log("leftovers of ended runs were removed");
    }
    complained.retainAll(found.unexplained());
    for (Leftovers.Unexplained one : found.unexplained()) {
      if (complained.add(one)) {
        LOG.atWarn()
            .addKeyValue("object", one.key())
            .addKeyValue("reason", one.reason())
            .log("this should not be in the store");
      }
    }
    return found.removable().size() + uploads;
  }

  @Override
  public synchronized void start() {
    ScheduledExecutorService sweeping =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("store sweep").factory());
    var _ =
        sweeping.scheduleWithFixedDelay(
            this::sweepGuarded, 0, pause.toMillis(), TimeUnit.MILLISECONDS);
    thread = sweeping;
  }

  private void sweepGuarded() {
    try {
      int _ = sweep();
    } catch (StoreException e) {
      LOG.atWarn()
          .addKeyValue("reason", e.getMessage())
          .log("leftovers could not be swept; trying again");
    } catch (RuntimeException e) {
      LOG.atError().setCause(e).log("sweeping leftovers failed");
    }
  }

  @Override
  public synchronized void stop() {
    if (thread != null) {
      thread.shutdownNow();
      thread = null;
    }
  }

  @Override
  public synchronized boolean isRunning() {
    return thread != null;
  }
}
