package io.hybridbackup.packager;

import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.Component;
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
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Has an attempt's archive composed, and finds out whether it is what was planned. */
final class Composition {
  private final Runs runs;
  private final RunId run;
  private final Set<ObjectKey> bases;
  private final List<PartInventory> parts;
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
    this.parts = parts.stream().map(part -> ((Committed) part).inventory()).toList();
    this.work = work;
    this.reader = new ObjectReader(runs, work);
  }

  /** What is to be decided of the attempt. */
  Verdict carryOut(Plan plan) throws InterruptedException {
    try {
      return compose(plan);
    } catch (StoreException.Missing e) {
      return gone(e.object(), e);
    } catch (StoreException.Changed e) {
      return gone(e.object(), e);
    } catch (ObjectReader.UnreadableException e) {
      Set<Component> spoilt = e.slice().map(this::having).orElse(Component.parts());
      return bases.contains(e.object())
          ? new Voided(FailureCode.BASE_CHANGED, ObjectReader.ofBase(e.getMessage()), true, spoilt)
          : new Voided(
              FailureCode.STORE_CORRUPT,
              "the archive could not be composed: " + e.getMessage(),
              true,
              spoilt);
    } catch (StoreException.Corrupt e) {
      return new Voided(
          FailureCode.STORE_CORRUPT, String.valueOf(e.getMessage()), true, Component.parts());
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
      Slice slice = e.slice().orElse(null);
      if (slice == null || slice.crc64nvme() == null) {
        throw e;
      }
      Optional<String> damage = damage(List.of(slice), List.of(slice.crc64nvme()));
      return damage.isPresent()
          ? damaged(Set.of(damage.get()), having(slice))
          : new Voided(
              FailureCode.STORE_CORRUPT, String.valueOf(e.getMessage()), true, having(slice));
    }
    Optional<String> checksum = reader.insist(() -> runs.store().checksum(key));
    if (archive.bytes() != plan.bytes()
        || !checksum.orElse(plan.crc64nvme()).equals(plan.crc64nvme())) {
      return different(
          "the archive %s has %d bytes (%s) instead of %d (%s)"
              .formatted(
                  key,
                  archive.bytes(),
                  checksum.orElse("no checksum"),
                  plan.bytes(),
                  plan.crc64nvme()));
    }
    if (checksum.isEmpty()) {
      boolean _ =
          reader.insist(() -> {
            ComposedArchive.requireReadable(runs.store(), archive, plan);
            return true;
          });
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

  private Voided gone(ObjectKey object, StoreException e) {
    return new Voided(
        bases.contains(object) ? FailureCode.BASE_CHANGED : FailureCode.INTERRUPTED,
        "what the archive is made of was changed: "
            + e.getMessage()
            + "; find out what has removed or changed it",
        true,
        parts.stream()
            .filter(part -> slices(part).anyMatch(slice -> slice.object().equals(object)))
            .map(PartInventory::component)
            .collect(Collectors.toSet()));
  }

  /** The components that have some of it; all if none has, as of the archive itself. */
  private Set<Component> having(Slice range) {
    Set<Component> having =
        parts.stream()
            .filter(part -> slices(part).anyMatch(slice -> overlap(slice, range)))
            .map(PartInventory::component)
            .collect(Collectors.toSet());
    return having.isEmpty() ? Component.parts() : having;
  }

  private static Stream<Slice> slices(PartInventory part) {
    return Stream.of(
            part.content(),
            part.index(),
            part.lookup() == null ? List.<Slice>of() : part.lookup().pages())
        .flatMap(List::stream);
  }

  private static boolean overlap(Slice one, Slice other) {
    return one.object().equals(other.object())
        && one.offset() < other.offset() + other.bytes()
        && other.offset() < one.offset() + one.bytes();
  }

  /** Finds out whether a base is to blame for it. */
  private Voided different(String finding) throws InterruptedException {
    Set<String> damages = new TreeSet<>();
    Set<Component> spoilt = EnumSet.noneOf(Component.class);
    for (PartInventory part : parts) {
      Optional<String> damage = damage(part.content(), part.contentCrc());
      if (damage.isEmpty()) {
        damage = damage(part.index(), part.indexCrc());
      }
      if (damage.isPresent()) {
        damages.add(damage.get());
        spoilt.add(part.component());
      }
    }
    return damages.isEmpty()
        ? new Voided(FailureCode.STORE_CORRUPT, finding, true, Component.parts())
        : damaged(damages, spoilt);
  }

  private static Voided damaged(Set<String> damages, Set<Component> spoilt) {
    return new Voided(
        FailureCode.BASE_CHANGED,
        "what the backup builds upon is damaged: " + String.join("; ", damages),
        true,
        spoilt);
  }

  /**
   * Marks the base of which one of the slices is not what was written.
   *
   * @return which it is and what was found; empty if all that is of a base is sound
   */
  private Optional<String> damage(List<Slice> slices, List<String> checksums)
      throws InterruptedException {
    for (int i = 0; i < slices.size(); i++) {
      Slice slice = slices.get(i);
      ObjectKey base = slice.object();
      if (bases.contains(base) && reader.crc64nvme(slice) != Crc64Nvme.parse(checksums.get(i))) {
        String finding =
            "the archive is damaged between the bytes %d and %d: they do not have the CRC64NVME with which they were written. Use another archive, and check the store that holds this one"
                .formatted(slice.offset(), slice.offset() + slice.bytes());
        work.insist(() -> new DamagedArchives(runs.store()).mark(base, finding, run));
        return Optional.of(base + ": " + finding);
      }
    }
    return Optional.empty();
  }
}
