package io.hybridbackup.restore;

import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.restore.Journal.Failed;
import java.io.IOException;

/**
 * How what a restore has verified gets into its target. Both ways can be taken by any epoch, from
 * wherever an earlier one left off; one that has been superseded gets a {@link
 * io.hybridbackup.common.job.StoppedException} and changes nothing more.
 */
sealed interface Ending permits Swap, Overwrite {
  /**
   * Puts everything in place.
   *
   * @return false if it has been decided that the restore fails
   */
  boolean forward() throws ComponentFailure, IOException, InterruptedException;

  /**
   * Decides that the restore fails, unless that or the opposite has been decided, and undoes what
   * can be undone.
   *
   * @param reason what is decided if the target can be what it was
   * @return false if everything is in place: only forward is left
   */
  boolean back(Failed reason) throws ComponentFailure, IOException, InterruptedException;
}
