package io.hybridbackup.common.job;

import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The right to work on something, for as long as the heartbeat goes on. A lease that could not be
 * renewed for three quarters of the lease time, or was superseded, is lost for good: its holder has
 * the last quarter to stop before anybody takes it for dead.
 */
public final class Lease implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Lease.class);

  private final ObjectStore store;
  private final ObjectKey folder;
  private final int epoch;
  private final String holder;
  private final Duration duration;
  private final Machine machine;
  private final CompletableFuture<String> lost = new CompletableFuture<>();
  private final Thread renewal;
  private final Thread watch;
  private volatile long renewed;
  private volatile boolean closed;

  /**
   * @param taken the machine's time before the epoch was created
   */
  Lease(
      ObjectStore store,
      ObjectKey folder,
      int epoch,
      String holder,
      Duration duration,
      Machine machine,
      long taken) {
    this.store = store;
    this.folder = folder;
    this.epoch = epoch;
    this.holder = holder;
    this.duration = duration;
    this.machine = machine;
    this.renewed = taken;
    this.renewal = machine.thread("lease " + folder, this::renew);
    // A call to the store may hang for longer than the lease lasts.
    this.watch = machine.thread("watch " + folder, this::watch);
    renewal.start();
    watch.start();
  }

  /** From 1; higher than that of everybody who held it before. */
  public int epoch() {
    return epoch;
  }

  /**
   * Has something done when the lease is lost, from another thread; at once if it has been lost
   * already. It must not block long, and is not begun any more once the lease has been closed.
   */
  public void whenLost(Runnable action) {
    CompletableFuture<Void> _ = lost.thenRun(action);
  }

  /** Lets others take over at once instead of after the lease time. */
  @Override
  public void close() {
    closed = true;
    machine.interrupt(renewal);
    machine.interrupt(watch);
    try {
      machine.join(renewal);
      machine.join(watch);
      store.overwrite(heartbeatKey(folder, epoch), Json.write(new Heartbeat(holder, 0, true)));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      LOG.atInfo()
          .addKeyValue("lease", folder)
          .addKeyValue("reason", e.getMessage())
          .log("lease not released; it will run out");
    }
  }

  private void renew() {
    ObjectKey successor = folder.resolve(RunKeys.epochName(epoch + 1));
    for (long counter = 1; !closed && !lost.isDone(); counter++) {
      long before = machine.nanoTime();
      try {
        store.overwrite(
            heartbeatKey(folder, epoch), Json.write(new Heartbeat(holder, counter, false)));
        if (store.find(successor).isPresent()) {
          lose("another worker has taken over");
          return;
        }
        renewed = before;
      } catch (RuntimeException e) {
        if (!closed) {
          LOG.atWarn()
              .addKeyValue("lease", folder)
              .addKeyValue("reason", e.getMessage())
              .log("lease not renewed; trying again");
        }
      }
      try {
        machine.sleep(duration.dividedBy(5));
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private void watch() {
    long limit = duration.toNanos() * 3 / 4;
    try {
      while (renewed + limit - machine.nanoTime() > 0) {
        machine.sleep(Duration.ofNanos(renewed + limit - machine.nanoTime()));
      }
    } catch (InterruptedException e) {
      return;
    }
    lose("it could not be renewed in time");
  }

  private void lose(String reason) {
    if (!closed && !lost.isDone()) {
      LOG.atWarn().addKeyValue("lease", folder).addKeyValue("reason", reason).log("lease lost");
      lost.complete(reason);
    }
  }

  static ObjectKey heartbeatKey(ObjectKey folder, int epoch) {
    return folder.resolve(RunKeys.epochName(epoch) + ".heartbeat");
  }

  record Heartbeat(String holder, long counter, boolean released) {}
}
