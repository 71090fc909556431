package io.hybridbackup.packager;

import io.hybridbackup.common.archive.ArchiveReader;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.job.Plan;
import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.manifest.UnreadableManifestException;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.StoreException;
import io.hybridbackup.common.store.StoredObject;
import java.io.IOException;

/**
 * Looks at an archive of which the store keeps no checksum, at least where all else is found by:
 * the footer, the root index, the manifest and the indexes. The content has been read back by those
 * who made it, or is looked at share by share.
 */
final class ComposedArchive {
  private ComposedArchive() {}

  /**
   * Reads all that but the content.
   *
   * @throws StoreException.Corrupt if it is not what was planned
   */
  static void requireReadable(ObjectStore store, StoredObject archive, Plan plan) {
    try {
      ArchiveReader reader = ArchiveReader.open(store, archive);
      if (!Manifest.parse(reader.manifest()).equals(plan.manifest())) {
        throw corrupt(archive, "its manifest is not the one of the plan");
      }
      for (Component part : reader.parts()) {
        reader.entries(part, entry -> {});
      }
    } catch (IOException | UnreadableManifestException e) {
      throw corrupt(archive, String.valueOf(e.getMessage()));
    }
  }

  private static StoreException corrupt(StoredObject archive, String finding) {
    return new StoreException.Corrupt(
        "the archive " + archive.key() + " is not what was put together: " + finding);
  }
}
