package io.hybridbackup.packager;

import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupFailed;
import io.hybridbackup.common.event.Fact.BackupOutcome;
import io.hybridbackup.common.event.Fact.BackupStarted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.AttemptOpened;
import io.hybridbackup.common.job.Decision;
import io.hybridbackup.common.job.Decisions;
import io.hybridbackup.common.job.ObjectReader;
import io.hybridbackup.common.job.Outcome;
import io.hybridbackup.common.job.PartOutcome;
import io.hybridbackup.common.job.PartOutcome.Committed;
import io.hybridbackup.common.job.PartOutcome.Failed;
import io.hybridbackup.common.job.Plan;
import io.hybridbackup.common.job.Reservation;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.StoppedException;
import io.hybridbackup.common.job.Verdict;
import io.hybridbackup.common.job.Verdict.Composed;
import io.hybridbackup.common.job.Verdict.Voided;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.messaging.PublishException;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoreException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Leads a backup to its outcome. Each step follows from the records alone, so whoever takes over
 * goes on where the last one stopped; and each step is a decision, so two at once do no harm.
 */
final class Coordination {
  private static final Logger LOG = LoggerFactory.getLogger(Coordination.class);

  /** Of what earlier attempts failed by, so many warnings are given. */
  private static final int NAMED_WARNINGS = 10;

  /** In characters. */
  private static final int LONGEST_WARNING = 1_000;

  private final Settings settings;
  private final Runs runs;
  private final Decisions decisions;
  private final EventPublisher publisher;
  private final ApplicationVersion applicationVersion;
  private final Ending ending;
  private final Clock clock;
  private final String createdBy;

  Coordination(
      Settings settings,
      Runs runs,
      EventPublisher publisher,
      ApplicationVersion applicationVersion,
      Ending ending,
      Clock clock,
      String createdBy) {
    this.settings = settings;
    this.runs = runs;
    this.decisions = runs.decisions();
    this.publisher = publisher;
    this.applicationVersion = applicationVersion;
    this.ending = ending;
    this.clock = clock;
    this.createdBy = createdBy;
  }

  /**
   * Goes from step to step until the run has ended and been tidied up after.
   *
   * @param ends runs when the end is known, before it is decided or carried out
   * @param last whether the run ended so long ago that nobody can be working on it unknowingly
   */
  void lead(BackupAccepted accepted, Work work, Runnable ends, boolean last)
      throws InterruptedException {
    RunStates states = new RunStates(accepted, work, publisher, clock);
    Decision<Outcome> end = RunKeys.outcome(accepted.backupId());
    Optional<Outcome> outcome = work.insist(() -> decisions.find(end));
    while (outcome.isEmpty()) {
      work.checkpoint();
      Optional<Outcome> proposal = stepOrBreakOff(accepted, work, states);
      if (proposal.isPresent()) {
        ends.run();
      }
      outcome =
          work.insist(() ->
              proposal.isPresent()
                  ? Optional.of(decisions.decide(end, proposal.get()))
                  : decisions.find(end));
    }
    ends.run();
    ending.carryOut(accepted, outcome.get(), work, states, last);
  }

  private Optional<Outcome> stepOrBreakOff(BackupAccepted accepted, Work work, RunStates states)
      throws InterruptedException {
    try {
      return step(accepted, work, states);
    } catch (StoppedException | StoreException | PublishException e) {
      throw e;
    } catch (RuntimeException e) {
      work.checkpoint();
      return breakOff(accepted, work, e);
    }
  }

  /** As of a part: another attempt may do better. Where none is open, there is none to try. */
  private Optional<Outcome> breakOff(BackupAccepted accepted, Work work, RuntimeException e)
      throws InterruptedException {
    RunId run = accepted.backupId();
    int attempt = work.insist(() -> runs.latestAttempt(run));
    LOG.atError()
        .addKeyValue("run", run)
        .addKeyValue("source", accepted.source())
        .addKeyValue("attempt", attempt)
        .setCause(e)
        .log("the packager broke off");
    String reason = "the packager broke off: " + e + unreadable(accepted, attempt, work);
    if (attempt > 0 && !work.insist(() -> decisions.isMade(RunKeys.verdict(run, attempt)))) {
      decide(run, attempt, new Voided(FailureCode.INTERNAL, reason, true), work);
      return Optional.empty();
    }
    return Optional.of(fail(accepted, work, attempt, FailureCode.INTERNAL, reason));
  }

