package io.hybridbackup.packager;

import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.AttemptOpened;
import io.hybridbackup.common.job.Decision;
import io.hybridbackup.common.job.Decisions;
import io.hybridbackup.common.job.Heard;
import io.hybridbackup.common.job.ObjectReader;
import io.hybridbackup.common.job.Outcome;
import io.hybridbackup.common.job.PartOutcome;
import io.hybridbackup.common.job.Plan;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Told;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.manifest.ArchiveManifest;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.StoredObject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries out what was decided of a backup: makes the manifest appear, publishes whatever of the
 * run was not heard, then its last fact, and removes all that the outcome does not refer to. Every
 * step can be repeated.
 */
final class Ending {
  private static final Logger LOG = LoggerFactory.getLogger(Ending.class);

  private final Runs runs;
  private final Decisions decisions;
  private final EventPublisher publisher;
  private final Heard heard;

  Ending(Runs runs, EventPublisher publisher, Heard heard) {
    this.runs = runs;
    this.decisions = runs.decisions();
    this.publisher = publisher;
    this.heard = heard;
  }

  /**
   * Carries the outcome out, as far as that has not been done.
   *
   * @param last whether the run is to be closed then
   */
  void carryOut(BackupAccepted accepted, Outcome outcome, Work work, RunStates states, boolean last)
      throws InterruptedException {
    RunId run = accepted.backupId();
    ObjectReader reader = new ObjectReader(runs, work);
    int latest = work.insist(() -> runs.latestAttempt(run));
    if (!work.insist(() -> decisions.isMade(RunKeys.told(run)))) {
      work.insist(() -> writeManifest(run, outcome));
      List<Announcement> unheard = unheard(accepted, latest, reader);
      work.insist(() -> {
        unheard.stream().map(Announcement::envelope).forEach(publisher::publish);
        publisher.publish(outcome.announcement().envelope());
      });
      states.showEnd(latest, parts(accepted, latest, reader), outcome.announcement().fact());
      Outcome _ = work.insist(() -> decisions.decide(RunKeys.told(run), outcome));
      LOG.atInfo()
          .addKeyValue("run", run)
          .addKeyValue("source", accepted.source())
          .addKeyValue("attempt", outcome.attempt())
          .addKeyValue("outcome", outcome.announcement().fact().getClass().getSimpleName())
          .log("the backup has ended");
    }
    for (int attempt = 1; attempt <= latest; attempt++) {
      boolean counts = attempt == outcome.attempt();
      Optional<AttemptOpened> opened = find(RunKeys.opened(run, attempt), reader);
      if (opened.isPresent()) {
        work.insist(() -> tidyUp(accepted, opened.get().started().archive(), counts));
      }
    }
    work.insist(() -> removeBulk(run));
    if (last) {
      work.insist(() -> runs.close(run));
    }
  }

  /** From here on the archive is a backup. */
  private void writeManifest(RunId run, Outcome outcome) {
    if (outcome.attempt() == 0) {
      return;
    }
    Plan plan = decisions.find(RunKeys.plan(run, outcome.attempt())).orElseThrow();
    SourceName source = plan.manifest().source();
    ArchiveName name = plan.manifest().archiveName();
    ObjectKey archive = RunKeys.archive(source, name);
    ArchiveManifest manifest =
        new ArchiveManifest(
            plan.manifest(),
            new ArchiveManifest.Archive(archive.name(), archive, plan.bytes(), plan.crc64nvme()));
    // An earlier epoch may have written it: then it wrote the same.
    boolean _ = runs.store().create(RunKeys.manifest(source, name), manifest.toJson());
    if (runs.store().find(RunKeys.expired(source, name)).isPresent()) {
      // Retention has been here since, and the manifest that it deleted must not come back.
      runs.store().delete(RunKeys.manifest(source, name));
    }
  }

  /** What is on record of the run and has not been heard, as far as it can be read. */
  private List<Announcement> unheard(BackupAccepted accepted, int latest, ObjectReader reader)
      throws InterruptedException {
    RunId run = accepted.backupId();
    List<Announcement> told = new ArrayList<>();
    // Whoever has decided the claim may have died, or be frozen, before telling it.
    told.add(runs.claim(run).orElseThrow().answer());
    for (int attempt = 1; attempt <= latest; attempt++) {
      find(RunKeys.opened(run, attempt), reader)
          .map(AttemptOpened::announcement)
          .ifPresent(told::add);
      find(RunKeys.prepared(run, attempt), reader).map(Told::announcement).ifPresent(told::add);
      find(RunKeys.snapshot(run, attempt), reader).map(Told::announcement).ifPresent(told::add);
      parts(accepted, attempt, reader).values().stream()
          .map(PartOutcome::announcement)
          .forEach(told::add);
    }
    return told.stream().filter(announcement -> !heard.has(announcement)).toList();
  }

  private static Map<Component, PartOutcome> parts(
      BackupAccepted accepted, int attempt, ObjectReader reader) throws InterruptedException {
    Map<Component, PartOutcome> parts = new EnumMap<>(Component.class);
    for (Component component : accepted.components()) {
      find(RunKeys.part(accepted.backupId(), attempt, component), reader)
          .ifPresent(part -> parts.put(component, part));
    }
    return parts;
  }

  /** A record that cannot be read is done without: the run has ended all the same. */
  private static <T> Optional<T> find(Decision<T> decision, ObjectReader reader)
      throws InterruptedException {
    return reader.find(
        decision,
        reason ->
            LOG.atWarn().addKeyValue("reason", reason).log("the backup ends without a record"));
  }

  private void tidyUp(BackupAccepted accepted, ArchiveName name, boolean counts) {
    ObjectStore store = runs.store();
    SourceName source = new SourceName(accepted.source());
    ObjectKey archive = RunKeys.archive(source, name);
    int _ = store.abortUploads(archive.value(), Duration.ZERO);
    boolean expired = store.find(RunKeys.expired(source, name)).isPresent();
    if (expired) {
      // A creation whose answer was lost may have taken effect behind retention's back.
      store.delete(RunKeys.manifest(source, name));
    }
    if (expired || !counts) {
      store.delete(archive);
    }
  }

  private void removeBulk(RunId run) {
    ObjectStore store = runs.store();
    int _ = store.abortUploads(RunKeys.work(run).value(), Duration.ZERO);
    for (StoredObject object : store.list(RunKeys.work(run).value())) {
      store.delete(object.key());
    }
  }
}
