package io.hybridbackup.common.job;

import io.hybridbackup.common.archive.ArchiveCorruptException;
import io.hybridbackup.common.archive.ArchiveReader;
import io.hybridbackup.common.archive.ProgressListener;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.StoredObject;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What was found of archives that are not what they were. Errors are those of the store. */
public final class DamagedArchives {
  private static final Logger LOG = LoggerFactory.getLogger(DamagedArchives.class);

  private final ObjectStore store;

  public DamagedArchives(ObjectStore store) {
    this.store = store;
  }

  /**
   * Sees to it that nothing builds upon the archive any more, and that people know. The first
   * finding stands.
   *
   * @param run that has found it
   */
  public void mark(ObjectKey archive, String finding, RunId run) {
    LOG.atError()
        .addKeyValue("run", run)
        .addKeyValue("archive", archive)
        .addKeyValue("finding", finding)
        .log("the archive is damaged; no backup will build upon it");
    boolean _ = store.create(RunKeys.damaged(archive), finding.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * As {@link #mark(ObjectKey, String, RunId)}, if that is found again when it is read once more.
   *
   * @param progress may end the reading by an exception
   * @return whether it was found again
   * @throws IOException if it could not be read
   */
  public boolean mark(
      StoredObject archive, ArchiveCorruptException finding, RunId run, ProgressListener progress)
      throws IOException {
    if (!ArchiveReader.isFoundAgain(store, archive, finding, progress)) {
      LOG.atError()
          .addKeyValue("run", run)
          .addKeyValue("archive", archive.key())
          .addKeyValue("finding", finding.getMessage())
          .log(
              "the archive was damaged when it was first read, and not when it was read again;"
                  + " check the way to the store, and this machine's memory");
      return false;
    }
    mark(archive.key(), String.valueOf(finding.getMessage()), run);
    return true;
  }
}