  /**
   * @return how the run is to end, if it is
   */
  private Optional<Outcome> step(BackupAccepted accepted, Work work, RunStates states)
      throws InterruptedException {
    RunId run = accepted.backupId();
    int attempt = work.insist(() -> runs.latestAttempt(run));
    if (isPastDeadline(accepted)) {
      String reason = deadline(accepted) + unreadable(accepted, attempt, work);
      return Optional.of(fail(accepted, work, attempt, FailureCode.DEADLINE, reason));
    }
    if (attempt == 0) {
      open(accepted, 1, work);
      return Optional.empty();
    }
    Optional<Verdict> verdict = work.insist(() -> decisions.find(RunKeys.verdict(run, attempt)));
    if (verdict.isPresent()) {
      return switch (verdict.get()) {
        case Composed composed -> Optional.of(complete(accepted, work, attempt));
        case Voided voided -> afterVoid(accepted, work, attempt, voided);
      };
    }
    Map<Component, PartOutcome> parts = work.insist(() -> runs.parts(accepted, attempt));
    states.show(attempt, parts);
    Optional<Failed> failed =
        parts.values().stream()
            .filter(Failed.class::isInstance)
            .map(Failed.class::cast)
            .findFirst();
    if (failed.isPresent()) {
      var failure = failed.get().failure();
      decide(
          run, attempt, new Voided(failure.code(), failure.message(), failure.retryable()), work);
    } else if (parts.keySet().containsAll(accepted.components())) {
      compose(accepted, attempt, parts, work);
    } else {
      awaitNews(accepted, attempt, parts.size(), work);
    }
    return Optional.empty();
  }

  private void awaitNews(BackupAccepted accepted, int attempt, int known, Work work)
      throws InterruptedException {
    RunId run = accepted.backupId();
    Duration left = Duration.between(clock.instant(), accepted.deadline());
    Optional<Boolean> _ =
        work.await(
            () ->
                decisions.isMade(RunKeys.outcome(run)) || delivered(accepted, attempt) > known
                    ? Optional.of(true)
                    : Optional.empty(),
            left);
  }

  private long delivered(BackupAccepted accepted, int attempt) {
    return accepted.components().stream()
        .filter(part -> decisions.isMade(RunKeys.part(accepted.backupId(), attempt, part)))
        .count();
  }

  /** Opens an attempt under a name that nobody has ever had. */
  private void open(BackupAccepted accepted, int attempt, Work work) throws InterruptedException {
    RunId run = accepted.backupId();
    SourceName source = new SourceName(accepted.source());
    ZonedDateTime time = clock.instant().atZone(settings.zone()).truncatedTo(ChronoUnit.SECONDS);
    byte[] owner = new Reservation(run, attempt).toBytes();
    while (!reserve(RunKeys.reservedName(source, ArchiveName.at(time)), owner, work)) {
      time = time.plusSeconds(1);
    }
    ArchiveName name = ArchiveName.at(time);
    AttemptOpened mine =
        new AttemptOpened(
            new Announcement(
                new BackupStarted(
                    run, accepted.source(), work.next(attempt), name, accepted.components()),
                clock.instant()),
            time.toOffsetDateTime(),
            new Bases(runs, work, settings.jobs().attempts()).of(accepted, attempt));
    AttemptOpened standing =
        work.insist(() -> decisions.decide(RunKeys.opened(run, attempt), mine));
    work.insist(() -> publisher.publish(standing.announcement().envelope()));
  }

  /** A name that an earlier epoch of this attempt has reserved is as good as a free one. */
  private boolean reserve(ObjectKey name, byte[] owner, Work work) throws InterruptedException {
    return work.insist(() ->
        runs.store().create(name, owner)
            || runs.store().read(name).map(by -> Arrays.equals(by, owner)).orElse(false));
  }

