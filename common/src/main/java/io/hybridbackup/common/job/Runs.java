package io.hybridbackup.common.job;

import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.StoreException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;

/** What is on record of the runs. Errors are those of the {@link ObjectStore}. */
public final class Runs {
  private static final int REMEMBERED = 10_000;

  /** The store has lost or changed something on which a part was built. */
  private static final Set<FailureCode> SPOILT =
      EnumSet.of(FailureCode.STORE_CORRUPT, FailureCode.BASE_CHANGED);

  private final ObjectStore store;
  private final Decisions decisions;

  /** Decisions stand for ever: those that every sweep asks for need not be read again. */
  private final Map<RunId, Claim> claims = remembering();

  private final Map<RunId, Boolean> ended = remembering();

  /** Since when the store has not given a run's claim. */
  private final Map<RunId, Long> notGivenSince = remembering();

  public Runs(ObjectStore store) {
    this.store = store;
    this.decisions = new Decisions(store);
  }

  public Decisions decisions() {
    return decisions;
  }

  public ObjectStore store() {
    return store;
  }

  public Optional<Claim> claim(RunId run) {
    Claim known = claims.get(run);
    if (known != null) {
      return Optional.of(known);
    }
    Optional<Claim> found = decisions.find(RunKeys.claim(run));
    found.ifPresent(claim -> claims.put(run, claim));
    return found;
  }

  /** What a run was accepted for cannot be read, which must not keep the others waiting. */
  public static final class UnreadableClaimException extends RuntimeException {
    private UnreadableClaimException(RunId run, Exception cause) {
      super(RunKeys.claim(run).key() + " cannot be read: " + cause.getMessage(), cause);
    }
  }

  /**
   * The claim of an open run, for a sweep. While the store is away nothing is known of the run, and
   * nothing should be begun that it may come before.
   *
   * @throws UnreadableClaimException if it makes no sense, or the store has not given it for a
   *     while
   */
  public Optional<Claim> claimInSweep(RunId run) {
    try {
      Optional<Claim> claim = claim(run);
      notGivenSince.remove(run);
      return claim;
    } catch (JacksonException e) {
      throw new UnreadableClaimException(run, e);
    } catch (StoreException.Unavailable e) {
      long now = System.nanoTime();
      Long since = notGivenSince.putIfAbsent(run, now);
      if (since != null && now - since >= ObjectReader.PATIENCE.toNanos()) {
        throw new UnreadableClaimException(run, e);
      }
      throw e;
    }
  }

  /** Whether the run has an outcome. */
  public boolean hasEnded(RunId run) {
    if (ended.containsKey(run)) {
      return true;
    }
    boolean has = decisions.isMade(RunKeys.outcome(run));
    if (has) {
      ended.put(run, true);
    }
    return has;
  }

  /**
   * Answers a request. The run is marked open first, so that no accepted run is ever overlooked,
   * and a run that is already on record is left as it is.
   *
   * @return the claim that stands
   */
  public Claim answer(RunId run, Claim proposal) {
    Optional<Claim> known = claim(run);
    if (known.isPresent()) {
      return known.get();
    }
    if (!proposal.beginsNoRun()) {
      markOpen(run);
    }
    Claim standing = decisions.decide(RunKeys.claim(run), proposal);
    if (standing.beginsNoRun() && !proposal.beginsNoRun()) {
      close(run);
    }
    return standing;
  }

  /** Marks a run that is to be looked after, until {@link #close}. */
  public void markOpen(RunId run) {
    // A store that is full still shows that it has been marked.
    boolean _ =
        isOpen(run)
            || store.create(RunKeys.open(run), run.value().getBytes(StandardCharsets.US_ASCII));
  }

  public boolean isOpen(RunId run) {
    return store.find(RunKeys.open(run)).isPresent();
  }

