package io.hybridbackup.common.job;

import io.hybridbackup.common.event.Fact.BackupStarted;
import java.time.OffsetDateTime;

/**
 * An attempt is open: the services may work on it.
 *
 * @param timestamp the time in the archive's name, with its offset
 */
public record AttemptOpened(Announcement announcement, OffsetDateTime timestamp) {
  public BackupStarted started() {
    return announcement.fact(BackupStarted.class);
  }
}
