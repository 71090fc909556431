package io.hybridbackup.packager;

import io.hybridbackup.common.archive.ArchiveReader;
import io.hybridbackup.common.archive.UnknownVersionException;
import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.AttemptOpened;
import io.hybridbackup.common.job.ObjectReader;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.manifest.ArchiveManifest;
import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.manifest.UnreadableManifestException;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoreException;
import io.hybridbackup.common.store.StoredObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Chooses what an attempt builds upon. */
final class Bases {
  private static final Logger LOG = LoggerFactory.getLogger(Bases.class);

  private final Runs runs;
  private final Work work;
  private final int attempts;
  private final ObjectReader reader;

  /**
   * @param attempts how many of a run may fail
   */
  Bases(Runs runs, Work work, int attempts) {
    this.runs = runs;
    this.work = work;
    this.attempts = attempts;
    this.reader = new ObjectReader(runs, work);
  }

  /**
   * For each component the source's newest backup that has it, can be read and is not damaged.
   * Attempts of one run keep to the same, but for what one of them has failed by. The last one
   * takes no risk: where a base was given up, it has none.
   */
  Map<Component, StoredObject> of(BackupAccepted accepted, int attempt)
      throws InterruptedException {
    RunId run = accepted.backupId();
    if (attempt == 1) {
      return newest(new SourceName(accepted.source()), accepted.components());
    }
    Map<Component, StoredObject> bases = new EnumMap<>(Component.class);
    bases.putAll(opened(run, attempt - 1));
    boolean failed = false;
    for (Component component : accepted.components()) {
      if (work.insist(() -> runs.isSpoilt(run, attempt - 1, component))) {
        failed = true;
        StoredObject _ = bases.remove(component);
      }
    }
    if (failed) {
      for (StoredObject base : Set.copyOf(bases.values())) {
        if (!canBeOpened(base)) {
          bases.values().removeIf(base::equals);
        }
      }
    }
    boolean last = work.insist(() -> runs.spentAttempts(run, attempt - 1)) >= attempts - 1;
    return last && !bases.equals(opened(run, 1)) ? Map.of() : bases;
  }

  private Map<Component, StoredObject> opened(RunId run, int attempt) throws InterruptedException {
    return work.insist(() -> runs.decisions().find(RunKeys.opened(run, attempt)))
        .map(AttemptOpened::bases)
        .orElse(Map.of());
  }

  /** Whether it is still the same archive, of which parts may be read. */
  private boolean canBeOpened(StoredObject base) throws InterruptedException {
    try {
      ArchiveReader _ =
          reader.insist(() -> {
            try {
              return ArchiveReader.open(runs.store(), base);
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
      return true;
    } catch (ObjectReader.UnreadableException
        | StoreException.Missing
        | StoreException.Changed
        | UnknownVersionException
        | UncheckedIOException e) {
      passOver(base.key(), e.getMessage());
      return false;
    }
  }

  private Map<Component, StoredObject> newest(SourceName source, Set<Component> components)
      throws InterruptedException {
    Map<Component, StoredObject> bases = new EnumMap<>(Component.class);
    List<ArchiveName> archives = work.insist(() -> runs.archives(source));
    for (ArchiveName name : archives.reversed()) {
      try {
        Set<Component> wanted = parts(source, name);
        wanted.retainAll(components);
        wanted.removeAll(bases.keySet());
        ObjectKey archive = RunKeys.archive(source, name);
        if (!wanted.isEmpty()) {
          find(archive).ifPresent(base -> wanted.forEach(part -> bases.put(part, base)));
        }
      } catch (ObjectReader.UnreadableException e) {
        passOver(e.object(), e.getMessage());
      } catch (UnreadableManifestException e) {
        passOver(RunKeys.manifest(source, name), e.getMessage());
      }
      if (bases.keySet().containsAll(components)) {
        break;
      }
    }
    return bases;
  }

  /** What the archive has; nothing if it is damaged. */
  private Set<Component> parts(SourceName source, ArchiveName name) throws InterruptedException {
    Set<Component> parts = EnumSet.noneOf(Component.class);
    if (find(RunKeys.damaged(RunKeys.archive(source, name))).isPresent()) {
      return parts;
    }
    ObjectKey key = RunKeys.manifest(source, name);
    Optional<Manifest> manifest =
        reader
            .insist(key, () -> runs.store().read(key))
            .map(json -> ArchiveManifest.parse(json).manifest());
    if (manifest.isPresent() && manifest.get().databasePart() != null) {
      parts.add(Component.DATABASE);
    }
    if (manifest.isPresent() && manifest.get().storagePart() != null) {
      parts.add(Component.MEDIA);
    }
    return parts;
  }

  private Optional<StoredObject> find(ObjectKey key) throws InterruptedException {
    return reader.insist(key, () -> runs.store().find(key));
  }

  private static void passOver(ObjectKey object, @Nullable String reason) {
    LOG.atWarn()
        .addKeyValue("object", object)
        .addKeyValue("reason", reason)
        .log("cannot be read; no backup builds upon its archive");
  }
}
