package io.hybridbackup.common.job;

import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
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
}
