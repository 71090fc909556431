package io.hybridbackup.restore;

import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.restore.Journal.Begun;
import io.hybridbackup.restore.Journal.Done;
import io.hybridbackup.restore.Journal.Entry;
import io.hybridbackup.restore.Journal.Failed;
import java.io.IOException;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Exchanges a target's database and files for those that have been made whole beside them: both or
 * neither, whoever is killed or frozen when.
 *
 * <p>Every step can be taken again, and by another epoch. Those in the database are taken under a
 * {@link DatabaseLock}, those in the file system go through a {@link Gate}; both make sure that an
 * epoch that was frozen changes nothing once a later one has begun. What is to become of the target
 * is decided in the {@link Journal} alone: forward until {@link Journal.Back} is there, and that
 * can only be decided while the database still has its old name.
 */
final class Swap implements Ending {
  private final Exchange exchange;
  private final Journal journal;
  private final Work work;
  private final Optional<DatabaseTarget> database;
  private final Optional<Gate> gate;
  private final boolean endingSessions;
  private final boolean rollingBack;
  private final int first;
  private final Consumer<String> steps;

  /**
   * @param begun what is exchanged
   * @param database there if one is exchanged
   * @param gate there if files are exchanged
   * @param endingSessions whether those who are connected to the database are disconnected
   * @param rollingBack whether prepared transactions in it are rolled back
   * @param steps is told of each step before it is taken
   */
  Swap(
      Begun begun,
      Journal journal,
      Work work,
      Optional<DatabaseTarget> database,
      Optional<Gate> gate,
      boolean endingSessions,
      boolean rollingBack,
      Consumer<String> steps) {
    this.exchange = begun.exchange();
    this.first = begun.epoch();
    this.journal = journal;
    this.work = work;
    this.database = database;
    this.gate = gate;
    this.endingSessions = endingSessions;
    this.rollingBack = rollingBack;
    this.steps = steps;
  }

  @Override
  public boolean forward() throws ComponentFailure, IOException, InterruptedException {
    steps.accept("lock");
    try (Gate _ = gate.orElse(null);
        Held held = hold()) {
      Optional<Entry> end = journal.end();
      if (end.isPresent()) {
        return end.get() instanceof Done;
      }
      held.claim();
      DatabaseLock lock = held.isExchanged() ? null : held.lock;
      if (lock != null) {
        steps.accept("block connections");
        lock.block(databases(), endingSessions, rollingBack);
      }
      if (gate.isPresent()) {
        gate.get().exchange();
      }
      if (lock != null) {
        steps.accept("rename the databases");
        lock.exchange(databases());
      }
      if (gate.isPresent()) {
        gate.get().keep();
      }
      steps.accept("done");
      return journal.append(new Done(work.epoch()));
    }
  }

  @Override
  public boolean back(Failed reason) throws ComponentFailure, IOException, InterruptedException {
    steps.accept("lock to go back");
    try (Gate _ = gate.orElse(null);
        Held held = hold()) {
      Optional<Entry> end = journal.end();
      if (end.isPresent() && end.get() instanceof Done) {
        return false;
      }
      held.claim();
      if (end.isEmpty()) {
        if (held.isExchanged()) {
          return false;
        }
        steps.accept("decide to go back");
        boolean _ = journal.append(reason);
      }
      if (gate.isPresent()) {
        gate.get().revert();
      }
      if (held.lock != null) {
        steps.accept("unblock connections");
        held.lock.unblock(databases());
      }
      return true;
    }
  }

  private Exchange.Databases databases() {
    return Objects.requireNonNull(exchange.database());
  }

  private Held hold() throws ComponentFailure, InterruptedException {
    journal.requireCharge();
    return new Held(database.isPresent() ? database.get().lock(journal) : null);
  }

  /** The right to change the target, and what is known of it then. */
  private final class Held implements AutoCloseable {
    private final @Nullable DatabaseLock lock;

    Held(@Nullable DatabaseLock lock) {
      this.lock = lock;
    }

    /** Makes sure that the files are at hand, and that no earlier epoch moves them any more. */
    void claim() throws ComponentFailure, IOException {
      if (gate.isPresent()) {
        gate.get().claim(first);
      }
    }

    /** Whether only what is harmless is left to do. Database names change last. */
    boolean isExchanged() throws ComponentFailure, IOException {
      return lock != null
          ? lock.isExchanged(databases())
          : gate.isPresent() && gate.get().isExchanged();
    }

    @Override
    public void close() {
      if (lock != null) {
        lock.close();
      }
    }
  }
}
