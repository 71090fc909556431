package io.hybridbackup.packager;

import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupCancelled;
import io.hybridbackup.common.event.Fact.BackupRejected;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.event.Request;
import io.hybridbackup.common.event.RunState.BackupState;
import io.hybridbackup.common.event.RunState.Phase;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.Claim;
import io.hybridbackup.common.job.Outcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.messaging.ReceivedRequest;
import io.hybridbackup.common.messaging.RequestHandler;
import io.hybridbackup.common.messaging.Topics;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.StoreException;
import java.time.Clock;
import java.time.Instant;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers requests about backups: each becomes a run, once, or is rejected with the reason. A
 * request that comes again gets the same answer again.
 */
final class BackupRequests implements RequestHandler {
  private static final Logger LOG = LoggerFactory.getLogger(BackupRequests.class);

  /** The origin of an answer: no worker has it, and there is only one of them. */
  private static final Origin ANSWER = new Origin(Component.PACKAGER, 0, 0, 1);

  /** The origin of a refusal that is not on record: another answer may still follow. */
  private static final Origin UNRECORDED = new Origin(Component.PACKAGER, 0, 0, 2);

  private final Settings settings;
  private final Runs runs;
  private final EventPublisher publisher;
  private final Clock clock;
  private final Consumer<Fact> wake;

  /** What is held while a request for a source is decided; only where a busy source refuses. */
  private final Map<String, Object> turns = new HashMap<>();

  BackupRequests(
      Settings settings, Runs runs, EventPublisher publisher, Clock clock, Consumer<Fact> wake) {
    this.settings = settings;
    this.runs = runs;
    this.publisher = publisher;
    this.clock = clock;
    this.wake = wake;
    if (settings.jobs().whenBusy() == Settings.WhenBusy.REJECT) {
      settings.sources().keySet().forEach(source -> turns.put(source.value(), new Object()));
    }
  }

  @Override
  public void handle(ReceivedRequest received) {
    RunId run = received.run();
    try {
      Optional<Claim> known = runs.claim(run);
      Claim standing = known.orElseGet(() -> answer(run, received));
      // Later states are the coordinating epoch's, and must not be followed by the first; a refusal
      // has no other.
      if (received.request() instanceof Request.BackupRequested request
          && (known.isEmpty() || standing.beginsNoRun())) {
        publisher.publishState(firstState(run, request, standing));
      }
      tell(run, standing);
    } catch (StoreException.Refused e) {
      if (runs.isOpen(run) || runs.claim(run).isPresent()) {
        throw new StoreException.Unavailable(
            "the answer to the request of run "
                + run
                + " is on record or may be soon, and cannot be carried out: "
                + e.getMessage(),
            e);
      }
      LOG.atError()
          .addKeyValue("run", run)
          .setCause(e)
          .log("The object store refuses to record the answer to a request");
      // Nobody is to wait for an answer, and whoever refuses it too says the same.
      publisher.publish(
          new BackupRejected(
              run,
              Topics.keyOf(received.request()),
              UNRECORDED,
              FailureCode.STORE_REFUSED,
              "the object store refuses to record the request: `hybrid-backup doctor` tells why",
              received.request().requestedBy()),
          received.recordTime());
    }
  }

  /** Puts the answer on record. */
  private Claim answer(RunId run, ReceivedRequest received) {
    return switch (received.request()) {
      case Request.BackupRequested request -> claim(run, request, received.receivedAt());
      case Request.BackupCancelRequested request -> runs.answer(run, cancellation(run, request));
      case Request.VerificationRequested request ->
          runs.answer(
              run,
              rejection(
                  run,
                  request.source(),
                  FailureCode.INVALID_REQUEST,
                  "this version cannot verify archives on request",
                  request.requestedBy()));
      case Request.RestoreRequested request ->
          throw new IllegalArgumentException("a restore request belongs in restore.requests.v1");
    };
  }

  /**
   * Where a busy source is a reason to refuse, its requests are decided one after the other: of
   * those that come together only one may find it free. While a partition moves to another
   * packager, two may; then the second waits.
   */
  private Claim claim(RunId run, Request.BackupRequested request, Instant now) {
    Object turn = turns.getOrDefault(request.source(), new Object());
    synchronized (turn) {
      return runs.answer(run, decide(run, request, now));
    }
  }