  private Optional<Outcome> afterVoid(
      BackupAccepted accepted, Work work, int attempt, Voided voided) throws InterruptedException {
    int spent = work.insist(() -> runs.spentAttempts(accepted.backupId(), attempt));
    if (!voided.retryable() || spent >= settings.jobs().attempts()) {
      return Optional.of(fail(accepted, work, attempt, voided.code(), voided.reason()));
    }
    Duration pause = settings.jobs().sweep().multipliedBy(1L << Math.min(attempt, 6));
    Optional<Boolean> ended =
        work.await(
            () ->
                decisions.isMade(RunKeys.outcome(accepted.backupId()))
                    ? Optional.of(true)
                    : Optional.empty(),
            pause);
    if (ended.isEmpty() && !isPastDeadline(accepted)) {
      open(accepted, attempt + 1, work);
    }
    return Optional.empty();
  }

  private void decide(RunId run, int attempt, Verdict verdict, Work work)
      throws InterruptedException {
    Verdict _ = work.insist(() -> decisions.decide(RunKeys.verdict(run, attempt), verdict));
  }

  private void compose(
      BackupAccepted accepted, int attempt, Map<Component, PartOutcome> parts, Work work)
      throws InterruptedException {
    RunId run = accepted.backupId();
    Plan plan = plan(accepted, attempt, parts, work);
    AttemptOpened opened = work.insist(() -> opened(run, attempt));
    Verdict verdict = new Composition(runs, run, opened, parts.values(), work).carryOut(plan);
    if (verdict instanceof Voided voided) {
      LOG.atError()
          .addKeyValue("run", run)
          .addKeyValue("source", accepted.source())
          .addKeyValue("attempt", attempt)
          .addKeyValue("code", voided.code())
          .addKeyValue("reason", voided.reason())
          .log("the archive could not be made");
    }
    decide(run, attempt, verdict, work);
  }

  private Plan plan(
      BackupAccepted accepted, int attempt, Map<Component, PartOutcome> parts, Work work)
      throws InterruptedException {
    RunId run = accepted.backupId();
    Optional<Plan> planned = work.insist(() -> decisions.find(RunKeys.plan(run, attempt)));
    if (planned.isPresent()) {
      return planned.get();
    }
    List<String> warnings = lostBases(accepted, attempt, work);
    Optional<String> version = applicationVersion.find(accepted.source(), warnings);
    Map<Component, Committed> committed = new EnumMap<>(Component.class);
    parts.forEach((component, part) -> committed.put(component, (Committed) part));
    return work.insist(() ->
        decisions.decide(
            RunKeys.plan(run, attempt),
            Planner.plan(
                opened(run, attempt),
                committed,
                decisions.find(RunKeys.prepared(run, attempt)),
                decisions.find(RunKeys.snapshot(run, attempt)),
                version.orElse(null),
                createdBy,
                warnings,
                runs.store().sharedBlockBytes())));
  }

  private AttemptOpened opened(RunId run, int attempt) {
    return decisions.find(RunKeys.opened(run, attempt)).orElseThrow();
  }

  /** Why earlier attempts gave a base up; people have to know, though this backup is good. */
  private List<String> lostBases(BackupAccepted accepted, int attempt, Work work)
      throws InterruptedException {
    RunId run = accepted.backupId();
    ObjectReader reader = new ObjectReader(runs, work);
    Set<String> reasons = new LinkedHashSet<>();
    for (int earlier = 1; earlier < attempt; earlier++) {
      for (Component component : accepted.components()) {
        if (reader.find(RunKeys.part(run, earlier, component), _ -> {}).orElse(null)
                instanceof Failed failed
            && failed.failure().code() == FailureCode.BASE_CHANGED) {
          reasons.add(failed.failure().message());
        }
      }
      if (reader.find(RunKeys.verdict(run, earlier), _ -> {}).orElse(null) instanceof Voided voided
          && voided.code() == FailureCode.BASE_CHANGED) {
        reasons.add(voided.reason());
      }
    }
    List<String> warnings = new ArrayList<>();
    reasons.stream().limit(NAMED_WARNINGS).map(Coordination::cut).forEach(warnings::add);
    return warnings;
  }

