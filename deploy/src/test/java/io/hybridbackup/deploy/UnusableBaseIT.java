package io.hybridbackup.deploy;

import io.hybridbackup.common.settings.Settings;
import java.nio.file.Path;

/** A base in a folder. */
class UnusableBaseIT extends UnusableBaseContract {
  @Override
  Place place(Path folder) {
    Path store = folder.resolve("store");
    return new Place(new Settings.FilesystemStore(store), store, () -> {});
  }

  /** It reads the archive for that. */
  @Override
  boolean tellsChecksums() {
    return true;
  }
}
