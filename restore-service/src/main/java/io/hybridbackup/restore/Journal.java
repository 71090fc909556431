package io.hybridbackup.restore;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.Decision;
import io.hybridbackup.common.job.Decisions;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.StoppedException;
import io.hybridbackup.common.job.Work;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a restore has decided about its target, in order: numbered write-once records. An entry is
 * written behind the last one that its writer knows, so whoever has been superseded without
 * noticing finds the place taken and stops.
 *
 * <p>An instance belongs to one epoch.
 */
final class Journal {
  private final Decisions decisions;
  private final RunId run;
  private final Work work;

  /** For the epoch of {@code work}, which waits for a store that is away. */
  Journal(Decisions decisions, RunId run, Work work) {
    this.decisions = decisions;
    this.run = run;
    this.work = work;
  }

  /** One record. Its epoch is the one that wrote it. */
  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "entry")
  @JsonSubTypes({
    @JsonSubTypes.Type(value = Taken.class, name = "taken"),
    @JsonSubTypes.Type(value = Preparing.class, name = "preparing"),
    @JsonSubTypes.Type(value = Begun.class, name = "begun"),
    @JsonSubTypes.Type(value = Overwriting.class, name = "overwriting"),
    @JsonSubTypes.Type(value = Back.class, name = "back"),
    @JsonSubTypes.Type(value = Torn.class, name = "torn"),
    @JsonSubTypes.Type(value = Done.class, name = "done")
  })
  sealed interface Entry {
    int epoch();
  }

  /** From here on, only this epoch or a higher one writes. */
  record Taken(int epoch) implements Entry {}

  /**
   * The target was looked at, and from here on there may be something beside it.
   *
   * @param folders null if no files are restored
   */
  record Preparing(int epoch, Exchange.@Nullable Folders folders) implements Entry {}

  /**
   * Everything that is to come in is whole, and from here on the target may be changed.
   *
   * @param databaseBytes size of the dump; null if none was restored
   * @param storageBytes size of all files; null if none were restored
   * @param durations by phase, up to there
   * @param warnings up to there
   * @param overwritten the name of the database that is overwritten in place; null if none is, and
   *     in entries from before it was written down
   */
  record Begun(
      int epoch,
      Exchange exchange,
      @Nullable Long databaseBytes,
      @Nullable Long storageBytes,
      @Nullable Long files,
      Map<String, Duration> durations,
      List<String> warnings,
      @Nullable String overwritten)
      implements Entry {
    /** Nothing is overwritten. */
    Begun(
        int epoch,
        Exchange exchange,
        @Nullable Long databaseBytes,
        @Nullable Long storageBytes,
        @Nullable Long files,
        Map<String, Duration> durations,
        List<String> warnings) {
      this(epoch, exchange, databaseBytes, storageBytes, files, durations, warnings, null);
    }
  }

  /** From here on the target's files are overwritten in place. */
  record Overwriting(int epoch) implements Entry {}

  /** The restore has failed. Nothing follows. */
  sealed interface Failed extends Entry {
    FailureCode code();

    String message();
  }

  /** The target is, or is made again, what it was. */
  record Back(int epoch, FailureCode code, String message) implements Failed {}

  /** What was overwritten in place stays so, and the rest is missing. */
  record Torn(int epoch, FailureCode code, String message) implements Failed {}

  /** All is in place. Nothing follows. */
  record Done(int epoch) implements Entry {}

  /** All entries, oldest first. */
  List<Entry> entries() throws InterruptedException {
    return work.insist(() -> {
      List<Entry> entries = new ArrayList<>();
      for (Optional<Entry> next = decisions.find(entry(1));
          next.isPresent();
          next = decisions.find(entry(entries.size() + 1))) {
        entries.add(next.get());
      }
      return entries;
    });
  }

  /** The entry that says what is exchanged, once there is one. */
  Optional<Begun> begun() throws InterruptedException {
    return entries().stream().filter(Begun.class::isInstance).map(Begun.class::cast).findFirst();
  }

  /** Where the gates of this restore may be, and where it has taken files from. */
  List<Exchange.Folders> folders() throws InterruptedException {
    return entries().stream()
        .filter(Preparing.class::isInstance)
        .map(entry -> ((Preparing) entry).folders())
        .filter(Objects::nonNull)
        .distinct()
        .toList();
  }

  /** Whether there may be something beside the target. */
  boolean prepares() throws InterruptedException {
    return entries().stream().anyMatch(Preparing.class::isInstance);
  }

  /** {@link Failed} or {@link Done}, once it is decided. */
  Optional<Entry> end() throws InterruptedException {
    return entries().stream()
        .filter(entry -> entry instanceof Failed || entry instanceof Done)
        .findFirst();
  }

  /** Whether the target's files may not be what they were. */
  boolean overwrites() throws InterruptedException {
    return entries().stream().anyMatch(Overwriting.class::isInstance);
  }

  /** Makes this epoch the one that writes. */
  void take() throws InterruptedException {
    append(new Taken(work.epoch()));
  }

  /**
   * Makes sure that no higher epoch has taken over. Nobody can have done so unnoticed who needs a
   * lock for what comes next that the caller has held since before.
   */
  void requireCharge() throws StoppedException, InterruptedException {
    if (entries().stream().anyMatch(entry -> entry.epoch() > work.epoch())) {
      throw new StoppedException("another worker has taken over");
    }
  }

  /**
   * Writes an entry, unless it is there or an end has been decided.
   *
   * @return whether the entry stands
   */
  boolean append(Entry entry) throws StoppedException, InterruptedException {
    while (true) {
      List<Entry> known = entries();
      if (known.stream().anyMatch(one -> one.epoch() > work.epoch())) {
        throw new StoppedException("another worker has taken over");
      }
      if (known.contains(entry)) {
        return true;
      }
      boolean taking = entry instanceof Taken;
      if (!taking && known.stream().anyMatch(one -> one instanceof Failed || one instanceof Done)) {
        return false;
      }
      Entry standing = work.insist(() -> decisions.decide(entry(known.size() + 1), entry));
      if (standing.equals(entry)) {
        return true;
      }
    }
  }

  private Decision<Entry> entry(int number) {
    return new Decision<>(
        RunKeys.epochs(run, Component.RESTORE)
            .resolve(String.format(Locale.ROOT, "journal-%05d", number)),
        Entry.class);
  }
}