  private static String cut(String reason) {
    return reason.length() <= LONGEST_WARNING ? reason : reason.substring(0, LONGEST_WARNING) + "…";
  }

  private Outcome complete(BackupAccepted accepted, Work work, int attempt)
      throws InterruptedException {
    RunId run = accepted.backupId();
    return work.insist(() -> {
      Plan plan = decisions.find(RunKeys.plan(run, attempt)).orElseThrow();
      Manifest manifest = plan.manifest();
      Map<String, Duration> durations = new LinkedHashMap<>();
      long reused = 0;
      for (PartOutcome part : runs.parts(accepted, attempt).values()) {
        durations.putAll(((Committed) part).durations());
        reused += reusedBytes(run, ((Committed) part).inventory());
      }
      Instant now = clock.instant();
      durations.put("total", Duration.between(accepted.acceptedAt(), now));
      var database = manifest.databasePart();
      var storage = manifest.storagePart();
      return new Outcome(
          new Announcement(
              new BackupCompleted(
                  run,
                  accepted.source(),
                  work.next(attempt),
                  manifest.warnings().isEmpty()
                      ? BackupOutcome.COMPLETE
                      : BackupOutcome.COMPLETE_WITH_WARNINGS,
                  manifest.archiveName(),
                  RunKeys.archive(manifest.source(), manifest.archiveName()).value(),
                  RunKeys.manifest(manifest.source(), manifest.archiveName()).value(),
                  plan.bytes(),
                  database == null ? null : database.bytes(),
                  storage == null ? null : storage.bytes(),
                  reused,
                  plan.bytes() - reused,
                  durations,
                  manifest.warnings(),
                  manifest.consistency().references(),
                  accepted.requestedBy()),
              now),
          attempt);
    });
  }

  /**
   * An attempt takes over what an earlier one has made, too, but that was uploaded for this run.
   */
  private static long reusedBytes(RunId run, PartInventory part) {
    String ours = RunKeys.work(run).value() + "/";
    return part.content().stream()
        .filter(slice -> !slice.object().value().startsWith(ours))
        .mapToLong(Slice::bytes)
        .sum();
  }

  private Outcome fail(
      BackupAccepted accepted, Work work, int attempt, FailureCode code, String message)
      throws InterruptedException {
    RunId run = accepted.backupId();
    ObjectReader reader = new ObjectReader(runs, work);
    Set<Component> missing = EnumSet.copyOf(accepted.components());
    for (Component component : accepted.components()) {
      // One that nobody can read is missing as well.
      Optional<PartOutcome> part = reader.find(RunKeys.part(run, attempt, component), _ -> {});
      if (part.orElse(null) instanceof Committed) {
        missing.remove(component);
      }
    }
    return new Outcome(
        new Announcement(
            new BackupFailed(
                run,
                accepted.source(),
                work.next(attempt),
                code,
                message,
                missing,
                accepted.requestedBy()),
            clock.instant()),
        0);
  }

  /** Of an attempt's records those that cannot be read, as it is to be told. */
  private String unreadable(BackupAccepted accepted, int attempt, Work work)
      throws InterruptedException {
    RunId run = accepted.backupId();
    List<Decision<?>> records = new ArrayList<>();
    records.add(RunKeys.opened(run, attempt));
    records.add(RunKeys.prepared(run, attempt));
    records.add(RunKeys.snapshot(run, attempt));
    accepted.components().forEach(part -> records.add(RunKeys.part(run, attempt, part)));
    records.add(RunKeys.plan(run, attempt));
    records.add(RunKeys.verdict(run, attempt));
    ObjectReader reader = new ObjectReader(runs, work);
    StringBuilder unreadable = new StringBuilder();
    for (Decision<?> record : records) {
      Optional<?> _ = reader.find(record, finding -> unreadable.append("; ").append(finding));
    }
    return unreadable.toString();
  }

  private boolean isPastDeadline(BackupAccepted accepted) {
    return !clock.instant().isBefore(accepted.deadline());
  }

  private static String deadline(BackupAccepted accepted) {
    return "the backup had not ended by its deadline, "
        + accepted.deadline()
        + "; see what it waited for, or set jobs.deadline higher";
  }
}