  /**
   * The runs that have not ended, or not been tidied up after. What others have put beside them is
   * passed over.
   */
  public List<RunId> open() {
    return store.children(RunKeys.OPEN.value()).stream()
        .flatMap(name -> RunId.ifValid(name).stream())
        .toList();
  }

  /**
   * The accepted backups of a source that are open. One whose claim cannot be read is passed over,
   * which must not keep the others waiting.
   */
  public Stream<BackupAccepted> openBackups(String source) {
    return open().stream()
        .flatMap(run -> ifReadable(run).stream())
        .filter(backup -> backup.source().equals(source));
  }

  private Optional<BackupAccepted> ifReadable(RunId run) {
    try {
      return claimInSweep(run).flatMap(Claim::backup);
    } catch (UnreadableClaimException e) {
      // It is said when that run is looked at.
      return Optional.empty();
    }
  }

  /** The run has ended and been tidied up after. */
  public void close(RunId run) {
    store.delete(RunKeys.open(run));
  }

  /** What the components of an attempt have delivered so far. */
  public Map<Component, PartOutcome> parts(BackupAccepted accepted, int attempt) {
    Map<Component, PartOutcome> parts = new EnumMap<>(Component.class);
    for (Component component : accepted.components()) {
      decisions
          .find(RunKeys.part(accepted.backupId(), attempt, component))
          .ifPresent(part -> parts.put(component, part));
    }
    return parts;
  }

  /**
   * How many attempts up to that one have been spent. Those that a dead worker or an outage of the
   * store broke off do not count: only the deadline ends such a run.
   */
  public int spentAttempts(RunId run, int latest) {
    int spent = 0;
    for (int attempt = 1; attempt <= latest; attempt++) {
      Optional<Verdict> verdict = decisions.find(RunKeys.verdict(run, attempt));
      boolean interrupted =
          verdict.isPresent()
              && verdict.get() instanceof Verdict.Voided voided
              && voided.code() == FailureCode.INTERRUPTED;
      spent += interrupted ? 0 : 1;
    }
    return spent;
  }

  /**
   * Whether the store did not give back what an attempt, or an earlier one that it built upon, had
   * written of a component, or what was to be taken over from the base: nobody knows of how much of
   * it that holds.
   */
  public boolean isSpoilt(RunId run, int attempt, Component component) {
    return (decisions.find(RunKeys.part(run, attempt, component)).orElse(null)
                instanceof PartOutcome.Failed failed
            && SPOILT.contains(failed.failure().code()))
        || (decisions.find(RunKeys.verdict(run, attempt)).orElse(null)
                instanceof Verdict.Voided voided
            && voided.spoilt().contains(component));
  }

  /** The source's finished backups, oldest first by name; what else lies there is passed over. */
  public List<ArchiveName> archives(SourceName source) {
    Set<String> names = new HashSet<>(store.children(RunKeys.backups(source).value()));
    return names.stream()
        .filter(name -> name.endsWith(RunKeys.MANIFEST_ENDING))
        .map(name -> name.substring(0, name.length() - RunKeys.MANIFEST_ENDING.length()))
        .filter(name -> !names.contains(name + RunKeys.EXPIRED_ENDING))
        .flatMap(name -> ArchiveName.ifValid(name).stream())
        .sorted()
        .toList();
  }

  private static <T> Map<RunId, T> remembering() {
    return Collections.synchronizedMap(
        new LinkedHashMap<>(16, 0.75f, true) {
          @Override
          protected boolean removeEldestEntry(Map.Entry<RunId, T> eldest) {
            return size() > REMEMBERED;
          }
        });
  }

  /** The number of the newest attempt that has been opened; 0 if none has. */
  public int latestAttempt(RunId run) {
    int newest =
        store.children(RunKeys.run(run).value()).stream()
            .mapToInt(RunKeys::attemptNumber)
            .max()
            .orElse(0);
    return newest > 0 && !decisions.isMade(RunKeys.opened(run, newest)) ? newest - 1 : newest;
  }
}
