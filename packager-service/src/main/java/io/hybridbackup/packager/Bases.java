package io.hybridbackup.packager;

import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.AttemptOpened;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Verdict.Voided;
import io.hybridbackup.common.manifest.ArchiveManifest;
import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.manifest.UnreadableManifestException;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoredObject;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Chooses what an attempt builds upon. */
final class Bases {
  private static final Logger LOG = LoggerFactory.getLogger(Bases.class);

  private static final Set<FailureCode> FAILED_BY_A_BASE =
      EnumSet.of(FailureCode.BASE_CHANGED, FailureCode.STORE_CORRUPT);

  /** After so many attempts that broke off one after the other it is tried without a base. */
  private static final int BROKEN_OFF = 3;

  private final Runs runs;

  Bases(Runs runs) {
    this.runs = runs;
  }

  /**
   * For each component the source's newest backup that has it and is not damaged. Attempts of one
   * run keep to the same, until one of them has failed by it, or several in a row have broken off
   * as if the store were away: of a base that cannot be read nothing else may be seen.
   */
  Map<Component, StoredObject> of(BackupAccepted accepted, int attempt) {
    RunId run = accepted.backupId();
    if (attempt == 1) {
      return newest(new SourceName(accepted.source()), accepted.components());
    }
    boolean givenUp =
        failedBy(FAILED_BY_A_BASE, run, attempt - 1)
            || (attempt > BROKEN_OFF
                && IntStream.range(attempt - BROKEN_OFF, attempt)
                    .allMatch(
                        before -> failedBy(EnumSet.of(FailureCode.INTERRUPTED), run, before)));
    return givenUp
        ? Map.of()
        : runs.decisions()
            .find(RunKeys.opened(run, attempt - 1))
            .map(AttemptOpened::bases)
            .orElse(Map.of());
  }

  private boolean failedBy(Set<FailureCode> codes, RunId run, int attempt) {
    return runs.decisions().find(RunKeys.verdict(run, attempt)).orElse(null)
            instanceof Voided voided
        && codes.contains(voided.code());
  }

  private Map<Component, StoredObject> newest(SourceName source, Set<Component> components) {
    Map<Component, StoredObject> bases = new EnumMap<>(Component.class);
    for (ArchiveName name : runs.archives(source).reversed()) {
      ObjectKey archive = RunKeys.archive(source, name);
      if (runs.store().find(RunKeys.damaged(archive)).isEmpty()) {
        Set<Component> wanted = parts(source, name);
        wanted.retainAll(components);
        wanted.removeAll(bases.keySet());
        Optional<StoredObject> found =
            wanted.isEmpty() ? Optional.empty() : runs.store().find(archive);
        found.ifPresent(base -> wanted.forEach(component -> bases.put(component, base)));
      }
      if (bases.keySet().containsAll(components)) {
        break;
      }
    }
    return bases;
  }

  private Set<Component> parts(SourceName source, ArchiveName name) {
    Set<Component> parts = EnumSet.noneOf(Component.class);
    ObjectKey key = RunKeys.manifest(source, name);
    try {
      Optional<Manifest> manifest =
          runs.store().read(key).map(json -> ArchiveManifest.parse(json).manifest());
      if (manifest.isPresent() && manifest.get().databasePart() != null) {
        parts.add(Component.DATABASE);
      }
      if (manifest.isPresent() && manifest.get().storagePart() != null) {
        parts.add(Component.MEDIA);
      }
    } catch (UnreadableManifestException e) {
      LOG.atWarn()
          .addKeyValue("manifest", key)
          .addKeyValue("reason", e.getMessage())
          .log("cannot be read; no backup builds upon its archive");
    }
    return parts;
  }
}
