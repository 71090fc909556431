package io.hybridbackup.common.manifest;

import java.time.Instant;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import tools.jackson.databind.annotation.JsonNaming;

/**
 * How the files relate to the database's snapshot.
 *
 * @param fenced whether the files had been staged before the snapshot and were passed over again
 *     after it; then every path that was there from the last pass before the snapshot until the
 *     snapshot is in the archive
 * @param preparedAt when the last pass before the snapshot had ended
 * @param snapshotAt T: the database is shown as it was then
 * @param passes how often the files were passed over
 * @param vanished how many files are kept that were gone at the last pass
 * @param kindChanges absent if no path changed its kind between the passes
 * @param references absent if the source does not say what its rows refer to
 */
@JsonNaming(SnakeCaseStrategy.class)
public record Consistency(
    boolean fenced,
    @Nullable Instant preparedAt,
    @Nullable Instant snapshotAt,
    int passes,
    long vanished,
    @Nullable KindChanges kindChanges,
    @Nullable References references) {
  public Consistency {
    if (fenced && (preparedAt == null || snapshotAt == null)) {
      throw new IllegalArgumentException(
          "a fenced backup knows when its files were prepared and its snapshot was taken");
    }
  }
}
