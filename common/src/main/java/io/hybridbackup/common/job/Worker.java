package io.hybridbackup.common.job;

import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.StoreException;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Does a service's jobs: looks for them when it is woken and in every sweep, takes each under its
 * lease, runs several at a time, and stops those that are over or whose lease is lost.
 */
public final class Worker implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Worker.class);

  private final String name;
  private final ObjectStore store;
  private final Leases leases;
  private final Job.Source source;
  private final int capacity;
  private final Duration sweep;
  private final Map<ObjectKey, Running> running = new ConcurrentHashMap<>();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition news = lock.newCondition();
  private final Set<RunId> woken = new LinkedHashSet<>();
  private boolean sweepDue = true;
  private boolean closed;
  private final Thread thread;

  /**
   * Begins at once.
   *
   * @param capacity how many jobs at a time at most
   */
  public Worker(
      String name,
      ObjectStore store,
      Leases leases,
      Settings.Jobs settings,
      int capacity,
      Job.Source source) {
    this.name = name;
    this.store = store;
    this.leases = leases;
    this.source = source;
    this.capacity = capacity;
    this.sweep = settings.sweep();
    this.thread = Thread.ofVirtual().name(name + " worker").start(this::loop);
  }

  /** Something has happened to this run: look soon. */
  public void wake(RunId run) {
    lock.lock();
    try {
      woken.add(run);
      news.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Look at every open run soon. */
  public void wakeAll() {
    lock.lock();
    try {
      sweepDue = true;
      news.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Stops everything and lets the leases go, so that another replica can carry on at once. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      news.signalAll();
    } finally {
      lock.unlock();
    }
    try {
      thread.join();
      for (Running one : running.values()) {
        one.work.stop("the service is shutting down");
      }
      for (Running one : running.values()) {
        one.thread.join();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void loop() {
    long nextSweep = System.nanoTime();
    while (true) {
      Set<RunId> looking;
      boolean sweeping;
      lock.lock();
      try {
        long left = nextSweep - System.nanoTime();
        while (!closed && woken.isEmpty() && !sweepDue && left > 0) {
          left = news.awaitNanos(left);
        }
        if (closed) {
          return;
        }
        sweeping = sweepDue || left <= 0;
        sweepDue = false;
        looking = new LinkedHashSet<>(woken);
        woken.clear();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      } finally {
        lock.unlock();
      }
      try {
        if (sweeping) {
          nextSweep = System.nanoTime() + sweep.toNanos();
          looking.addAll(openRuns());
        }
        stopWhatIsOver();
        looking.forEach(this::look);
      } catch (StoreException e) {
        LOG.atWarn()
            .addKeyValue("worker", name)
            .addKeyValue("reason", e.getMessage())
            .log("cannot look for work; trying again");
        nextSweep = System.nanoTime() + sweep.toNanos();
      } catch (RuntimeException e) {
        LOG.atError().addKeyValue("worker", name).setCause(e).log("looking for work failed");
        nextSweep = System.nanoTime() + sweep.toNanos();
      }
    }
  }

  private List<RunId> openRuns() {
    return store.children(RunKeys.OPEN.value()).stream().map(RunId::new).toList();
  }

  private void stopWhatIsOver() {
    for (Running one : running.values()) {
      if (one.job.isOver()) {
        one.work.stop("it is over");
      }
    }
  }

  private void look(RunId run) {
    for (Running one : running.values()) {
      if (one.job.run().equals(run)) {
        one.work.signal();
      }
    }
    if (running.size() >= capacity) {
      return;
    }
    Optional<Job> found = source.find(run);
    if (found.isEmpty() || running.containsKey(found.get().epochs())) {
      return;
    }
    begin(found.get());
  }

  private void begin(Job job) {
    Optional<Lease> taken = leases.tryTake(job.epochs());
    if (taken.isEmpty()) {
      return;
    }
    Lease lease = taken.get();
    Work work = new Work(job.run(), job.component(), lease.epoch());
    Thread runner =
        Thread.ofVirtual().name(name + " " + job.run()).unstarted(() -> perform(job, work, lease));
    running.put(job.epochs(), new Running(job, work, runner));
    lease.whenLost(() -> work.stop("the lease is lost"));
    runner.start();
  }

  private void perform(Job job, Work work, Lease lease) {
    LOG.atInfo()
        .addKeyValue("run", job.run())
        .addKeyValue("component", job.component().label())
        .addKeyValue("epoch", lease.epoch())
        .log("begins");
    try {
      job.perform(work);
      wakeAll();
    } catch (StoppedException e) {
      LOG.atInfo()
          .addKeyValue("run", job.run())
          .addKeyValue("component", job.component().label())
          .addKeyValue("epoch", lease.epoch())
          .addKeyValue("reason", e.getMessage())
          .log("stops");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      LOG.atError()
          .addKeyValue("run", job.run())
          .addKeyValue("component", job.component().label())
          .addKeyValue("epoch", lease.epoch())
          .setCause(e)
          .log("broke off; it will be taken up again");
    } finally {
      lease.close();
      leases.forget(job.epochs());
      running.remove(job.epochs());
    }
  }

  private record Running(Job job, Work work, Thread thread) {}
}
