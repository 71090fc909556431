package io.hybridbackup.restore;

import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.RestoreFailed;
import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.event.Request.RestoreRequested;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.Claim;
import io.hybridbackup.common.job.Outcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.manifest.ArchiveManifest;
import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.manifest.UnreadableManifestException;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.messaging.ReceivedRequest;
import io.hybridbackup.common.messaging.RequestHandler;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.StoreException;
import java.time.Clock;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers requests to restore: each becomes a run, once, or is refused with the reason. A request
 * that comes again gets the same answer again.
 */
final class RestoreRequests implements RequestHandler {
  private static final Logger LOG = LoggerFactory.getLogger(RestoreRequests.class);

  /** What names the newest archive in a request. */
  private static final String LATEST = "latest";

  /** The origin of an answer: no worker has it, and there is only one of them. */
  private static final Origin ANSWER = new Origin(Component.RESTORE, 0, 0, 1);

  /** The origin of a refusal that is not on record: another answer may still follow. */
  private static final Origin UNRECORDED = new Origin(Component.RESTORE, 0, 0, 2);

  private final Settings settings;
  private final Runs runs;
  private final EventPublisher publisher;
  private final Clock clock;
  private final Consumer<Fact> wake;

  RestoreRequests(
      Settings settings, Runs runs, EventPublisher publisher, Clock clock, Consumer<Fact> wake) {
    this.settings = settings;
    this.runs = runs;
    this.publisher = publisher;
    this.clock = clock;
    this.wake = wake;
  }

  @Override
  public void handle(ReceivedRequest received) {
    if (!(received.request() instanceof RestoreRequested request)) {
      throw new IllegalArgumentException("only restore requests belong in restore.requests.v1");
    }
    RunId run = received.run();
    Claim standing;
    try {
      standing =
          runs.claim(run)
              .orElseGet(() -> runs.answer(run, answer(run, request, received.requestedAt())));
    } catch (StoreException.Refused e) {
      if (runs.isOpen(run)) {
        throw new StoreException.Unavailable(
            "another answer to the request of run "
                + run
                + " may be on record soon, and this one cannot be: "
                + e.getMessage(),
            e);
      }
      LOG.atError()
          .addKeyValue("run", run)
          .setCause(e)
          .log("The object store refuses to record the answer to a request");
      // Nobody is to wait for an answer, and whoever refuses it too says the same.
      publisher.publish(
          new RestoreFailed(
              run,
              request.source(),
              request.target(),
              UNRECORDED,
              FailureCode.STORE_REFUSED,
              "the object store refuses to record the request: `hybrid-backup doctor` tells why",
              true,
              request.requestedBy()),
          received.recordTime());
      return;
    }
    publisher.publish(standing.answer().envelope());
    Optional<Outcome> outcome =
        standing.beginsNoRun() ? Optional.empty() : runs.decisions().find(RunKeys.outcome(run));
    if (outcome.isPresent()) {
      publisher.publish(outcome.get().announcement().envelope());
    } else if (!standing.beginsNoRun()) {
      runs.markOpen(run);
      wake.accept(standing.answer().fact());
    }
  }

  private Claim answer(RunId run, RestoreRequested request, Instant requestedAt) {
    Instant now = clock.instant();
    try {
      return new Claim(
          new Announcement(accept(run, request, requestedAt, now), now),
          now.plus(settings.jobs().deadline()));
    } catch (Refusal refusal) {
      return refusal(run, request, refusal, now);
    }
  }

  private static Claim refusal(RunId run, RestoreRequested request, Refusal refusal, Instant now) {
    return new Claim(
        new Announcement(
            new RestoreFailed(
                run,
                request.source(),
                request.target(),
                ANSWER,
                refusal.code,
                refusal.reason,
                true,
                request.requestedBy()),
            now),
        now);
  }

  private RestoreStarted accept(
      RunId run, RestoreRequested request, Instant requestedAt, Instant now) throws Refusal {
    if (requestedAt.plus(settings.jobs().staleRestore()).isBefore(now)) {
      throw new Refusal(
          FailureCode.STALE_REQUEST,
          "the request is of "
              + requestedAt
              + " and older than jobs.stale-restore allows; ask again if it is still wanted");
    }
    Settings.Target target = target(request.target());
    if (request.undo() != null) {
      return undo(run, request, request.undo());
    }
    requireSense(request, options(request));
    if (options(request).overwrites() && !target.inPlace()) {
      throw new Refusal(
          FailureCode.INVALID_REQUEST,
          "the configuration does not let target '%s' be overwritten in place; restore without"
                  .formatted(request.target())
              + " that, or set targets.%s.in-place: true".formatted(request.target()));
    }
    SourceName source = source(request.source());
    Set<Component> possible = EnumSet.noneOf(Component.class);
    if (target.database() != null) {
      possible.add(Component.DATABASE);
    }
    if (target.media() != null) {
      possible.add(Component.MEDIA);
    }
    Set<Component> asked = request.components();
    ArchiveName archive = archive(source, request, asked == null ? Set.of() : asked);
    Set<Component> held = manifest(source, archive).manifest().components();
    possible.retainAll(held);
    Set<Component> wanted = asked == null ? possible : asked;
    if (wanted.isEmpty() || !possible.containsAll(wanted)) {
      throw new Refusal(
          FailureCode.NOTHING_TO_DO,
          "archive "
              + archive
              + " holds "
              + Component.labels(held)
              + ", and of that target '"
              + request.target()
              + "' can take "
              + Component.labels(possible)
              + "; asked for was "
              + Component.labels(wanted));
    }
    return new RestoreStarted(
        run,
        request.source(),
        request.target(),
        ANSWER,
        archive,
        EnumSet.copyOf(wanted),
        request.options(),
        null,
        request.requestedBy());
  }

