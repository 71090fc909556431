package io.hybridbackup.common.job;

import io.hybridbackup.common.archive.ArchiveCorruptException;
import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.archive.PartReader;
import io.hybridbackup.common.archive.UnknownVersionException;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.ComponentFailed;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoreException;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds the attempts that wait for a component's part, has it made, and records what came of it.
 */
public final class PartJobs implements Job.Source {
  private static final Logger LOG = LoggerFactory.getLogger(PartJobs.class);

  private final Runs runs;
  private final Slots slots;
  private final EventPublisher publisher;
  private final PartMaker maker;
  private final EarlierParts earlier;
  private final Settings.Jobs settings;
  private final Clock clock;

  public PartJobs(
      Runs runs, EventPublisher publisher, PartMaker maker, Settings.Jobs settings, Clock clock) {
    this.runs = runs;
    this.slots = new Slots(runs);
    this.publisher = publisher;
    this.maker = maker;
    this.earlier = new EarlierParts(runs, settings.scrubPercent());
    this.settings = settings;
    this.clock = clock;
  }

  /** Attempts are only open in the run that has its source's slot. */
  @Override
  public Collection<RunId> promising(List<RunId> open) {
    Set<SourceName> sources = new HashSet<>();
    Set<RunId> promising = new LinkedHashSet<>();
    for (RunId run : open) {
      try {
        runs.claimInSweep(run)
            .flatMap(Claim::backup)
            .map(accepted -> new SourceName(accepted.source()))
            .filter(sources::add)
            .flatMap(source -> slots.holderInSweep(RunKeys.slots(source)))
            .filter(open::contains)
            .ifPresent(promising::add);
      } catch (Runs.UnreadableClaimException e) {
        // It is said when the run is looked at, which must not keep the others waiting.
        promising.add(run);
      }
    }
    return promising;
  }

  @Override
  public Optional<Job> find(RunId run) {
    Optional<Claim> claim = runs.claim(run);
    Optional<BackupAccepted> accepted = claim.flatMap(Claim::backup);
    if (accepted.isEmpty() || !accepted.get().components().contains(maker.component())) {
      return Optional.empty();
    }
    int attempt = runs.latestAttempt(run);
    if (attempt == 0) {
      return Optional.empty();
    }
    Optional<AttemptOpened> opened = runs.decisions().find(RunKeys.opened(run, attempt));
    if (opened.isEmpty()) {
      return Optional.empty();
    }
    PartMaker.Task task = new PartMaker.Task(run, accepted.get().source(), attempt, opened.get());
    PartJob job = new PartJob(task, accepted.get());
    return job.isOver() || !maker.isReady(task) ? Optional.empty() : Optional.of(job);
  }

  private final class PartJob implements Job {
    private final PartMaker.Task task;
    private final RunId run;
    private final BackupAccepted accepted;
    private final int attempt;

    /** From the decision until it is told, so that this job does not end because of its own. */
    private volatile boolean telling;

    PartJob(PartMaker.Task task, BackupAccepted accepted) {
      this.task = task;
      this.run = task.run();
      this.accepted = accepted;
      this.attempt = task.attempt();
    }

    @Override
    public RunId run() {
      return run;
    }

    @Override
    public Component component() {
      return maker.component();
    }

    @Override
    public ObjectKey epochs() {
      return RunKeys.epochs(run, attempt, component());
    }

    @Override
    public boolean isOver() {
      Decisions decisions = runs.decisions();
      return !clock.instant().isBefore(accepted.deadline())
          || (!telling
              && (decisions.isMade(RunKeys.part(run, attempt, component()))
                  || decisions.isMade(RunKeys.verdict(run, attempt))
                  || decisions.isMade(RunKeys.outcome(run))));
    }

    @Override
    public boolean reportsProgress() {
      return true;
    }

    @Override
    public void perform(Work work) throws InterruptedException {
      PartOutcome outcome = makePart(work);
      telling = true;
      PartOutcome standing =
          work.insist(
              () -> runs.decisions().decide(RunKeys.part(run, attempt, component()), outcome));
      LOG.atInfo()
          .addKeyValue("run", run)
          .addKeyValue("source", accepted.source())
          .addKeyValue("component", component().label())
          .addKeyValue("attempt", attempt)
          .addKeyValue("outcome", standing.announcement().fact().getClass().getSimpleName())
          .log("the part is decided");
      work.insist(() -> publisher.publish(standing.announcement().envelope()));
      telling = false;
    }