  private static BackupState firstState(RunId run, Request.BackupRequested request, Claim claim) {
    BackupRejected rejected =
        claim.answer().fact() instanceof BackupRejected rejection ? rejection : null;
    return new BackupState(
        run,
        request.source(),
        0,
        1,
        rejected == null ? Phase.WAITING : Phase.REJECTED,
        0,
        Map.of(),
        null,
        rejected == null ? null : rejected.code(),
        rejected == null ? null : rejected.reason(),
        claim.answer().at(),
        claim.answer().at(),
        request.requestedBy());
  }

  private Claim decide(RunId run, Request.BackupRequested request, Instant now) {
    Instant deadline = now.plus(settings.jobs().deadline());
    Settings.@Nullable Source source = source(request.source());
    if (source == null) {
      return rejection(
          run,
          request.source(),
          FailureCode.UNKNOWN_SOURCE,
          "there is no source '"
              + request.source()
              + "'; configured are "
              + settings.sources().keySet(),
          request.requestedBy());
    }
    Set<Component> available = components(source);
    Set<Component> wanted = request.components() == null ? available : request.components();
    if (wanted.isEmpty() || !available.containsAll(wanted)) {
      return rejection(
          run,
          request.source(),
          FailureCode.NOTHING_TO_DO,
          "source '"
              + request.source()
              + "' has "
              + Component.labels(available)
              + ", not "
              + Component.labels(wanted),
          request.requestedBy());
    }
    if (settings.jobs().whenBusy() == Settings.WhenBusy.REJECT && isBusy(run, request.source())) {
      return rejection(
          run,
          request.source(),
          FailureCode.BUSY,
          "another backup of source '" + request.source() + "' is under way; ask again later",
          request.requestedBy());
    }
    return new Claim(
        new Announcement(
            new BackupAccepted(
                run,
                request.source(),
                ANSWER,
                EnumSet.copyOf(wanted),
                now,
                deadline,
                request.requestedBy()),
            now),
        deadline);
  }

  private Claim rejection(
      RunId run, String source, FailureCode code, String reason, @Nullable String requestedBy) {
    Instant now = clock.instant();
    return new Claim(
        new Announcement(new BackupRejected(run, source, ANSWER, code, reason, requestedBy), now),
        now);
  }

  private Claim cancellation(RunId requestRun, Request.BackupCancelRequested request) {
    RunId run = request.backupId();
    boolean known =
        runs.claim(run)
            .flatMap(Claim::backup)
            .filter(backup -> backup.source().equals(request.source()))
            .isPresent();
    if (!known) {
      return rejection(
          requestRun,
          request.source(),
          FailureCode.INVALID_REQUEST,
          "there is no backup " + run + " of source '" + request.source() + "' to cancel",
          request.requestedBy());
    }
    Instant now = clock.instant();
    return new Claim(
        new Announcement(
            new BackupCancelled(
                run, request.source(), ANSWER, request.reason(), request.requestedBy()),
            now),
        now);
  }

  private void tell(RunId run, Claim standing) {
    switch (standing.answer().fact()) {
      case BackupCancelled cancelled -> cancel(cancelled.backupId(), standing.answer());
      case BackupAccepted accepted -> {
        publisher.publish(standing.answer().envelope());
        // An end that has not been carried out yet is told by whoever does that.
        Optional<Outcome> told = runs.decisions().find(RunKeys.told(run));
        if (told.isPresent()) {
          publisher.publish(told.get().announcement().envelope());
        } else {
          runs.markOpen(run);
          wake.accept(accepted);
        }
      }
      default -> publisher.publish(standing.answer().envelope());
    }
  }

  /** A run is cancelled by deciding its outcome; whoever works on it finds that and stops. */
  private void cancel(RunId run, Announcement end) {
    Outcome standing = runs.decisions().decide(RunKeys.outcome(run), new Outcome(end, 0));
    if (runs.decisions().isMade(RunKeys.told(run))) {
      publisher.publish(standing.announcement().envelope());
    }
    wake.accept(standing.announcement().fact());
  }

  private Settings.@Nullable Source source(String name) {
    try {
      return settings.sources().get(new SourceName(name));
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  /** Whether another backup of the source has been accepted and has not ended. */
  private boolean isBusy(RunId run, String source) {
    return runs.openBackups(source)
        .filter(other -> !other.backupId().equals(run))
        .anyMatch(other -> !runs.hasEnded(other.backupId()));
  }

  private static Set<Component> components(Settings.Source source) {
    Set<Component> components = EnumSet.noneOf(Component.class);
    if (source.database() != null) {
      components.add(Component.DATABASE);
    }
    if (source.media() != null) {
      components.add(Component.MEDIA);
    }
    return components;
  }
}
