package io.hybridbackup.common.job;

import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Takes leases. A lease is a series of epochs, each a write-once record in the lease's folder: who
 * creates the next one holds it. The last holder is dead for an observer who has seen its heartbeat
 * unchanged for the lease time by the observer's own clock, so clocks need not agree.
 */
public final class Leases {
  /** Far beyond any pause between two looks at a lease that is still of interest. */
  private static final Duration FORGOTTEN = Duration.ofDays(1);

  private final ObjectStore store;
  private final Duration duration;
  private final Machine machine;
  private final String holder = UUID.randomUUID().toString();
  private final Map<ObjectKey, Observation> observations = new ConcurrentHashMap<>();

  public Leases(ObjectStore store, Duration duration) {
    this(store, duration, Machine.REAL);
  }

  Leases(ObjectStore store, Duration duration, Machine machine) {
    this.store = store;
    this.duration = duration;
    this.machine = machine;
  }

  /**
   * Takes the lease if nobody holds it. Must be asked again and again to notice that a holder has
   * died. Errors are those of the {@link ObjectStore}. The caller closes the lease.
   */
  public Optional<Lease> tryTake(ObjectKey folder) {
    int newest = newestEpoch(store, folder);
    if (newest > 0 && isAlive(folder, newest)) {
      return Optional.empty();
    }
    int epoch = newest + 1;
    long taken = machine.nanoTime();
    byte[] record = Json.write(new Epoch(holder, UUID.randomUUID().toString()));
    if (!store.create(folder.resolve(RunKeys.epochName(epoch)), record)) {
      return Optional.empty();
    }
    observations.remove(folder);
    return Optional.of(new Lease(store, folder, epoch, holder, duration, machine, taken));
  }

  /** The number of the newest epoch in a lease's folder; 0 if there is none. */
  static int newestEpoch(ObjectStore store, ObjectKey folder) {
    return store.children(folder.value()).stream()
        .filter(name -> name.matches("epoch-\\d{5,9}"))
        .mapToInt(name -> Integer.parseInt(name.substring("epoch-".length())))
        .max()
        .orElse(0);
  }

  /** Forgets what was seen of a lease that is of no more interest. */
  public void forget(ObjectKey folder) {
    observations.remove(folder);
  }

  private boolean isAlive(ObjectKey folder, int epoch) {
    // The answer may be long on its way: it was true between then and now, no more is known.
    long asked = machine.nanoTime();
    Lease.Heartbeat heartbeat =
        store
            .read(Lease.heartbeatKey(folder, epoch))
            .map(json -> Json.read(json, Lease.Heartbeat.class))
            .orElse(new Lease.Heartbeat("", 0, false));
    if (heartbeat.released()) {
      return false;
    }
    Observation seen = observations.get(folder);
    long now = machine.nanoTime();
    if (seen == null || seen.epoch() != epoch || !seen.heartbeat().equals(heartbeat)) {
      seen = new Observation(epoch, heartbeat, now, now);
    }
    observations.put(folder, new Observation(epoch, heartbeat, seen.since(), now));
    forgetOld(now);
    return asked - seen.since() < duration.toNanos();
  }

  /** Of runs that others have ended: nobody here asks for them any more. */
  private void forgetOld(long now) {
    long limit = Math.max(FORGOTTEN.toNanos(), duration.multipliedBy(10).toNanos());
    observations.values().removeIf(one -> now - one.lookedAt() > limit);
  }

  private record Observation(int epoch, Lease.Heartbeat heartbeat, long since, long lookedAt) {}

  private record Epoch(String holder, String nonce) {}
}
