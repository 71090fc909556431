package io.hybridbackup.common.job;

import io.hybridbackup.common.archive.ArchiveCorruptException;
import io.hybridbackup.common.archive.ArchiveReader;
import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.archive.PartObjects;
import io.hybridbackup.common.archive.PartReader;
import io.hybridbackup.common.archive.ProgressListener;
import io.hybridbackup.common.archive.UnknownVersionException;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoreException;
import io.hybridbackup.common.store.StoredObject;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What an attempt builds upon: what it and earlier attempts of its run have made of a part, and its
 * base.
 */
final class EarlierParts {
  private final Runs runs;
  private final int scrubPercent;

  /**
   * @param scrubPercent how much of what is taken over from a base is read in one run
   */
  EarlierParts(Runs runs, int scrubPercent) {
    this.runs = runs;
    this.scrubPercent = scrubPercent;
  }

  /**
   * The earlier parts of a component, the best first.
   *
   * @throws ComponentFailure if the base cannot be read
   * @throws StoreException.Missing if the base has gone
   * @throws StoreException.Changed if it is another archive now
   */
  List<PartReader> find(PartMaker.Task task, Component component) throws ComponentFailure {
    List<PartReader> found = new ArrayList<>();
    for (int attempt = task.attempt(); attempt > 0; attempt--) {
      Optional<AttemptOpened> opened = runs.decisions().find(RunKeys.opened(task.run(), attempt));
      Optional<PartOutcome> outcome =
          attempt == task.attempt()
              ? Optional.empty()
              : runs.decisions().find(RunKeys.part(task.run(), attempt, component));
      if (attempt < task.attempt() && runs.isSpoilt(task.run(), attempt, component)) {
        break;
      }
      // An attempt that gave a base up was followed by one that has none.
      if (opened.isPresent()
          && opened.get().base(component).equals(task.opened().base(component))) {
        if (outcome.orElse(null) instanceof PartOutcome.Committed committed) {
          found.add(PartReader.of(runs.store(), committed.inventory()));
        } else {
          PartObjects.lastCheckpoint(runs.store(), RunKeys.work(task.run(), attempt, component))
              .ifPresent(found::add);
        }
      }
    }
    Optional<StoredObject> base = task.opened().base(component);
    if (base.isPresent()) {
      ArchiveReader archive = open(task, base.get());
      if (archive.parts().contains(component)) {
        found.add(archive.part(component));
      }
    }
    return found;
  }

  private ArchiveReader open(PartMaker.Task task, StoredObject base) throws ComponentFailure {
    try {
      return ArchiveReader.open(runs.store(), base);
    } catch (ArchiveCorruptException e) {
      throw damagedBase(task, base, e);
    } catch (UnknownVersionException e) {
      throw tooNew(e);
    } catch (IOException e) {
      throw unreadable(base, e);
    }
  }

  /**
   * Reads a share of what a part has taken over from the base, the next one in each run, so that
   * none is left out however far apart the runs are.
   */
  void scrub(PartReader reader, PartInventory part, PartMaker.Task task, Work work)
      throws ComponentFailure {
    Optional<StoredObject> found = task.opened().base(part.component());
    if (found.isEmpty() || part.reusedBytes() == 0 || scrubPercent == 0) {
      return;
    }
    StoredObject base = found.get();
    ObjectKey scrubs = RunKeys.scrubs(new SourceName(task.source()), part.component());
    int scrubbed = runs.store().children(scrubs.value()).size();
    int shares = Math.ceilDiv(100, scrubPercent);
    ProgressListener progress = (bytes, files) -> work.checkpoint();
    try {
      reader.verify(
          (slice, sha256) ->
              slice.object().equals(base.key()) && share(sha256, shares) == scrubbed % shares,
          progress);
    } catch (ArchiveCorruptException e) {
      throw damaged(task, e);
    } catch (StoreException.Missing | StoreException.Changed e) {
      throw gone(e);
    } catch (IOException e) {
      throw unreadable(base, e);
    }
    String number = String.format(Locale.ROOT, "%06d", scrubbed + 1);
    boolean _ =
        runs.store()
            .create(scrubs.resolve(number), task.run().value().getBytes(StandardCharsets.US_ASCII));
  }

  private static long share(String sha256, int shares) {
    return Long.parseLong(sha256, 0, 15, 16) % shares;
  }

  /**
   * What an object that could not be read is to the attempt. The store may have been away, and is
   * waited for; or it answers, but does not give this object however often it is asked.
   *
   * @return empty if that was the store's failure and not the object's
   */
  Optional<ComponentFailure> unreadable(
      PartMaker.Task task, StoreException.Unavailable failure, Work work)
      throws InterruptedException {
    Optional<Slice> unread = failure.slice();
    if (unread.isEmpty()) {
      return Optional.empty();
    }
    try {
      long _ = new ObjectReader(runs, work).crc64nvme(unread.get());
      return Optional.empty();
    } catch (ObjectReader.UnreadableException | StoreException e) {
      boolean ofBase =
          task.opened().bases().values().stream()
              .anyMatch(base -> base.key().equals(unread.get().object()));
      return Optional.of(
          ofBase
              ? ComponentFailure.passing(
                  FailureCode.BASE_CHANGED, ObjectReader.ofBase(e.getMessage()), e)
              : ComponentFailure.passing(
                  FailureCode.STORE_CORRUPT,
                  "what the run itself has written: " + e.getMessage(),
                  e));
    }
  }

  /** It may be read another time; but a disk that fails will fail the next attempt as well. */
  private static ComponentFailure unreadable(StoredObject base, IOException e) {
    return ComponentFailure.passing(
        FailureCode.BASE_CHANGED, ObjectReader.ofBase(base.key() + ": " + e.getMessage()), e);
  }

  /** A newer release has written it, and it is sound for all that is known here. */
  static ComponentFailure tooNew(UnknownVersionException e) {
    return ComponentFailure.passing(
        FailureCode.BASE_CHANGED,
        "what the backup builds upon cannot be read: " + e.getMessage(),
        e);
  }

  /** What an attempt without a base will not miss. */
  static ComponentFailure gone(StoreException e) {
    return ComponentFailure.passing(
        FailureCode.BASE_CHANGED,
        "what the backup builds upon is not there any more: "
            + e.getMessage()
            + "; find out what has removed or changed it",
        e);
  }

  /**
   * What was to be built upon is not what was written: the base, or what this run itself has left.
   */
  ComponentFailure damaged(PartMaker.Task task, ArchiveCorruptException e) {
    Optional<StoredObject> base =
        task.opened().bases().values().stream()
            .filter(archive -> e.object().equals(Optional.of(archive.key())))
            .findFirst();
    return base.isPresent()
        ? damagedBase(task, base.get(), e)
        : ComponentFailure.passing(
            FailureCode.STORE_CORRUPT,
            "what the run itself has written is damaged: " + e.getMessage(),
            e);
  }

  /** Sees to it that nothing builds upon the base any more, if it is damaged each time. */
  private ComponentFailure damagedBase(
      PartMaker.Task task, StoredObject base, ArchiveCorruptException e) {
    String finding = String.valueOf(e.getMessage());
    try {
      new DamagedArchives(runs.store()).mark(base, e, task.run(), ProgressListener.NONE);
    } catch (IOException again) {
      return unreadable(base, again);
    }
    return ComponentFailure.passing(
        FailureCode.BASE_CHANGED,
        "what the backup builds upon is damaged: " + base.key() + ": " + finding,
        e);
  }
}
