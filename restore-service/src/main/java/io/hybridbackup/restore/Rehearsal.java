package io.hybridbackup.restore;

import io.hybridbackup.common.manifest.DatabasePart;
import io.hybridbackup.common.manifest.StoragePart;
import io.hybridbackup.common.settings.Settings;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a restore would do, for people. */
final class Rehearsal {
  /**
   * Plain bytes a second, as seen on two cores of a machine of 2026 with local disks: from the dump
   * to the end of pg_restore, and from the archive to the files. Nobody knows those of the target.
   */
  private static final long DATABASE_SPEED = 40_000_000;

  private static final long MEDIA_SPEED = 100_000_000;

  private Rehearsal() {}

  /**
   * The steps in their order, and a rough estimate of the time.
   *
   * @param exchange with no next database yet
   */
  static List<String> of(
      Exchange exchange,
      @Nullable DatabasePart databasePart,
      @Nullable StoragePart storagePart,
      Settings settings) {
    List<String> plan = new ArrayList<>();
    long seconds = 0;
    Exchange.@Nullable Databases databases = exchange.database();
    if (databases != null && databasePart != null) {
      seconds = databasePart.bytes() / DATABASE_SPEED;
      plan.add(
          "fetch the dump, %,d bytes, to %s"
              .formatted(databasePart.bytes(), settings.dataDirectory()));
      plan.add("restore it into a new database beside %s".formatted(databases.name()));
    }
    Exchange.@Nullable Folders folders = exchange.media();
    if (folders != null && storagePart != null) {
      seconds = Math.max(seconds, storagePart.bytes() / MEDIA_SPEED);
      plan.add(
          "fetch %,d files, %,d bytes, %s %s"
              .formatted(
                  storagePart.files(),
                  storagePart.bytes(),
                  folders.within() ? "into a hidden folder in" : "beside",
                  folders.folder()));
    }
    if (databases != null && databases.previous() != null) {
      plan.add(
          "end all sessions at database %s, and let nobody connect".formatted(databases.name()));
    }
    if (folders != null) {
      plan.add(
          folders.existed()
              ? "rename %s to %s and the new files to %s"
                  .formatted(folders.folder(), folders.keptAs(), folders.folder())
              : "name the new files %s".formatted(folders.folder()));
    }
    if (databases != null) {
      plan.add(
          databases.previous() == null
              ? "name the new database %s".formatted(databases.name())
              : "rename database %s to %s and the new one to %s"
                  .formatted(databases.name(), databases.keptAs(), databases.name()));
    }
    if (exchange.replaces()) {
      plan.add("remove what was kept after %s".formatted(settings.restore().keepPrevious()));
    }
    plan.add("this takes about %,d seconds on a machine of two cores".formatted(1 + seconds));
    return plan;
  }
}
