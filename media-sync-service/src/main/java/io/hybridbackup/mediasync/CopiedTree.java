package io.hybridbackup.mediasync;

import io.hybridbackup.common.archive.EntryPath;
import io.hybridbackup.common.archive.FileStatus;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.ProgressReporter;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.process.NativeTools;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;

/** A copy that is kept, and that each pass brings up to date. */
final class CopiedTree implements StagedTree {
  /** A file that changes each time that it is read is read so often once more. */
  private static final int MORE_READS = 2;

  private final Staging staging;
  private final Rsync rsync;
  private final NativeTools tools;
  private final CopyReview review;

  /**
   * @param source what is copied
   */
  CopiedTree(Staging staging, Rsync rsync, NativeTools tools, Path source) {
    this.staging = staging;
    this.rsync = rsync;
    this.tools = tools;
    this.review = new CopyReview(source.toAbsolutePath(), staging.copy());
  }

  @Override
  public void begin(Work work) throws ComponentFailure, IOException, InterruptedException {
    rsync.awaitOthers(staging, work);
    staging.removePasses();
    staging.removeReplaced();
    staging.removeTemporary();
    staging.keepDoubts(List.of());
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
    pass(List.of("--delete", "--delete-excluded"), work, progress);
    Files.deleteIfExists(staging.filled());
  }

  @Override
  public SortedSet<Path> update(Work work, ProgressReporter progress)
      throws ComponentFailure, IOException, InterruptedException {
    // --force: where a folder has become a file, the newer one wins. What it takes the place of is
    // only renamed, and tells what kind it was; but a folder that is empty is removed.
    OwnFolders.makeEmptyFoldersOf(staging.copy(), staging.replaced());
    pass(List.of("--force", "--backup", "--backup-dir=" + staging.replaced()), work, progress);
    return Files.exists(staging.replaced())
        ? OwnFolders.kindChanges(staging.replaced(), staging.copy())
        : new TreeSet<>();
  }

  /** Brings the copy up to date, and finds out what that has left in doubt. */
  private void pass(List<String> options, Work work, ProgressReporter progress)
      throws ComponentFailure, IOException, InterruptedException {
    Instant begun = newTemporary(work);
    long clock = System.nanoTime();
    List<String> all = new ArrayList<>(options);
    all.add(temporary());
    rsync.run(all, staging, staging.copy(), work, progress);
    // Where the clock has been set back meanwhile, what was copied has times from before the pass.
    Instant latest = newTemporary(work).minusNanos(System.nanoTime() - clock);
    staging.keepDoubts(review.doubtful(latest.isBefore(begun) ? latest : begun, staging.doubts()));
  }

  @Override
  public void settle(Work work, ProgressReporter progress)
      throws ComponentFailure, IOException, InterruptedException {
    List<EntryPath> unsettled = staging.doubts();
    for (int read = 0; read < MORE_READS && !unsettled.isEmpty(); read++) {
      Map<EntryPath, FileStatus> before = review.sources(unsettled);
      if (before.isEmpty()) {
        break;
      }
      try (OutputStream list = new BufferedOutputStream(Files.newOutputStream(staging.list()))) {
        for (EntryPath path : before.keySet()) {
          list.write(EntryPath.of(".").resolve(path).bytes());
          list.write(0);
        }
      }
      Instant _ = newTemporary(work);
      rsync.copyAnew(List.of(temporary()), staging.list(), staging, staging.copy(), work, progress);
      unsettled = review.doubtful(unsettled, before);
      staging.keepDoubts(unsettled);
    }
    Files.deleteIfExists(staging.list());
  }

  private Instant newTemporary(Work work)
      throws ComponentFailure, IOException, InterruptedException {
    rsync.awaitOthers(staging, work);
    return staging.newTemporary();
  }

  /** What rsync leaves behind where it is killed must never be in the copy. */
  private String temporary() {
    return "--temp-dir=" + staging.temporary();
  }

  @Override
  public List<EntryPath> unsettled() throws IOException {
    return staging.doubts();
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
