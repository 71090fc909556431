package io.hybridbackup.common.job;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.event.Fact.ComponentFailed;
import io.hybridbackup.common.manifest.KindChanges;
import io.hybridbackup.common.manifest.References;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** How a component's work on an attempt ended. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "part")
@JsonSubTypes({
  @JsonSubTypes.Type(value = PartOutcome.Committed.class, name = "committed"),
  @JsonSubTypes.Type(value = PartOutcome.Failed.class, name = "failed")
})
public sealed interface PartOutcome {
  Announcement announcement();

  /**
   * The part lies in the store.
   *
   * @param epoch of the worker that made it
   * @param tools name and version of each program that took part, such as {@code pg_dump} and the
   *     server
   * @param durations by phase
   * @param passes how often the files were passed over; 0 for a database
   * @param vanished how many files the part holds though their source has gone since
   * @param kindChanges null if no path changed its kind between the passes
   * @param references null if nobody has said what rows refer to; so for a database
   */
  record Committed(
      Announcement announcement,
      int epoch,
      PartInventory inventory,
      Map<String, String> tools,
      Map<String, Duration> durations,
      int passes,
      long vanished,
      @Nullable KindChanges kindChanges,
      @Nullable References references)
      implements PartOutcome {}

  record Failed(Announcement announcement) implements PartOutcome {
    public ComponentFailed failure() {
      return announcement.fact(ComponentFailed.class);
    }
  }
}
