package io.hybridbackup.deploy.doctor;

import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.ObjectStores;
import io.hybridbackup.common.store.StoreException;
import java.nio.file.Files;
import java.util.regex.Matcher;

/** Tells what restores need from what they have left behind. */
final class RestoreRemains {
  private final Settings.Store settings;

  RestoreRemains(Settings.Store settings) {
    this.settings = settings;
  }

  /**
   * Reports what has a restore's run in its name, unless that is still open.
   *
   * @param name its first group is the run
   * @param cure how to remove it
   */
  void report(Matcher name, String area, String what, String cure, Findings findings) {
    if (name.matches() && !isOpen(new RunId(name.group(1)))) {
      findings.warning(area, what + " was left by a restore that has ended", cure);
    }
  }

  private boolean isOpen(RunId run) {
    if (settings instanceof Settings.FilesystemStore filesystem
        && !Files.isDirectory(filesystem.directory())) {
      return true;
    }
    try (ObjectStore store = ObjectStores.open(settings)) {
      return new Runs(store).isOpen(run);
    } catch (StoreException e) {
      // Whether it is still needed cannot be known; that the store is away is reported elsewhere.
      return true;
    }
  }
}