  /** What that restore replaced comes back, as long as it is kept. */
  private RestoreStarted undo(RunId run, RestoreRequested request, RunId undone) throws Refusal {
    if (!options(request).equals(RestoreOptions.NONE)
        || request.components() != null
        || request.asOf() != null) {
      throw new Refusal(
          FailureCode.INVALID_REQUEST,
          "an undo brings back all that the restore replaced, and nothing else: options, components"
              + " and asOf have no meaning with it; ask without them");
    }
    Optional<RestoreCompleted> completed =
        runs.decisions()
            .find(RunKeys.outcome(undone))
            .map(Outcome::announcement)
            .map(Announcement::fact)
            .filter(RestoreCompleted.class::isInstance)
            .map(RestoreCompleted.class::cast);
    if (completed.isEmpty() || !completed.get().target().equals(request.target())) {
      throw new Refusal(
          FailureCode.INVALID_REQUEST,
          "there is no restore %s to target '%s' that has been completed; 'hybrid-backup watch %s'"
                  .formatted(undone, request.target(), undone)
              + " shows what came of it");
    }
    RestoreCompleted restored = completed.get();
    boolean inPlace =
        runs.claim(undone)
            .flatMap(Claim::restore)
            .filter(started -> Restoration.options(started).overwrites())
            .isPresent();
    if (inPlace) {
      throw new Refusal(
          FailureCode.NOTHING_TO_DO,
          "the restore %s was in place, which keeps nothing of what was there; restore an archive"
                  .formatted(undone)
              + " instead");
    }
    boolean kept = runs.store().find(RunKeys.kept(undone)).isPresent();
    if (!kept || (restored.previousDatabase() == null && restored.previousFolder() == null)) {
      throw new Refusal(
          FailureCode.NOTHING_TO_DO,
          "the restore %s replaced nothing, or what it replaced is not kept any more"
                  .formatted(undone)
              + " (restore.keep-previous); restore an archive instead");
    }
    return new RestoreStarted(
        run,
        restored.source(),
        restored.target(),
        ANSWER,
        restored.archive(),
        restored.components(),
        null,
        undone,
        request.requestedBy());
  }

  private static RestoreOptions options(RestoreRequested request) {
    return request.options() == null ? RestoreOptions.NONE : request.options();
  }

  /** What contradicts itself is refused before anything is looked at. */
  private static void requireSense(RestoreRequested request, RestoreOptions options)
      throws Refusal {
    Optional<String> nonsense = RequestedOptions.nonsense(options, request.components());
    if (nonsense.isPresent()) {
      throw new Refusal(FailureCode.INVALID_REQUEST, nonsense.get());
    }
    if (request.asOf() != null && !request.archive().equals(LATEST)) {
      throw new Refusal(
          FailureCode.INVALID_REQUEST, "asOf goes with archive latest, not with an archive's name");
    }
  }

  private Settings.Target target(String name) throws Refusal {
    Settings.@Nullable Target target;
    try {
      target = settings.targets().get(new TargetName(name));
    } catch (IllegalArgumentException e) {
      target = null;
    }
    if (target == null) {
      throw new Refusal(
          FailureCode.UNKNOWN_TARGET,
          "there is no target '" + name + "'; configured are " + settings.targets().keySet());
    }
    return target;
  }

  private static SourceName source(String name) throws Refusal {
    try {
      return new SourceName(name);
    } catch (IllegalArgumentException e) {
      throw new Refusal(FailureCode.UNKNOWN_SOURCE, String.valueOf(e.getMessage()));
    }
  }

  /** The archive of that name, or the newest one that has what is asked for. */
  private ArchiveName archive(SourceName source, RestoreRequested request, Set<Component> asked)
      throws Refusal {
    if (!request.archive().equals(LATEST)) {
      try {
        return ArchiveName.parse(request.archive());
      } catch (RuntimeException e) {
        throw new Refusal(FailureCode.INVALID_REQUEST, String.valueOf(e.getMessage()));
      }
    }
    Instant asOf = request.asOf() == null ? Instant.MAX : request.asOf();
    for (ArchiveName archive : runs.archives(source).reversed()) {
      Manifest manifest = manifest(source, archive).manifest();
      if (manifest.components().containsAll(asked) && !manifest.shows().isAfter(asOf)) {
        return archive;
      }
    }
    throw new Refusal(
        FailureCode.ARCHIVE_MISSING,
        "there is no backup of source '"
            + source
            + "'"
            + (asked.isEmpty() ? "" : " with " + Component.labels(asked))
            + (request.asOf() == null ? "" : " as of " + request.asOf()));
  }

  private ArchiveManifest manifest(SourceName source, ArchiveName archive) throws Refusal {
    if (runs.store().find(RunKeys.expired(source, archive)).isPresent()) {
      throw new Refusal(FailureCode.ARCHIVE_MISSING, "archive " + archive + " has expired");
    }
    byte[] json =
        runs.store()
            .read(RunKeys.manifest(source, archive))
            .orElseThrow(() ->
                new Refusal(
                    FailureCode.ARCHIVE_MISSING,
                    "there is no archive "
                        + archive
                        + " of source "
                        + source
                        + "; 'hybrid-backup list' shows what there is"));
    try {
      return ArchiveManifest.parse(json);
    } catch (UnreadableManifestException e) {
      throw new Refusal(
          FailureCode.ARCHIVE_CORRUPT,
          "the manifest of archive " + archive + " cannot be read: " + e.getMessage());
    }
  }

  private static final class Refusal extends Exception {
    private final FailureCode code;
    private final String reason;

    Refusal(FailureCode code, String reason) {
      super(reason);
      this.code = code;
      this.reason = reason;
    }
  }
}
