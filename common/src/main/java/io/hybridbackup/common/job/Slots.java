package io.hybridbackup.common.job;

import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoreException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;

/**
 * One run of a source (or target) at a time. The newest of the slots in a folder names the run
 * whose turn it is; the next slot is created only once that run has ended. Slots are write-once and
 * are kept as long as the runs, so that a slow creator never fills a gap.
 */
public final class Slots {
  private static final Logger LOG = LoggerFactory.getLogger(Slots.class);

  private final Runs runs;

  public Slots(Runs runs) {
    this.runs = runs;
  }

  /** The run that holds the newest slot. */
  public Optional<RunId> holder(ObjectKey folder) {
    int newest = newest(folder);
    return newest == 0
        ? Optional.empty()
        : runs.decisions().find(slot(folder, newest)).map(Slot::run);
  }

  /** As {@link #holder}, for a sweep; empty if it cannot be read, which keeps no other waiting. */
  public Optional<RunId> holderInSweep(ObjectKey folder) {
    try {
      return holder(folder);
    } catch (StoreException.Unavailable | JacksonException e) {
      LOG.atWarn()
          .addKeyValue("slots", folder)
          .addKeyValue("reason", e.getMessage())
          .log("cannot read who has the slot; trying again");
      return Optional.empty();
    }
  }

  /**
   * Takes the next slot for a run, unless it has the newest one.
   *
   * @param ended tells whether a run has ended
   * @return whether it is this run's turn
   */
  public boolean take(ObjectKey folder, RunId run, Predicate<RunId> ended) {
    int newest = newest(folder);
    if (newest > 0) {
      RunId holder = runs.decisions().find(slot(folder, newest)).orElseThrow().run();
      if (holder.equals(run)) {
        return true;
      }
      if (!ended.test(holder)) {
        return false;
      }
    }
    Slot standing = runs.decisions().decide(slot(folder, newest + 1), new Slot(run));
    return standing.run().equals(run) && newest(folder) == newest + 1;
  }

  private int newest(ObjectKey folder) {
    List<String> names = runs.store().children(folder.value());
    return names.isEmpty() ? 0 : Integer.parseInt(names.getLast());
  }

  private static Decision<Slot> slot(ObjectKey folder, int number) {
    return new Decision<>(folder.resolve(String.format(Locale.ROOT, "%06d", number)), Slot.class);
  }

  record Slot(RunId run) {}
}
