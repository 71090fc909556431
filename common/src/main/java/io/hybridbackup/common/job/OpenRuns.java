package io.hybridbackup.common.job;

import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.StoredObject;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;

/**
 * What the open runs are about and what each of them waits for, in words. Only looks, so it takes a
 * worker's heartbeat for its sign of life, by the clocks of the store and of this machine: good
 * enough for people, and never for a decision.
 *
 * <p>Errors are those of the {@link ObjectStore}.
 */
public final class OpenRuns {
  /** Whoever is there begins sooner. */
  private static final Duration PROMPT = Duration.ofMinutes(1);

  private final Runs runs;
  private final Slots slots;
  private final Duration lease;

  public OpenRuns(Runs runs, Duration lease) {
    this.runs = runs;
    this.slots = new Slots(runs);
    this.lease = lease;
  }

  /**
   * A run that has not ended, or not been tidied up after.
   *
   * @param subject such as {@code backup of edms}
   * @param since when it was accepted; null if its records cannot be read
   * @param waitsFor what happens next, and who does it
   * @param stuck whether that should have happened by now
   */
  public record OpenRun(
      RunId run, String subject, @Nullable Instant since, List<String> waitsFor, boolean stuck) {}

  /** Looks at all of them, in the order of their ids. */
  public List<OpenRun> look(Instant now) {
    List<OpenRun> found = new ArrayList<>();
    for (RunId run : runs.open()) {
      try {
        runs.claim(run)
            .filter(claim -> !claim.beginsNoRun())
            .ifPresent(claim -> found.add(new Look(run, claim, now).result()));
      } catch (JacksonException e) {
        found.add(unreadable(run, e));
      }
    }
    return found;
  }

  private static OpenRun unreadable(RunId run, JacksonException reason) {
    return new OpenRun(
        run,
        "a run",
        null,
        List.of(
            "somebody to look at its records in "
                + RunKeys.run(run)
                + ", one of which cannot be read: "
                + reason.getOriginalMessage()),
        true);
  }

  /** One look at one run. */
  private final class Look {
    private final RunId run;
    private final Claim claim;
    private final Instant now;
    private final List<String> waitsFor = new ArrayList<>();
    private boolean stuck;

    Look(RunId run, Claim claim, Instant now) {
      this.run = run;
      this.claim = claim;
      this.now = now;
    }

    OpenRun result() {
      Optional<BackupAccepted> backup = claim.backup();
      String subject =
          backup
              .map(accepted -> "backup of " + accepted.source())
              .or(() -> claim.restore().map(started -> "restore to " + started.target()))
              .orElse("run");
      String leader = backup.isPresent() ? "the packager" : "the restore service";
      Optional<Outcome> outcome = runs.decisions().find(RunKeys.outcome(run));
      if (outcome.isPresent()) {
        expect(leader + " to tidy up after it", outcome.get().announcement().at(), tidying());
      } else if (!now.isBefore(claim.deadline())) {
        expect(leader + " to say that its deadline is over", claim.deadline(), PROMPT);
      } else {
        backup.ifPresent(this::backup);
        claim.restore().ifPresent(this::restore);
      }
      return new OpenRun(run, subject, claim.answer().at(), List.copyOf(waitsFor), stuck);
    }

    /** It is tidied up after twice, the second time after two lease times. */
    private Duration tidying() {
      return lease.multipliedBy(4).plus(PROMPT);
    }

    private void backup(BackupAccepted accepted) {
      if (!isItsTurn(RunKeys.slots(new SourceName(accepted.source())), "the packager")) {
        return;
      }
      int attempt = runs.latestAttempt(run);
      Optional<AttemptOpened> opened =
          attempt == 0 ? Optional.empty() : runs.decisions().find(RunKeys.opened(run, attempt));
      if (opened.isEmpty()) {
        expect("the packager to begin", claim.answer().at(), PROMPT);
        return;
      }
      Instant since = opened.get().announcement().at();
      Map<Component, PartOutcome> parts = runs.parts(accepted, attempt);
      boolean decided = runs.decisions().isMade(RunKeys.verdict(run, attempt));
      if (decided || parts.keySet().containsAll(accepted.components())) {
        worker(RunKeys.epochs(run, Component.PACKAGER), "the packager", since);
        return;
      }
      for (Component component : accepted.components()) {
        if (!parts.containsKey(component) && !waitsForMedia(component, accepted, attempt)) {
          worker(
              RunKeys.epochs(run, attempt, component),
              component == Component.MEDIA ? "media-sync" : "db-dump",
              since);
        }
      }
    }

    private boolean waitsForMedia(Component component, BackupAccepted accepted, int attempt) {
      return component == Component.DATABASE
          && accepted.components().contains(Component.MEDIA)
          && !runs.decisions().isMade(RunKeys.prepared(run, attempt));
    }

    private void restore(RestoreStarted started) {
      if (isItsTurn(RunKeys.slots(new TargetName(started.target())), "the restore service")) {
        worker(RunKeys.epochs(run, Component.RESTORE), "the restore service", claim.answer().at());
      }
    }

    private boolean isItsTurn(ObjectKey folder, String leader) {
      Optional<RunId> holder = slots.holder(folder);
      if (holder.isPresent() && holder.get().equals(run)) {
        return true;
      }
      if (holder.isPresent() && !runs.decisions().isMade(RunKeys.outcome(holder.get()))) {
        waitsFor.add("its turn, which " + holder.get() + " has");
      } else {
        expect(leader + " to begin", claim.answer().at(), PROMPT);
      }
      return false;
    }

    private void worker(ObjectKey epochs, String name, Instant since) {
      int epoch = Leases.newestEpoch(runs.store(), epochs);
      Optional<StoredObject> heartbeat =
          epoch == 0 ? Optional.empty() : runs.store().find(Lease.heartbeatKey(epochs, epoch));
      if (heartbeat.isEmpty() || isReleased(heartbeat.get())) {
        expect(name + " to take it up", since, PROMPT);
        return;
      }
      Duration silence = Duration.between(heartbeat.get().modified(), now);
      if (silence.compareTo(lease.multipliedBy(2)) > 0) {
        stuck = true;
        waitsFor.add(
            "%s, whose worker has given no sign of life for %d s, or another one to take over"
                .formatted(name, silence.toSeconds()));
      } else {
        waitsFor.add("%s, which is at work (epoch %d)".formatted(name, epoch));
      }
    }

    private boolean isReleased(StoredObject heartbeat) {
      return runs.store()
          .read(heartbeat.key())
          .map(json -> Json.read(json, Lease.Heartbeat.class).released())
          .orElse(true);
    }

    private void expect(String what, Instant since, Duration patience) {
      waitsFor.add(what);
      stuck |= Duration.between(since, now).compareTo(patience) > 0;
    }
  }
}
