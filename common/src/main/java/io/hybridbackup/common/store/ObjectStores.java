package io.hybridbackup.common.store;

import io.hybridbackup.common.settings.Settings;

/** Opens the object store that the settings name. */
public final class ObjectStores {
  private ObjectStores() {}

  /** The caller closes it. */
  public static ObjectStore open(Settings.Store settings) {
    return switch (settings) {
      case Settings.FilesystemStore filesystem -> new FilesystemObjectStore(filesystem.directory());
      case Settings.S3Store s3 -> throw new UnsupportedOperationException("S3 is not there yet");
    };
  }
}
