package io.hybridbackup.restore;

import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.restore.Journal.Begun;
import io.hybridbackup.restore.Journal.Done;
import io.hybridbackup.restore.Journal.Entry;
import io.hybridbackup.restore.Journal.Failed;
import io.hybridbackup.restore.Journal.Overwriting;
import io.hybridbackup.restore.Journal.Torn;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Overwrites a target where it is: first its database, in one transaction, then its files. What
 * fails before the transaction is committed leaves the target what it was. After that there is only
 * forward; a restore that cannot go on there ends as {@link Torn}.
 */
final class Overwrite implements Ending {
  private final int first;
  private final Journal journal;
  private final Work work;
  private final Optional<OverwrittenDatabase> database;
  private final Dump dump;
  private final Optional<Gate> gate;
  private final Consumer<String> steps;

  /** Where this epoch has the dump, verified. */
  interface Dump {
    Path fetch() throws ComponentFailure, IOException, InterruptedException;
  }

  /**
   * @param database there if one is overwritten
   * @param gate there if files are overwritten
   * @param steps is told of each step before it is taken
   */
  Overwrite(
      Begun begun,
      Journal journal,
      Work work,
      Optional<OverwrittenDatabase> database,
      Dump dump,
      Optional<Gate> gate,
      Consumer<String> steps) {
    this.first = begun.epoch();
    this.journal = journal;
    this.work = work;
    this.database = database;
    this.dump = dump;
    this.gate = gate;
    this.steps = steps;
  }

  @Override
  public boolean forward() throws ComponentFailure, IOException, InterruptedException {
    steps.accept("lock");
    try (Gate _ = gate.orElse(null)) {
      boolean committed = claim();
      Optional<Entry> end = journal.end();
      if (end.isPresent()) {
        return end.get() instanceof Done;
      }
      if (database.isPresent() && !committed) {
        steps.accept("fetch the dump");
        Path fetched = dump.fetch();
        steps.accept("overwrite the database");
        database.get().fill(fetched, journal, work);
      }
      if (gate.isPresent() && !gate.get().isOverwritten()) {
        steps.accept("begin with the files");
        boolean _ = journal.append(new Overwriting(work.epoch()));
        steps.accept("overwrite the files");
        gate.get().overwrite();
      }
      steps.accept("done");
      return journal.append(new Done(work.epoch()));
    }
  }

  @Override
  public boolean back(Failed reason) throws ComponentFailure, IOException, InterruptedException {
    steps.accept("lock to go back");
    try (Gate _ = gate.orElse(null)) {
      boolean committed = claim();
      if (journal.end().isEmpty()) {
        boolean touched = committed || journal.overwrites();
        if (touched && (gate.isEmpty() || gate.get().isOverwritten())) {
          return false;
        }
        steps.accept("decide to fail");
        boolean _ = journal.append(touched ? torn(reason, committed) : reason);
      }
      return !(journal.end().orElseThrow() instanceof Done);
    }
  }

  private Torn torn(Failed reason, boolean committed) throws InterruptedException {
    String state =
        (committed ? "the database has what the archive has, and " : "")
            + (journal.overwrites()
                ? "some of the files are what they were and some are the archive's"
                : "the files are still what they were");
    return new Torn(
        work.epoch(),
        reason.code(),
        reason.message() + "; " + state + ": remove the cause and restore in place again");
  }

  /**
   * Makes sure that no earlier epoch changes anything any more.
   *
   * @return whether the database is overwritten
   */
  private boolean claim() throws ComponentFailure, IOException, InterruptedException {
    journal.requireCharge();
    boolean committed = database.isPresent() && database.get().claim(journal, work);
    if (gate.isPresent() && journal.end().isEmpty()) {
      gate.get().claim(first);
      gate.get().awaitOthers();
    }
    journal.requireCharge();
    return committed;
  }
}
