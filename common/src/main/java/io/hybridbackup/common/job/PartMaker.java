package io.hybridbackup.common.job;

import io.hybridbackup.common.archive.ArchiveCorruptException;
import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.archive.PartReader;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.manifest.KindChanges;
import io.hybridbackup.common.manifest.References;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Makes one component's part of an archive. */
public interface PartMaker {
  /** {@code DATABASE} or {@code MEDIA}. */
  Component component();

  /**
   * Whether the part can be made now: a worker that only waited would take the place of another.
   * Cheap; asked often.
   */
  default boolean isReady(Task task) {
    return true;
  }

  /**
   * Makes the part for an attempt and leaves it in the store, below {@link RunKeys#work}, but for
   * what earlier parts have.
   *
   * @param earlier parts of the same component and source, the best first
   * @throws ArchiveCorruptException if an earlier part is damaged
   * @throws ComponentFailure if it cannot be made; nothing else is thrown on purpose but what
   *     {@link Work} throws
   */
  Made make(Task task, List<PartReader> earlier, Work work)
      throws ComponentFailure, ArchiveCorruptException, StoppedException, InterruptedException;

  /**
   * What is to be made.
   *
   * @param attempt of the run, from 1
   */
  record Task(RunId run, String source, int attempt, AttemptOpened opened) {}

  /**
   * A part that has been made.
   *
   * @param passes how often the files were passed over; 0 for a database
   * @param vanished how many files it holds that were gone at the last pass
   * @param kindChanges null if no path changed its kind between the passes
   * @param references null if nobody has said what rows refer to; so for a database
   * @param fact makes the fact that says so
   */
  record Made(
      PartInventory inventory,
      Map<String, String> tools,
      Map<String, Duration> durations,
      int passes,
      long vanished,
      @Nullable KindChanges kindChanges,
      @Nullable References references,
      Function<Origin, Fact> fact) {}
}
