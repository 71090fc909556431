package io.hybridbackup.common.job;

import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoreException;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import org.slf4j.spi.LoggingEventBuilder;

/**
 * Does a service's jobs: looks for them when it is woken and in every sweep, takes each under its
 * lease, runs several at a time, and stops those that are over or whose lease is lost. One that has
 * not stopped a lease time later, because a dead disk holds it up, say, is left behind: its lease
 * is let go, and it is to others what a frozen service is.
 */
public final class Worker implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Worker.class);

  /** How long a shutdown waits for what stops, all in all. */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** A job that has not got on for so many lease times gives its place up to another. */
  private static final int STALLED_LEASES = 2;

  private final String name;
  private final Runs runs;
  private final Leases leases;
  private final Job.Source source;
  private final int capacity;
  private final Duration sweep;
  private final Duration lease;
  private final Machine machine;
  private final Map<ObjectKey, Running> running = new ConcurrentHashMap<>();
  private final Map<ObjectKey, Long> restingUntil = new ConcurrentHashMap<>();
  private final Set<Thread> stopping = ConcurrentHashMap.newKeySet();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition news;
  private final Set<RunId> woken = new LinkedHashSet<>();
  private boolean sweepDue = true;
  private volatile boolean closed;
  private final Thread thread;

  /**
   * Begins at once.
   *
   * @param capacity how many jobs at a time at most; those that report progress and make none are
   *     not counted
   */
  public Worker(
      String name,
      Runs runs,
      Leases leases,
      Settings.Jobs settings,
      int capacity,
      Job.Source source) {
    this(name, runs, leases, settings, capacity, source, Machine.REAL);
  }

  Worker(
      String name,
      Runs runs,
      Leases leases,
      Settings.Jobs settings,
      int capacity,
      Job.Source source,
      Machine machine) {
    this.name = name;
    this.runs = runs;
    this.leases = leases;
    this.source = source;
    this.capacity = capacity;
    this.sweep = settings.sweep();
    this.lease = settings.lease();
    this.machine = machine;
    this.news = machine.condition(lock);
    this.thread = machine.thread(name + " worker", this::loop);
    thread.start();
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

  /**
   * Stops everything and lets the leases go, so that another replica can carry on at once. What a
   * program holds up that cannot be ended is left behind after a while.
   */
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
      machine.join(thread);
      running.values().forEach(one -> stop(one.work, "the service is shutting down"));
      long end = machine.nanoTime() + PATIENCE.toNanos();
      for (Thread one : stopping) {
        awaitEnd(one, end);
      }
      for (Running one : running.values()) {
        awaitEnd(one.thread, end);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void loop() {
    long nextSweep = machine.nanoTime();
    while (true) {
      Set<RunId> looking;
      boolean sweeping;
      lock.lock();
      try {
        long left = nextSweep - machine.nanoTime();
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
      restingUntil.values().removeIf(end -> end - machine.nanoTime() <= 0);
      if (sweeping) {
        nextSweep = machine.nanoTime() + sweep.toNanos();
        guarded(() -> looking.addAll(source.promising(runs.open())));
      }
      running.values().forEach(one -> guarded(() -> stopIfOver(one)));
      running.values().stream()
          .filter(one -> one.work.ignoresItsStop(lease))
          .forEach(this::leaveBehind);
      looking.forEach(run -> guarded(() -> look(run)));
    }
  }

  /** What cannot be read for one run must not keep the others waiting. */
  private void guarded(Runnable step) {
    if (closed) {
      return;
    }
    try {
      step.run();
    } catch (StoreException e) {
      LOG.atWarn()
          .addKeyValue("worker", name)
          .addKeyValue("reason", e.getMessage())
          .log("cannot look for work; trying again");
    } catch (RuntimeException e) {
      LOG.atError().addKeyValue("worker", name).setCause(e).log("looking for work failed");
    }
  }

  private void stopIfOver(Running one) {
    if (one.job.isOver()) {
      stop(one.work, "it is over");
    }
  }

  /** Whoever takes it up next goes on from its records. */
  private void leaveBehind(Running one) {
    if (running.remove(one.job.epochs(), one)) {
      LOG.atWarn()
          .addKeyValue("worker", name)
          .addKeyValue("run", one.job.run())
          .log("does not stop; it is left behind, and its lease is let go");
      machine.thread(name + " leaves " + one.job.run(), () -> letGo(one)).start();
    }
  }

  private void letGo(Running one) {
    one.lease.close();
    leases.forget(one.job.epochs());
    wakeAll();
  }

  /** What the job owns may take a while to close, and must not hold up the others. */
  private void stop(Work work, String reason) {
    Runnable closing = work.order(reason);
    Thread stopper =
        machine.thread(
            name + " stops " + work.run(),
            () -> {
              try {
                closing.run();
              } finally {
                stopping.remove(Thread.currentThread());
              }
            });
    stopping.add(stopper);
    stopper.start();
  }

  private void awaitEnd(Thread one, long end) throws InterruptedException {
    // Even when the time is up, one that has just ended must not be reported.
    if (!machine.join(one, Duration.ofNanos(Math.max(1, end - machine.nanoTime())))) {
      LOG.atWarn()
          .addKeyValue("worker", name)
          .addKeyValue("thread", one.getName())
          .log("does not stop; it is left behind");
    }
  }

  private void look(RunId run) {
    for (Running one : running.values()) {
      if (one.job.run().equals(run)) {
        one.work.signal();
      }
    }
    if (running.values().stream().filter(this::countsAsRunning).count() >= capacity) {
      return;
    }
    Optional<Job> found = source.find(run);
    if (found.isPresent() && isFree(found.get().epochs())) {
      begin(found.get());
    }
  }

  /** A source whose server or disk hangs must not keep the others waiting. */
  private boolean countsAsRunning(Running one) {
    return !one.job.reportsProgress() || !one.work.isStalled(lease.multipliedBy(STALLED_LEASES));
  }

  private boolean isFree(ObjectKey epochs) {
    return !running.containsKey(epochs) && !restingUntil.containsKey(epochs);
  }

  private void begin(Job job) {
    Optional<Lease> taken = leases.tryTake(job.epochs());
    if (taken.isEmpty()) {
      return;
    }
    Running one = new Running(job, taken.get());
    running.put(job.epochs(), one);
    one.lease.whenLost(() -> stop(one.work, "the lease is lost"));
    one.thread.start();
  }

  /** A job at work. */
  private final class Running {
    private final Job job;
    private final Lease lease;
    private final Work work;
    private final Thread thread;

    Running(Job job, Lease lease) {
      this.job = job;
      this.lease = lease;
      this.work = new Work(job.run(), job.component(), lease.epoch(), machine);
      this.thread = machine.thread(name + " " + job.run(), this::perform);
    }

    private void perform() {
      log(Level.INFO).log("begins");
      try {
        // The last holder may have done it after it was looked for.
        if (!job.isOver()) {
          job.perform(work);
        }
      } catch (StoppedException e) {
        log(Level.INFO).addKeyValue("reason", e.getMessage()).log("stops");
      } catch (InterruptedException | RuntimeException | Error e) {
        restingUntil.put(job.epochs(), machine.nanoTime() + sweep.toNanos());
        log(Level.ERROR).setCause(e).log("broke off; it will be taken up again");
      } finally {
        end();
      }
    }

    private void end() {
      lease.close();
      if (running.remove(job.epochs(), this)) {
        leases.forget(job.epochs());
        wakeAll();
      }
    }

    private LoggingEventBuilder log(Level level) {
      return LOG.atLevel(level)
          .addKeyValue("run", job.run())
          .addKeyValue("component", job.component().label())
          .addKeyValue("epoch", lease.epoch());
    }
  }
}
