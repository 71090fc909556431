package io.hybridbackup.common.job;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.store.ObjectKey;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/** Something to do for a run that only one worker may do at a time. */
public interface Job {
  RunId run();

  Component component();

  /** The folder of its lease. */
  ObjectKey epochs();

  /** Whether it need not be done any more: done, or not wanted. Cheap; asked often. */
  boolean isOver();

  /**
   * Whether it reports its progress while it does what it is there for, so that none means that it
   * hangs, or waits for somebody else.
   */
  default boolean reportsProgress() {
    return false;
  }

  /**
   * Does it, from wherever an earlier epoch left off. Reports its own failures; what it throws
   * besides {@link StoppedException} is logged, and the job is tried again after a while.
   */
  void perform(Work work) throws StoppedException, InterruptedException;

  /** Finds the work of one service. */
  interface Source {
    /**
     * Those of the open runs that are worth a look: the others need one only when something happens
     * to them. Cheap however many there are; asked in every sweep.
     */
    default Collection<RunId> promising(List<RunId> open) {
      return open;
    }

    /** What this service has to do for a run now, if anything. Cheap; asked often. */
    Optional<Job> find(RunId run);
  }
}
