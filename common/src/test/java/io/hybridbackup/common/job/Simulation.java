package io.hybridbackup.common.job;

import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.messaging.TestPublisher;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.Piece;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoreCapabilities;
import io.hybridbackup.common.store.StoreException;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.store.Upload;
import java.io.IOException;
import java.io.InputStream;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Replicas of services that share a store and a broker, in one thread's control: of all their
 * threads one runs at a time, and every call to the store or the broker is a place where another
 * may go on, in an order that a number decides, and where a {@link Fault} may befall the caller.
 * Time is virtual: it passes when something is done, and leaps when everybody waits. The same
 * numbers and faults give the same history.
 */
public final class Simulation implements AutoCloseable {
  public static final Instant BEGINNING = Instant.parse("2026-01-11T02:00:00Z");

  private static final long LONGEST_STEP = Duration.ofMillis(8).toNanos();
  private static final Duration REAL_PATIENCE = Duration.ofSeconds(60);

  private final Random order;
  private final Faults faults;
  private final Semaphore watcher = new Semaphore(0);
  private final List<Turn> turns = new ArrayList<>();
  private final Map<Thread, Turn> threads = new HashMap<>();
  private final List<Turn> ready = new ArrayList<>();
  private final PriorityQueue<Event> events = new PriorityQueue<>();
  private final List<Step> trace = new ArrayList<>();
  private long now;
  private long scheduled;
  private BooleanSupplier done = () -> true;
  private long end;
  private boolean over;
  private @Nullable Throwable failure;

  /**
   * @param order decides who goes on
   * @param faults decides what befalls whom; asked at every step, in the order of the history
   */
  public Simulation(long order, Faults faults) {
    this.order = new Random(order);
    this.faults = faults;
  }

  /** What a replica asks of the store or the broker. */
  public record Call(String verb, String key, boolean changes) {
    public boolean isHeartbeat() {
      return key.endsWith(".heartbeat");
    }

    @Override
    public String toString() {
      return verb + " " + key;
    }
  }

  /** What befalls a call. */
  public enum Kind {
    NOTHING,
    /** The replica is killed before the call has any effect. */
    CRASH_BEFORE,
    /** The replica is killed when the call has had its effect. */
    CRASH_AFTER,
    /** The replica is frozen for a while before the call has any effect. */
    FREEZE_BEFORE,
    /** The replica is frozen for a while when the call has had its effect. */
    FREEZE_AFTER,
    /** The call has its effect, and the caller hears that it could not be reached. */
    ANSWER_LOST,
    /** The caller hears that it could not be reached, and a while later the call has its effect. */
    DELAYED,
    /** The call has no effect. */
    UNREACHABLE,
    /** The call is refused. */
    REFUSED
  }

  /**
   * @param time how long a replica is frozen or an effect delayed
   */
  public record Fault(Kind kind, Duration time) {
    public static final Fault NONE = new Fault(Kind.NOTHING, Duration.ZERO);
  }

  /** Decides what befalls each call. */
  @FunctionalInterface
  public interface Faults {
    Fault next(Replica replica, Call call);
  }

  private record Step(long at, String replica, String thread, String what) {
    @Override
    public String toString() {
      return "%10.3f s  %-12s %-50s %s".formatted(at / 1e9, replica, thread, what);
    }
  }

  private record Event(long at, long number, Runnable effect) implements Comparable<Event> {
    @Override
    public int compareTo(Event other) {
      return at != other.at ? Long.compare(at, other.at) : Long.compare(number, other.number);
    }
  }

  /** Ends a thread of a replica that has been killed; nothing but this class may catch it. */
  private static final class Killed extends Error {
    Killed() {
      super("killed", null, false, false);
    }
  }

  private static final class NoAnswer extends RuntimeException {}

  private static final class Refusal extends RuntimeException {}

  public Instant instant() {
    return BEGINNING.plusNanos(now);
  }

  public InstantSource clock() {
    return this::instant;
  }

  /** Has something happen after a while, of itself. */
  public void after(Duration time, Runnable effect) {
    events.add(new Event(now + time.toNanos(), scheduled++, effect));
  }

  /** Whether nothing is on its way any more. */
  public boolean isCalm() {
    return events.isEmpty();
  }

  /** Notes something for {@link #trace}. */
  public void note(String who, String what) {
    trace.add(new Step(now, who, "", what));
  }

  /** The last steps, for people. */
  public String trace(int steps) {
    StringBuilder text = new StringBuilder();
    trace
        .subList(Math.max(0, trace.size() - steps), trace.size())
        .forEach(step -> text.append(step).append('\n'));
    return text.toString();
  }

  public int steps() {
    return trace.size();
  }

  /** A replica that has just begun; it has no threads yet. */
  public Replica begin(String name) {
    return new Replica(name);
  }

