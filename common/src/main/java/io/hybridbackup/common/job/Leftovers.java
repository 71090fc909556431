package io.hybridbackup.common.job;

import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.StoredObject;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.core.JacksonException;

/**
 * Finds what should not be in the store: what was written for a run after it had been tidied up
 * after, by a worker that had been frozen meanwhile, and what cannot be explained. Only looks. Of a
 * run that has not ended, or is still marked open, everything counts as wanted, and so does
 * everything that only a run could explain whose records cannot be read.
 *
 * <p>Errors are those of the {@link ObjectStore}.
 */
public final class Leftovers {
  /** Where unfinished uploads may lie: everywhere that anything is kept. */
  public static final List<String> ROOTS =
      List.of("backups", "names", "open", "probe", "runs", "scrubs", "slots", "work");

  private static final String ARCHIVE_ENDING = ".tar.gz";

  private final Runs runs;
  private final ObjectStore store;

  public Leftovers(Runs runs) {
    this.runs = runs;
    this.store = runs.store();
  }

  /**
   * What was found.
   *
   * @param removable nothing refers to it any more, and nothing ever will
   * @param unexplained somebody should look at it
   */
  public record Found(List<ObjectKey> removable, List<Unexplained> unexplained) {}

  /**
   * @param reason why it should not be there, and what to do
   */
  public record Unexplained(ObjectKey key, String reason) {}

  /**
   * Looks through the store.
   *
   * @param old nothing is in use for longer than this
   */
  public Found find(Duration old, Instant now) {
    Found found = new Found(new ArrayList<>(), new ArrayList<>());
    findWork(found);
    for (String source : store.children("backups")) {
      SourceName.ifValid(source).ifPresent(name -> findArchives(name, found));
    }
    Instant before = now.minus(old);
    store.list("probe").stream()
        .filter(object -> object.modified().isBefore(before))
        .map(StoredObject::key)
        .forEach(found.removable::add);
    store.list(RunKeys.OPEN.value()).stream()
        .filter(mark -> mark.modified().isBefore(before))
        .map(StoredObject::key)
        .filter(this::isIdle)
        .forEach(found.removable::add);
    return found;
  }

  private void findWork(Found found) {
    for (String name : store.children("work")) {
      Optional<RunId> run = RunId.ifValid(name);
      if (run.isEmpty() || !isKnown(run.get())) {
        found.unexplained.add(
            new Unexplained(
                ObjectKey.of("work", name),
                "nothing is on record of its run; delete it unless another version uses this"
                    + " store"));
      } else if (outcomeOfClosed(run.get()).isPresent()) {
        store.list(RunKeys.work(run.get()).value()).stream()
            .map(StoredObject::key)
            .forEach(found.removable::add);
      }
    }
  }

  private void findArchives(SourceName source, Found found) {
    Set<String> names = new HashSet<>(store.children(RunKeys.backups(source).value()));
    for (String name : new TreeSet<>(names)) {
      if (name.endsWith(ARCHIVE_ENDING)) {
        stem(name, ARCHIVE_ENDING)
            .filter(archive -> !names.contains(archive + RunKeys.MANIFEST_ENDING))
            .ifPresent(archive ->
                judgeArchive(
                    source, archive, names.contains(archive + RunKeys.EXPIRED_ENDING), found));
      } else if (name.endsWith(RunKeys.MANIFEST_ENDING)) {
        stem(name, RunKeys.MANIFEST_ENDING)
            .ifPresent(archive -> {
              if (names.contains(archive + RunKeys.EXPIRED_ENDING)) {
                found.removable.add(RunKeys.manifest(source, archive));
              } else if (!names.contains(archive + ARCHIVE_ENDING)) {
                judgeManifest(source, archive, found);
              }
            });
      }
    }
  }

  /** A manifest that has no archive. */
  private void judgeManifest(SourceName source, ArchiveName archive, Found found) {
    if (store.find(RunKeys.archive(source, archive)).isEmpty()
        && store.find(RunKeys.manifest(source, archive)).isPresent()) {
      found.unexplained.add(
          new Unexplained(
              RunKeys.manifest(source, archive),
              "its archive is gone; bring that back, or delete the manifest"));
    }
  }

  /** An archive that has no manifest. */
  private void judgeArchive(SourceName source, ArchiveName archive, boolean expired, Found found) {
    ObjectKey key = RunKeys.archive(source, archive);
    Optional<Reservation> owner =
        store.read(RunKeys.reservedName(source, archive)).flatMap(Reservation::read);
    if (owner.isEmpty() || !isKnown(owner.get().run())) {
      found.unexplained.add(
          new Unexplained(
              key, "it has no manifest, and nothing is on record of its run; is it needed?"));
      return;
    }
    Optional<Outcome> outcome = outcomeOfClosed(owner.get().run());
    if (outcome.isEmpty()) {
      return;
    }
    if (expired || outcome.get().attempt() != owner.get().attempt()) {
      found.removable.add(key);
    } else if (store.find(RunKeys.manifest(source, archive)).isEmpty()) {
      found.unexplained.add(
          new Unexplained(
              key,
              "its manifest is gone, so it does not count; take the manifest out of the archive"
                  + " and restore by hand, or delete it"));
    }
  }

  private static Optional<ArchiveName> stem(String name, String ending) {
    return ArchiveName.ifValid(name.substring(0, name.length() - ending.length()));
  }

  private boolean isKnown(RunId run) {
    return store.find(RunKeys.claim(run).key()).isPresent();
  }

  /** How a run ended; empty if it has not, or has not been tidied up after, or cannot be read. */
  private Optional<Outcome> outcomeOfClosed(RunId run) {
    try {
      Optional<Outcome> outcome = runs.decisions().find(RunKeys.outcome(run));
      return outcome.isPresent() && !runs.isOpen(run) ? outcome : Optional.empty();
    } catch (JacksonException e) {
      return Optional.empty();
    }
  }

  /** Whether an open mark is of a request that was never answered, or with no. */
  private boolean isIdle(ObjectKey mark) {
    try {
      Optional<RunId> run = RunId.ifValid(mark.name());
      return run.isPresent() && runs.claim(run.get()).map(Claim::beginsNoRun).orElse(true);
    } catch (JacksonException e) {
      return false;
    }
  }
}
