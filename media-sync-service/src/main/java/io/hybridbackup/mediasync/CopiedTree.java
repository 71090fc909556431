package io.hybridbackup.mediasync;

import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.ProgressReporter;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.process.NativeTools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;

/** A copy that is kept, and that each pass brings up to date. */
final class CopiedTree implements StagedTree {
  private final Staging staging;
  private final Rsync rsync;
  private final NativeTools tools;

  CopiedTree(Staging staging, Rsync rsync, NativeTools tools) {
    this.staging = staging;
    this.rsync = rsync;
    this.tools = tools;
  }

  @Override
  public void begin(Work work) throws ComponentFailure, IOException, InterruptedException {
    rsync.awaitOthers(staging, work);
    staging.removePasses();
    staging.removeReplaced();
    // A copy that cannot be finished is not begun.
    if (staging.mayLackRoom(tools)) {
      Path empty = staging.newPass();
      Rsync.Size whole = rsync.sizeOfCopy(empty, work);
      Files.delete(empty);
      staging.requireRoomForCopy(whole, tools);
    }
  }

  @Override
  public void mirror(Work work, ProgressReporter progress)
      throws ComponentFailure, IOException, InterruptedException {
    rsync.run(List.of("--delete", "--delete-excluded"), staging, staging.copy(), work, progress);
    Files.deleteIfExists(staging.filled());
  }

  @Override
  public SortedSet<Path> update(Work work, ProgressReporter progress)
      throws ComponentFailure, IOException, InterruptedException {
    // --force: where a folder has become a file, the newer one wins. What it takes the place of is
    // only renamed, and tells what kind it was; but a folder that is empty is removed.
    OwnFolders.makeEmptyFoldersOf(staging.copy(), staging.replaced());
    rsync.run(
        List.of("--force", "--backup", "--backup-dir=" + staging.replaced()),
        staging,
        staging.copy(),
        work,
        progress);
    return Files.exists(staging.replaced())
        ? OwnFolders.kindChanges(staging.replaced(), staging.copy())
        : new TreeSet<>();
  }

  @Override
  public Path root() {
    return staging.copy();
  }

  @Override
  public void end() throws IOException {
    // The next backup begins with the copy.
    staging.removeReplaced();
  }
}