  /**
   * Lets everybody go on.
   *
   * @param until asked between any two steps
   * @param limit virtual time
   * @return false if the time was up before it was done
   */
  public boolean run(BooleanSupplier until, Duration limit) {
    done = until;
    end = now + limit.toNanos();
    goOn(null);
    boolean timely = now <= end && until.getAsBoolean();
    Throwable what = failure;
    if (what != null) {
      throw new AssertionError("a thread has failed", what);
    }
    return timely;
  }

  /** Ends all threads. */
  @Override
  public void close() {
    over = true;
    goOn(null);
  }

  /**
   * Gives the turn to whoever is next, and comes back when it is the caller's again.
   *
   * @param self null for the thread that watches all the others
   */
  private void goOn(@Nullable Turn self) {
    Turn next = next();
    if (next == self) {
      return;
    }
    (next == null ? watcher : next.mine).release();
    if (self == null) {
      awaitEnd();
    } else if (!self.ended) {
      self.mine.acquireUninterruptibly();
    }
  }

  /** What goes wrong on the way, in an event of its own or in the watching, ends it all. */
  private void handOver(Turn turn) {
    try {
      goOn(turn);
    } catch (RuntimeException | Error e) {
      failure = e;
      watcher.release();
      if (!turn.ended) {
        turn.mine.acquireUninterruptibly();
      }
    }
  }