    private PartOutcome makePart(Work work) throws InterruptedException {
      try {
        PartMaker.Made made = make(work);
        work.checkpoint();
        Duration readBack = check(made.inventory(), work);
        work.checkpoint();
        return new PartOutcome.Committed(
            announce(made.fact().apply(work.next(attempt))),
            work.epoch(),
            made.inventory(),
            made.tools(),
            durations(made, readBack),
            made.passes(),
            made.vanished(),
            made.kindChanges(),
            made.references());
      } catch (ComponentFailure e) {
        work.checkpoint();
        return failed(work, e.code(), message(e), e.retryable(), e);
      } catch (StoreException.Unavailable e) {
        work.checkpoint();
        Optional<ComponentFailure> unreadable = earlier.unreadable(task, e, work);
        if (unreadable.isPresent()) {
          ComponentFailure failure = unreadable.get();
          return failed(work, failure.code(), message(failure), failure.retryable(), failure);
        }
        // An outage is nobody's failed try, however often there is one.
        return failed(work, FailureCode.INTERRUPTED, "the object store: " + message(e), true, e);
      } catch (StoreException e) {
        work.checkpoint();
        return failed(
            work,
            e instanceof StoreException.Refused ? FailureCode.STORE_REFUSED : FailureCode.INTERNAL,
            "the object store: " + message(e),
            !(e instanceof StoreException.Refused),
            e);
      } catch (StoppedException e) {
        throw e;
      } catch (RuntimeException e) {
        work.checkpoint();
        return failed(work, FailureCode.INTERNAL, message(e), true, e);
      }
    }

    private PartMaker.Made make(Work work) throws ComponentFailure, InterruptedException {
      try {
        return maker.make(task, earlier.find(task, component()), work);
      } catch (ArchiveCorruptException e) {
        throw earlier.damaged(task, e);
      } catch (UnknownVersionException e) {
        throw EarlierParts.unreadable(e);
      } catch (StoreException.Missing | StoreException.Changed e) {
        throw EarlierParts.gone(e);
      }
    }

    /**
     * Reads what is new in the part, and a share of what it has taken over.
     *
     * @return how long that took
     */
    private Duration check(PartInventory part, Work work) throws ComponentFailure {
      long begun = System.nanoTime();
      PartReader reader = PartReader.of(runs.store(), part);
      if (settings.readBack()) {
        readBack(reader, part, work);
      }
      earlier.scrub(reader, part, task, work);
      return Duration.ofNanos(System.nanoTime() - begun);
    }

    /** What cannot be read back from the store as it was written is no backup. */
    private void readBack(PartReader reader, PartInventory part, Work work)
        throws ComponentFailure {
      ProgressReporter progress = new ProgressReporter(publisher, clock, work, task, "read-back");
      progress.expected(part.unpackedBytes(), part.files());
      try {
        String ours = RunKeys.work(run).value() + "/";
        reader.verify((slice, sha256) -> slice.object().value().startsWith(ours), progress);
      } catch (IOException | StoreException.Missing | StoreException.Changed e) {
        throw ComponentFailure.passing(
            FailureCode.STORE_CORRUPT,
            "the part could not be read back from the object store as it was written: "
                + e.getMessage(),
            e);
      }
    }

    private Map<String, Duration> durations(PartMaker.Made made, Duration readBack) {
      Map<String, Duration> durations = new LinkedHashMap<>(made.durations());
      durations.put(component().label() + "-read-back", readBack);
      return durations;
    }

    private PartOutcome failed(
        Work work, FailureCode code, String message, boolean retryable, Exception cause)
        throws InterruptedException {
      int spent = work.insist(() -> runs.spentAttempts(run, attempt));
      LOG.atError()
          .addKeyValue("run", run)
          .addKeyValue("source", accepted.source())
          .addKeyValue("component", component().label())
          .addKeyValue("attempt", attempt)
          .addKeyValue("code", code)
          .setCause(cause)
          .log("the part could not be made");
      return new PartOutcome.Failed(
          announce(
              new ComponentFailed(
                  run,
                  accepted.source(),
                  work.next(attempt),
                  code,
                  message,
                  retryable,
                  retryable && (code == FailureCode.INTERRUPTED || spent < settings.attempts()))));
    }

    private Announcement announce(Fact fact) {
      return new Announcement(fact, clock.instant());
    }
  }

  private static String message(Exception e) {
    return e.getMessage() == null ? e.toString() : e.getMessage();
  }
}
