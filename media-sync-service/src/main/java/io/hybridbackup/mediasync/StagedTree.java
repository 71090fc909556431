package io.hybridbackup.mediasync;

import io.hybridbackup.common.archive.EntryPath;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.ProgressReporter;
import io.hybridbackup.common.job.Work;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedSet;

/** A source's files as they are staged. For the worker that has the staging folder. */
sealed interface StagedTree permits CopiedTree, LinkedTree {
  /**
   * Removes what is of no use for another backup.
   *
   * @throws ComponentFailure if the source cannot be staged in this way, or there is no room
   */
  void begin(Work work) throws ComponentFailure, IOException, InterruptedException;

  /**
   * A pass before the snapshot: the tree becomes what the source is.
   *
   * @throws ComponentFailure if rsync fails
   */
  void mirror(Work work, ProgressReporter progress)
      throws ComponentFailure, IOException, InterruptedException;

  /**
   * A pass after the snapshot: new and changed files come, and what has gone since the last pass is
   * kept. Of a path that has changed its kind the newer wins.
   *
   * @return those paths, relative to the root
   * @throws ComponentFailure if rsync fails
   */
  SortedSet<Path> update(Work work, ProgressReporter progress)
      throws ComponentFailure, IOException, InterruptedException;

  /**
   * Reads files again that were written to while a pass read them.
   *
   * @throws ComponentFailure if rsync fails
   */
  void settle(Work work, ProgressReporter progress)
      throws ComponentFailure, IOException, InterruptedException;

  /**
   * The files that were written to whenever they were read, so that what is staged may be partly of
   * before and partly of after; relative to the root.
   */
  List<EntryPath> unsettled() throws IOException;

  /** What is to be packed, after at least one pass. */
  Path root() throws IOException;

  /** It has been packed, or never will be: what need not be kept until the next backup goes. */
  void end() throws IOException;
}
