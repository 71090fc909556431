package io.hybridbackup.common.job;

import io.hybridbackup.common.identity.RunId;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * One run of a source (or target) at a time. The newest of the owner's slots names the run whose
 * turn it is; the next slot is created only once that run has ended. Slots are write-once and are
 * kept as long as the runs, so that a slow creator never fills a gap.
 */
public final class Slots {
  private final Runs runs;

  public Slots(Runs runs) {
    this.runs = runs;
  }

  /** The run that holds the newest slot. */
  public Optional<RunId> holder(String owner) {
    int newest = newest(owner);
    return newest == 0
        ? Optional.empty()
        : runs.decisions().find(slot(owner, newest)).map(Slot::run);
  }

  /**
   * Takes the next slot for a run, unless it has the newest one.
   *
   * @param ended tells whether a run has ended
   * @return whether it is this run's turn
   */
  public boolean take(String owner, RunId run, Predicate<RunId> ended) {
    int newest = newest(owner);
    if (newest > 0) {
      RunId holder = runs.decisions().find(slot(owner, newest)).orElseThrow().run();
      if (holder.equals(run)) {
        return true;
      }
      if (!ended.test(holder)) {
        return false;
      }
    }
    Slot standing = runs.decisions().decide(slot(owner, newest + 1), new Slot(run));
    return standing.run().equals(run) && newest(owner) == newest + 1;
  }

  private int newest(String owner) {
    List<String> names = runs.store().children(RunKeys.slots(owner).value());
    return names.isEmpty() ? 0 : Integer.parseInt(names.getLast());
  }

  private static Decision<Slot> slot(String owner, int number) {
    return new Decision<>(
        RunKeys.slots(owner).resolve(String.format(Locale.ROOT, "%06d", number)), Slot.class);
  }

  record Slot(RunId run) {}
}
