package io.hybridbackup.packager;

import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.AttemptOpened;
import io.hybridbackup.common.job.DamagedArchives;
import io.hybridbackup.common.job.ObjectReader;
import io.hybridbackup.common.job.PartOutcome;
import io.hybridbackup.common.job.PartOutcome.Committed;
import io.hybridbackup.common.job.Plan;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Verdict;
import io.hybridbackup.common.job.Verdict.Composed;
import io.hybridbackup.common.job.Verdict.Voided;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.store.Crc64Nvme;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoreException;
import io.hybridbackup.common.store.StoredObject;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Has an attempt's archive composed, and finds out whether it is what was planned. */
final class Composition {
  private final Runs runs;
  private final RunId run;
  private final Set<ObjectKey> bases;
  private final Collection<PartOutcome> parts;
  private final Work work;
  private final ObjectReader reader;

  /**
   * @param parts that the attempt's plan is made of, all of them committed
   */
  Composition(
      Runs runs, RunId run, AttemptOpened opened, Collection<PartOutcome> parts, Work work) {
    this.runs = runs;
    this.run = run;
    this.bases =
        opened.bases().values().stream().map(StoredObject::key).collect(Collectors.toSet());
    this.parts = parts;
    this.work = work;
    this.reader = new ObjectReader(runs, work);
  }

  /** What is to be decided of the attempt. */
  Verdict carryOut(Plan plan) throws InterruptedException {
    try {
      return compose(plan);
    } catch (StoreException.Missing | StoreException.Changed e) {
      return new Voided(
          bases.isEmpty() ? FailureCode.INTERRUPTED : FailureCode.BASE_CHANGED,
          "what the archive is made of was changed: " + e.getMessage(),
          true);
    } catch (ObjectReader.UnreadableException e) {
      return new Voided(
          bases.contains(e.object()) ? FailureCode.BASE_CHANGED : FailureCode.STORE_CORRUPT,
          "the archive could not be composed: " + e.getMessage(),
          true);
    } catch (StoreException.Corrupt e) {
      return new Voided(FailureCode.STORE_CORRUPT, String.valueOf(e.getMessage()), true);
    } catch (StoreException.Refused e) {
      return new Voided(FailureCode.STORE_REFUSED, "the archive: " + e.getMessage(), false);
    }
  }

  private Verdict compose(Plan plan) throws InterruptedException {
    ObjectKey key = RunKeys.archive(plan.manifest().source(), plan.manifest().archiveName());
    StoredObject archive;
    try {
      archive = reader.insist(() -> compose(key, plan));
    } catch (StoreException.Corrupt e) {
      Set<String> damaged = new TreeSet<>();
      Slice slice = e.slice().orElse(null);
      if (slice != null && slice.crc64nvme() != null) {
        examine(List.of(slice), List.of(slice.crc64nvme()), damaged);
      }
      return voided(damaged, String.valueOf(e.getMessage()));
    }
    Optional<String> checksum = reader.insist(() -> runs.store().checksum(key));
    if (archive.bytes() != plan.bytes()
        || !checksum.orElse(plan.crc64nvme()).equals(plan.crc64nvme())) {
      return damaged(
          "the archive %s has %d bytes (%s) instead of %d (%s)"
              .formatted(
                  key,
                  archive.bytes(),
                  checksum.orElse("no checksum"),
                  plan.bytes(),
                  plan.crc64nvme()));
    }
    if (checksum.isEmpty()) {
      work.insist(() -> ComposedArchive.requireReadable(runs.store(), archive, plan));
    }
    return new Composed(archive.etag());
  }

  /** Whoever was first at this key followed the same plan: the name belongs to this attempt. */
  private StoredObject compose(ObjectKey key, Plan plan) {
    try {
      return runs.store().compose(key, plan.pieces());
    } catch (StoreException.Exists e) {
      return runs.store().find(key).orElseThrow(() -> e);
    }
  }

  /** Finds out whether a base is to blame for it. */
  private Voided damaged(String finding) throws InterruptedException {
    Set<String> damaged = new TreeSet<>();
    for (PartOutcome part : parts) {
      PartInventory inventory = ((Committed) part).inventory();
      examine(inventory.content(), inventory.contentCrc(), damaged);
      examine(inventory.index(), inventory.indexCrc(), damaged);
    }
    return voided(damaged, finding);
  }

  private static Voided voided(Set<String> damaged, String finding) {
    return damaged.isEmpty()
        ? new Voided(FailureCode.STORE_CORRUPT, finding, true)
        : new Voided(
            FailureCode.BASE_CHANGED,
            "what the backup builds upon is damaged: " + String.join(", ", damaged),
            true);
  }

  private void examine(List<Slice> slices, List<String> checksums, Set<String> damaged)
      throws InterruptedException {
    for (int i = 0; i < slices.size(); i++) {
      Slice slice = slices.get(i);
      ObjectKey base = slice.object();
      if (bases.contains(base)
          && !damaged.contains(base.value())
          && reader.crc64nvme(slice) != Crc64Nvme.parse(checksums.get(i))) {
        String finding =
            "the archive is damaged between the bytes %d and %d: they do not have the CRC64NVME with which they were written. Use another archive, and check the store that holds this one"
                .formatted(slice.offset(), slice.offset() + slice.bytes());
        work.insist(() -> new DamagedArchives(runs.store()).mark(base, finding, run));
        damaged.add(base.value());
      }
    }
  }
}
