package io.hybridbackup.common.job;

import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.StoreException;
import java.time.Duration;
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
  private final Runnable onLoss;
  private final Thread renewal;
  private volatile boolean closed;

  Lease(
      ObjectStore store,
      ObjectKey folder,
      int epoch,
      String holder,
      Duration duration,
      Runnable onLoss) {
    this.store = store;
    this.folder = folder;
    this.epoch = epoch;
    this.holder = holder;
    this.duration = duration;
    this.onLoss = onLoss;
    this.renewal = Thread.ofVirtual().name("lease " + folder).start(this::renew);
  }

  /** From 1; higher than that of everybody who held it before. */
  public int epoch() {
    return epoch;
  }

  /** Lets others take over at once instead of after the lease time. */
  @Override
  public void close() {
    closed = true;
    renewal.interrupt();
    try {
      renewal.join();
      store.overwrite(heartbeatKey(folder, epoch), Json.write(new Heartbeat(holder, 0, true)));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (StoreException e) {
      LOG.atInfo()
          .addKeyValue("lease", folder)
          .addKeyValue("reason", e.getMessage())
          .log("lease not released; it will run out");
    }
  }

  private void renew() {
    long lastSeen = System.nanoTime();
    long limit = duration.toNanos() * 3 / 4;
    ObjectKey successor = folder.resolve(RunKeys.epochName(epoch + 1));
    for (long counter = 1; !closed; counter++) {
      long before = System.nanoTime();
      try {
        store.overwrite(
            heartbeatKey(folder, epoch), Json.write(new Heartbeat(holder, counter, false)));
        if (store.find(successor).isPresent()) {
          lose("another worker has taken over");
          return;
        }
        lastSeen = before;
      } catch (StoreException e) {
        LOG.atWarn()
            .addKeyValue("lease", folder)
            .addKeyValue("reason", e.getMessage())
            .log("lease not renewed; trying again");
      }
      if (System.nanoTime() - lastSeen > limit) {
        lose("it could not be renewed in time");
        return;
      }
      try {
        Thread.sleep(duration.dividedBy(5));
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private void lose(String reason) {
    if (!closed) {
      LOG.atWarn().addKeyValue("lease", folder).addKeyValue("reason", reason).log("lease lost");
      onLoss.run();
    }
  }

  static ObjectKey heartbeatKey(ObjectKey folder, int epoch) {
    return folder.resolve(RunKeys.epochName(epoch) + ".heartbeat");
  }

  record Heartbeat(String holder, long counter, boolean released) {}
}