  private void awaitEnd() {
    int seen = -1;
    try {
      while (!watcher.tryAcquire(REAL_PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
        if (seen == trace.size()) {
          throw new AssertionError("somebody is stuck:\n" + trace(20));
        }
        seen = trace.size();
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Whose turn it is; null if there is nothing more to do. */
  private @Nullable Turn next() {
    while (failure == null || over) {
      if (over) {
        turns.removeIf(turn -> !turn.isStarted());
        return turns.isEmpty() ? null : turns.getFirst();
      }
      if (done.getAsBoolean() || now > end) {
        return null;
      }
      if (!events.isEmpty() && events.peek().at <= now) {
        events.poll().effect.run();
        continue;
      }
      ready.clear();
      long soonest = events.isEmpty() ? Long.MAX_VALUE : events.peek().at;
      for (Turn turn : turns) {
        long readyAt = turn.readyAt();
        if (readyAt <= now) {
          ready.add(turn);
        }
        soonest = Math.min(soonest, readyAt);
      }
      if (!ready.isEmpty()) {
        return ready.get(order.nextInt(ready.size()));
      }
      if (soonest == Long.MAX_VALUE) {
        return null;
      }
      now = soonest;
    }
    return null;
  }

  private Turn currentTurn() {
    return Objects.requireNonNull(threads.get(Thread.currentThread()));
  }

  private boolean hasEnded(Thread thread) {
    return !threads.containsKey(thread);
  }

  /** A thread that runs when it is given its turn. */
  private final class Turn {
    private final Replica replica;
    private final Thread thread;
    private final Semaphore mine = new Semaphore(0);
    private @Nullable BooleanSupplier awaited;
    private long wakeAt;
    private boolean ended;
    private boolean interrupted;

    Turn(Replica replica, String name, Runnable task) {
      this.replica = replica;
      this.thread = Thread.ofVirtual().name(name).unstarted(() -> run(task));
      turns.add(this);
      threads.put(thread, this);
    }

    private void run(Runnable task) {
      mine.acquireUninterruptibly();
      try {
        replica.checkAlive();
        task.run();
      } catch (Killed e) {
        // As it should be.
      } catch (RuntimeException | Error e) {
        failure = replica.isKilled() ? failure : e;
      } finally {
        ended = true;
        turns.remove(this);
        threads.remove(thread);
        handOver(this);
      }
    }

    boolean isStarted() {
      return thread.getState() != Thread.State.NEW;
    }

    long readyAt() {
      if (!isStarted()) {
        return Long.MAX_VALUE;
      }
      if (replica.isKilled()) {
        return now;
      }
      boolean comes = wakeAt <= now || interrupted || (awaited != null && awaited.getAsBoolean());
      return Math.max(replica.frozenUntil, comes ? now : wakeAt);
    }

    /** Lets others go on until the time has come, or what is awaited has. */
    void park(long until, @Nullable BooleanSupplier forWhat) {
      wakeAt = until;
      awaited = forWhat;
      handOver(this);
      wakeAt = 0;
      awaited = null;
      replica.checkAlive();
    }
  }

  /** One of several: it may be frozen, and is killed with all its threads. */
  public final class Replica {
    private final String name;
    private long frozenUntil;
    private boolean killed;

    private Replica(String name) {
      this.name = name;
    }

    public String name() {
      return name;
    }

    public boolean isKilled() {
      return killed || over;
    }

    public boolean isFrozen() {
      return frozenUntil > now;
    }

    /** Nothing that its threads do from now on has any effect. */
    public void kill() {
      killed = true;
      note(name, "KILLED");
    }

    public void freeze(Duration time) {
      frozenUntil = now + time.toNanos();
      note(name, "FROZEN for " + time);
    }

    public Clock clock() {
      return new VirtualClock(ZoneOffset.UTC);
    }

    /** Starts a thread. */
    public void start(String thread, Runnable task) {
      machine.thread(name + " " + thread, task).start();
    }

    public void sleep(Duration time) throws InterruptedException {
      machine.sleep(time);
    }

    public Leases leases(ObjectStore seen, Duration lease) {
      return new Leases(seen, lease, machine);
    }

    public Worker worker(
        String service,
        Runs runs,
        Leases leases,
        Settings.Jobs settings,
        int capacity,
        Job.Source source) {
      return new Worker(service, runs, leases, settings, capacity, source, machine);
    }

    /** The store as this replica sees it. */
    public ObjectStore sees(ObjectStore store) {
      return new SeenStore(this, store);
    }

    /** The broker as this replica sees it. */
    public EventPublisher publisher(Consumer<ProducerRecord<String, byte[]>> broker) {
      return TestPublisher.to(record -> {
        try {
          call(
              new Call("publish", record.topic() + " " + record.key(), true),
              () -> {
                broker.accept(record);
                return true;
              });
        } catch (NoAnswer | Refusal e) {
          throw new TimeoutException("the broker does not answer");
        }
      });
    }

    private void checkAlive() {
      if (isKilled()) {
        throw new Killed();
      }
    }

    private <T> T call(Call call, Supplier<T> effect) {
      checkAlive();
      Turn turn = threads.get(Thread.currentThread());
      if (turn == null) {
        // A part is decoded by threads of its own, while the one that has the turn waits for them.
        return effect.get();
      }
      turn.park(0, null);
      now += 1 + (long) (order.nextDouble() * LONGEST_STEP);
      Fault fault = faults.next(this, call);
      trace.add(
          new Step(
              now,
              name,
              turn.thread.getName(),
              call + (fault.kind == Kind.NOTHING ? "" : " " + fault)));
      return switch (fault.kind) {
        case NOTHING -> effect.get();
        case CRASH_BEFORE -> throw killed();
        case CRASH_AFTER -> {
          tried(effect);
          throw killed();
        }
        case FREEZE_BEFORE -> {
          freeze(fault.time);
          turn.park(0, null);
          yield effect.get();
        }
        case FREEZE_AFTER -> {
          T answer = effect.get();
          freeze(fault.time);
          turn.park(0, null);
          yield answer;
        }
        case ANSWER_LOST -> {
          tried(effect);
          throw new NoAnswer();
        }
        case DELAYED -> {
          if (call.changes) {
            after(
                fault.time,
                () -> {
                  note(name, "at last: " + call);
                  tried(effect);
                });
          }
          throw new NoAnswer();
        }
        case UNREACHABLE -> throw new NoAnswer();
        case REFUSED -> throw new Refusal();
      };
    }

    private Killed killed() {
      kill();
      return new Killed();
    }

    private <T> void tried(Supplier<T> effect) {
      try {
        T _ = effect.get();
      } catch (StoreException e) {
        note(name, "nobody hears: " + e.getMessage());
      }
    }

    private final Machine machine =
        new Machine() {
          @Override
          public long nanoTime() {
            return now;
          }

          @Override
          public void sleep(Duration time) throws InterruptedException {
            pause(now + time.toNanos(), null);
          }

          @Override
          public Condition condition(ReentrantLock lock) {
            return new VirtualCondition(lock);
          }

          @Override
          public Thread thread(String threadName, Runnable task) {
            return new Turn(Replica.this, threadName, task).thread;
          }

          @Override
          public void interrupt(Thread thread) {
            Turn turn = threads.get(thread);
            if (turn != null) {
              turn.interrupted = true;
            }
          }

          @Override
          public void join(Thread thread) throws InterruptedException {
            pause(Long.MAX_VALUE, () -> hasEnded(thread));
          }

          @Override
          public boolean join(Thread thread, Duration patience) throws InterruptedException {
            pause(now + patience.toNanos(), () -> hasEnded(thread));
            return hasEnded(thread);
          }
        };

    private void pause(long until, @Nullable BooleanSupplier awaited) throws InterruptedException {
      Turn turn = currentTurn();
      turn.park(until, awaited);
      if (turn.interrupted) {
        turn.interrupted = false;
        throw new InterruptedException();
      }
    }

    private final class VirtualCondition implements Condition {
      private final ReentrantLock lock;
      private long signals;

      VirtualCondition(ReentrantLock lock) {
        this.lock = lock;
      }

      @Override
      public long awaitNanos(long nanos) throws InterruptedException {
        long end = now + nanos;
        long seen = signals;
        lock.unlock();
        try {
          pause(end, () -> signals > seen);
        } finally {
          lock.lock();
        }
        return end - now;
      }

      @Override
      public void signalAll() {
        signals++;
      }

      @Override
      public void signal() {
        signalAll();
      }

      @Override
      public void await() {
        throw new UnsupportedOperationException();
      }

      @Override
      public boolean await(long time, TimeUnit unit) {
        throw new UnsupportedOperationException();
      }

      @Override
      public void awaitUninterruptibly() {
        throw new UnsupportedOperationException();
      }

      @Override
      public boolean awaitUntil(Date deadline) {
        throw new UnsupportedOperationException();
      }
    }
  }

  private final class VirtualClock extends Clock {
    private final ZoneId zone;

    VirtualClock(ZoneId zone) {
      this.zone = zone;
    }

    @Override
    public Instant instant() {
      return Simulation.this.instant();
    }

    @Override
    public ZoneId getZone() {
      return zone;
    }

    @Override
    public Clock withZone(ZoneId other) {
      return new VirtualClock(other);
    }
  }

  private static final class SeenStore implements ObjectStore {
    private final Replica replica;
    private final ObjectStore store;

    SeenStore(Replica replica, ObjectStore store) {
      this.replica = replica;
      this.store = store;
    }

    private <T> T call(String verb, String key, boolean changes, Supplier<T> effect) {
      try {
        return replica.call(new Call(verb, key, changes), effect);
      } catch (NoAnswer e) {
        throw new StoreException.Unavailable("the store does not answer: " + verb + " " + key, e);
      } catch (Refusal e) {
        throw new StoreException.Refused("no room for " + key + "; make some", e);
      }
    }

    private void change(String verb, ObjectKey key, Runnable effect) {
      boolean _ =
          call(
              verb,
              key.value(),
              true,
              () -> {
                effect.run();
                return true;
              });
    }

    @Override
    public Optional<StoredObject> find(ObjectKey key) {
      return call("find", key.value(), false, () -> store.find(key));
    }

    @Override
    public Optional<byte[]> read(ObjectKey key) {
      return call("read", key.value(), false, () -> store.read(key));
    }

    @Override
    public InputStream open(Slice slice) {
      return call("open", slice.object().value(), false, () -> store.open(slice));
    }

    @Override
    public boolean create(ObjectKey key, byte[] content) {
      return call("create", key.value(), true, () -> store.create(key, content));
    }

    @Override
    public void overwrite(ObjectKey key, byte[] content) {
      change("overwrite", key, () -> store.overwrite(key, content));
    }

    @Override
    public Upload upload(ObjectKey key) {
      replica.checkAlive();
      return new SeenUpload(key, store.upload(key));
    }

    @Override
    public StoredObject compose(ObjectKey key, List<Piece> pieces) {
      return call("compose", key.value(), true, () -> store.compose(key, pieces));
    }

    @Override
    public int sharedBlockBytes() {
      return store.sharedBlockBytes();
    }

    @Override
    public Optional<String> checksum(ObjectKey key) {
      return call("checksum", key.value(), false, () -> store.checksum(key));
    }

    @Override
    public void delete(ObjectKey key) {
      change("delete", key, () -> store.delete(key));
    }

    @Override
    public List<StoredObject> list(String folder) {
      return call("list", folder, false, () -> store.list(folder));
    }

    @Override
    public List<String> children(String folder) {
      return call("children", folder, false, () -> store.children(folder));
    }

    @Override
    public int abortUploads(String folder, Duration age) {
      return call("abort", folder, true, () -> store.abortUploads(folder, age));
    }

    @Override
    public StoreCapabilities probe() {
      return store.probe();
    }

    @Override
    public void close() {}

    /** Once its completion has been sent nothing can call it back. */
    private final class SeenUpload extends Upload {
      private final ObjectKey key;
      private final Upload upload;
      private boolean sent;

      SeenUpload(ObjectKey key, Upload upload) {
        this.key = key;
        this.upload = upload;
      }

      @Override
      public void write(int single) throws IOException {
        upload.write(single);
      }

      @Override
      public void write(byte[] bytes, int offset, int length) throws IOException {
        upload.write(bytes, offset, length);
      }

      @Override
      public StoredObject complete() {
        sent = true;
        return call("complete", key.value(), true, upload::complete);
      }

      @Override
      public void close() throws IOException {
        if (!sent && !replica.isKilled()) {
          upload.close();
        }
      }
    }
  }
}
