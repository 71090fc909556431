package io.hybridbackup.common.job;

import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.messaging.PublishException;
import io.hybridbackup.common.store.StoreException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a job has at hand while it runs: its place in the run, the order to stop, and a way to wait.
 *
 * <p>Stopping closes whatever the job has given to {@link #own}, native programs above all, so that
 * a job that is blocked on them goes on, and finds out at its next {@link #checkpoint}.
 */
public final class Work {
  private static final Logger LOG = LoggerFactory.getLogger(Work.class);
  private static final Duration FIRST_POLL = Duration.ofMillis(100);
  private static final Duration LAST_POLL = Duration.ofSeconds(2);

  private final RunId run;
  private final Component component;
  private final int epoch;
  private final AtomicLong sequence = new AtomicLong();
  private final Machine machine;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition news;
  private final Deque<AutoCloseable> owned = new ArrayDeque<>();
  private volatile long advanced;
  private long signals;
  private @Nullable String stopped;
  private long stoppedAt;

  Work(RunId run, Component component, int epoch, Machine machine) {
    this.run = run;
    this.component = component;
    this.epoch = epoch;
    this.machine = machine;
    this.news = machine.condition(lock);
    this.advanced = machine.nanoTime();
  }

  /** In real time. */
  public Work(RunId run, Component component, int epoch) {
    this(run, component, epoch, Machine.REAL);
  }

  public RunId run() {
    return run;
  }

  public int epoch() {
    return epoch;
  }

  /** The origin of the next fact of this epoch. */
  public Origin next(int attempt) {
    return new Origin(component, attempt, epoch, sequence.incrementAndGet());
  }

  /** Nanoseconds of the clock that waiting goes by. */
  long nanoTime() {
    return machine.nanoTime();
  }

  /** The job has got on with what it is there for. */
  void advanced() {
    advanced = machine.nanoTime();
  }

  /** Whether the job has not got on for so long: it hangs, or waits for somebody else. */
  boolean isStalled(Duration patience) {
    return machine.nanoTime() - advanced > patience.toNanos();
  }

  /** Whether the order to stop was given longer ago than that. */
  boolean ignoresItsStop(Duration patience) {
    lock.lock();
    try {
      return stopped != null && machine.nanoTime() - stoppedAt > patience.toNanos();
    } finally {
      lock.unlock();
    }
  }

  /** Goes on, unless the work is to stop. */
  public void checkpoint() throws StoppedException {
    lock.lock();
    try {
      if (stopped != null) {
        throw new StoppedException(stopped);
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Has something closed when the work is to stop. The job closes it as well when it is done with
   * it; closing twice must be harmless.
   */
  public <C extends AutoCloseable> C own(C resource) throws StoppedException {
    lock.lock();
    try {
      if (stopped == null) {
        owned.push(resource);
        return resource;
      }
    } finally {
      lock.unlock();
    }
    close(resource);
    throw new StoppedException("stopped before it began");
  }

  /** The job has closed it itself. */
  public void disown(AutoCloseable resource) {
    lock.lock();
    try {
      owned.remove(resource);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until there is an answer. It looks when it is called, whenever the run has news, and from
   * time to time. While the store is down it goes on waiting.
   *
   * @return the answer; empty if there was none within {@code limit}
   */
  public <T> Optional<T> await(Supplier<Optional<T>> answer, Duration limit)
      throws StoppedException, InterruptedException {
    long end = machine.nanoTime() + limit.toNanos();
    Duration poll = FIRST_POLL;
    while (true) {
      checkpoint();
      long seen = signals();
      Optional<T> found = ask(answer);
      long left = end - machine.nanoTime();
      if (found.isPresent() || left <= 0) {
        return found;
      }
      awaitNews(seen, Math.min(left, poll.toNanos()));
      poll = poll.multipliedBy(2).compareTo(LAST_POLL) < 0 ? poll.multipliedBy(2) : LAST_POLL;
    }
  }

  /**
   * Does what needs the store or the broker, again and again while that is down.
   *
   * @throws StoreException if the store refuses
   * @throws PublishException if the broker refuses
   */
  public <T> T insist(Supplier<T> call) throws StoppedException, InterruptedException {
    return await(() -> Optional.of(call.get()), Duration.ofDays(365)).orElseThrow();
  }

  /** As {@link #insist(Supplier)}, for what gives nothing back. */
  public void insist(Runnable call) throws StoppedException, InterruptedException {
    insist(() -> {
      call.run();
      return true;
    });
  }

  void signal() {
    lock.lock();
    try {
      signals++;
      news.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Orders to stop, and closes what the job owns, which may take a while. */
  void stop(String reason) {
    order(reason).run();
  }

  /**
   * Orders to stop, at once.
   *
   * @return closes what the job owns, which may take a while
   */
  Runnable order(String reason) {
    Deque<AutoCloseable> closing;
    lock.lock();
    try {
      if (stopped != null) {
        return () -> {};
      }
      stopped = reason;
      stoppedAt = machine.nanoTime();
      closing = new ArrayDeque<>(owned);
      owned.clear();
      signals++;
      news.signalAll();
    } finally {
      lock.unlock();
    }
    return () -> closing.forEach(Work::close);
  }

  private <T> Optional<T> ask(Supplier<Optional<T>> answer) {
    try {
      return answer.get();
    } catch (StoreException e) {
      return passOver(e, e.retryable());
    } catch (PublishException e) {
      return passOver(e, e.retryable());
    }
  }

  private <T> Optional<T> passOver(RuntimeException failure, boolean retryable) {
    if (!retryable) {
      throw failure;
    }
    LOG.atWarn()
        .addKeyValue("run", run)
        .addKeyValue("component", component.label())
        .addKeyValue("reason", failure.getMessage())
        .log("store or broker do not answer; waiting for them");
    return Optional.empty();
  }

  private long signals() {
    lock.lock();
    try {
      return signals;
    } finally {
      lock.unlock();
    }
  }

  private void awaitNews(long seen, long nanos) throws InterruptedException {
    lock.lock();
    try {
      long left = nanos;
      while (signals == seen && left > 0) {
        left = news.awaitNanos(left);
      }
    } finally {
      lock.unlock();
    }
  }

  private static void close(AutoCloseable resource) {
    try {
      resource.close();
    } catch (Exception e) {
      LOG.atWarn().setCause(e).log("could not be closed");
    }
  }
}
