package io.hybridbackup.common.job;

import io.hybridbackup.common.event.Fact.BackupStarted;
import io.hybridbackup.common.store.StoredObject;
import java.time.OffsetDateTime;
import org.jspecify.annotations.Nullable;

/**
 * An attempt is open: the services may work on it.
 *
 * @param timestamp the time in the archive's name, with its offset
 * @param base the archive that the attempt builds upon; null if it makes everything anew
 */
public record AttemptOpened(
    Announcement announcement, OffsetDateTime timestamp, @Nullable StoredObject base) {
  public BackupStarted started() {
    return announcement.fact(BackupStarted.class);
  }
}
