package io.hybridbackup.packager;

import io.hybridbackup.common.archive.ArchiveEntry;
import io.hybridbackup.common.archive.ArchiveFiles;
import io.hybridbackup.common.archive.ArchiveReader;
import io.hybridbackup.common.archive.DatabasePart;
import io.hybridbackup.common.archive.EntryPath;
import io.hybridbackup.common.archive.ProgressListener;
import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupFailed;
import io.hybridbackup.common.event.Fact.BackupRejected;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Request;
import io.hybridbackup.common.event.RunState;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.AttemptOpened;
import io.hybridbackup.common.job.Claim;
import io.hybridbackup.common.job.Decision;
import io.hybridbackup.common.job.Outcome;
import io.hybridbackup.common.job.PartOutcome;
import io.hybridbackup.common.job.Plan;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Simulation;
import io.hybridbackup.common.job.Told;
import io.hybridbackup.common.job.Verdict;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoredObject;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Scanner;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A store that knows what the protocol promises, and notes whatever breaks a promise. */
final class Ledger extends InMemoryObjectStore {
  private static final String ARCHIVE = ".tar.gz";
  private static final String MANIFEST = ".manifest.json";

  private final Simulation simulation;
  private final Rules rules;
  private final Settings.Jobs jobs;
  private final Runs runs = new Runs(this);
  private final List<String> wrongs = new ArrayList<>();
  private final Map<RunId, Request> requests = new LinkedHashMap<>();
  private final Map<ArchiveName, Attempt> attempts = new HashMap<>();
  private final Set<ObjectKey> decided = new HashSet<>();
  private final Map<ObjectKey, Instant> written = new HashMap<>();
  private final Map<RunId, Instant> closed = new HashMap<>();
  private final Map<String, byte[]> events = new HashMap<>();
  private final Map<RunId, Set<String>> ends = new HashMap<>();
  private final Map<RunId, List<RunState>> states = new HashMap<>();
  private final Set<RunId> unrecorded = new HashSet<>();

  private record Attempt(RunId run, int number) {}

  Ledger(Simulation simulation, Rules rules, Settings.Jobs jobs) {
    super(simulation.clock(), rules != Rules.NO_WRITE_ONCE);
    this.simulation = simulation;
    this.rules = rules;
    this.jobs = jobs;
  }

  void wrong(String what) {
    simulation.note("WRONG", what);
    wrongs.add(what);
  }

  List<String> wrongs() {
    return List.copyOf(wrongs);
  }

  void requested(RunId run, Request request) {
    Request _ = requests.putIfAbsent(run, request);
  }

  /** Marks of requests that were not accepted in the end are swept some time, and do no harm. */
  boolean isClosed() {
    return list(RunKeys.OPEN.value()).stream()
        .map(mark -> new RunId(mark.key().name()))
        .noneMatch(run -> find(RunKeys.claim(run)).flatMap(Claim::backup).isPresent());
  }

  // Rules that are taken out.

  @Override
  public synchronized boolean create(ObjectKey key, byte[] content) {
    if (rules == Rules.NO_EPOCHS && key.name().matches("epoch-\\d+")) {
      overwrite(key, content);
      return true;
    }
    return super.create(key, content);
  }

  @Override
  public synchronized List<String> children(String folder) {
    List<String> names = super.children(folder);
    return rules == Rules.NO_EPOCHS
        ? names.stream().filter(name -> !name.startsWith("epoch-")).toList()
        : names;
  }

  // Each change.

  @Override
  protected void writing(ObjectKey key, byte[] content) {
    written.put(key, simulation.instant());
    String value = key.value();
    if (value.endsWith(".heartbeat")) {
      return;
    }
    boolean first = decided.add(key);
    if (!first
        && rules == Rules.AS_THEY_ARE
        && !value.startsWith("open/")
        && !value.endsWith(MANIFEST)
        && !value.endsWith(ARCHIVE)) {
      wrong("written twice: " + key);
    }
    if (value.matches("runs/[^/]+/attempt-\\d+/opened")) {
      opening(key, content);
    } else if (value.startsWith("backups/") && value.endsWith(ARCHIVE)) {
      composing(key);
    } else if (value.startsWith("backups/") && value.endsWith(MANIFEST)) {
      completing(key);
    }
  }

  private void opening(ObjectKey key, byte[] content) {
    AttemptOpened opened = Json.read(content, AttemptOpened.class);
    RunId run = opened.started().backupId();
    int number = opened.started().origin().attempt();
    Attempt other = attempts.put(opened.started().archive(), new Attempt(run, number));
    if (other != null && !other.equals(new Attempt(run, number))) {
      wrong(key + " has the name of " + other);
    }
    if (number > 1
        && !(find(RunKeys.verdict(run, number - 1)).orElse(null) instanceof Verdict.Voided)) {
      wrong(key + " though the attempt before is not void");
    }
    for (RunId another : requests.keySet()) {
      if (!another.equals(run)
          && find(RunKeys.opened(another, 1)).isPresent()
          && find(RunKeys.outcome(another)).isEmpty()
          && find(RunKeys.outcome(run)).isEmpty()) {
        wrong(key + " though " + another + " of the same source has begun and not ended");
      }
    }
  }

  private void composing(ObjectKey key) {
    Attempt attempt = attempts.get(name(key, ARCHIVE));
    if (attempt == null || find(RunKeys.plan(attempt.run, attempt.number)).isEmpty()) {
      wrong(key + " is made without a plan");
    }
  }

  private void completing(ObjectKey key) {
    ArchiveName name = name(key, MANIFEST);
    Attempt attempt = attempts.get(name);
    Optional<Outcome> outcome =
        attempt == null ? Optional.empty() : find(RunKeys.outcome(attempt.run));
    if (attempt == null || outcome.isEmpty() || outcome.get().attempt() != attempt.number) {
      wrong(key + " is written of a run that has not been completed with it");
    }
    if (find(RunKeys.archive(BackupProtocol.SOURCE, name)).isEmpty() && !isExpired(name)) {
      wrong(key + " is written without an archive");
    }
  }

  @Override
  protected void deleting(ObjectKey key) {
    String value = key.value();
    if (value.startsWith("work/")) {
      RunId run = runOfWork(key);
      if (find(RunKeys.outcome(run)).isEmpty()) {
        wrong(key + " is deleted though the run has not ended");
      }
    } else if (value.startsWith("backups/") && value.endsWith(ARCHIVE)) {
      ArchiveName name = name(key, ARCHIVE);
      Attempt attempt = attempts.get(name);
      Optional<Outcome> outcome =
          attempt == null ? Optional.empty() : find(RunKeys.outcome(attempt.run));
      boolean counts =
          attempt == null || outcome.isEmpty() || outcome.get().attempt() == attempt.number;
      if (counts && !isExpired(name)) {
        wrong(key + " is deleted though a decision refers to it");
      }
    } else if (value.startsWith("backups/") && value.endsWith(MANIFEST)) {
      if (!isExpired(name(key, MANIFEST))) {
        wrong(key + " is deleted though the archive has not expired");
      }
    } else if (value.startsWith("open/")) {
      RunId run = new RunId(key.name());
      closed.put(run, simulation.instant());
      boolean rejected = find(RunKeys.claim(run)).map(Claim::beginsNoRun).orElse(false);
      if (!rejected && find(RunKeys.told(run)).isEmpty()) {
        wrong("the run " + run + " is closed though its end has not been told");
      }
      if (!rejected
          && whenWritten(RunKeys.outcome(run).key())
              .plus(BackupProtocol.LINGERING)
              .isAfter(simulation.instant())) {
        wrong("the run " + run + " is closed before everybody can know that it has ended");
      }
    } else {
      wrong("a decision is deleted: " + key);
    }
  }

  // Each event.

  void published(Envelope envelope, byte[] content) {
    if (envelope.data() instanceof RunState state) {
      boolean _ = states.computeIfAbsent(state.run(), _ -> new ArrayList<>()).add(state);
    }
    byte[] before = events.putIfAbsent(String.valueOf(envelope.id()), content);
    if (before != null && !Arrays.equals(before, content)) {
      wrong(
          "two events have the id "
              + envelope.id()
              + ":\n    "
              + new String(before, StandardCharsets.UTF_8)
              + "\n    "
              + new String(content, StandardCharsets.UTF_8));
    }
    if (envelope.data() instanceof BackupRejected rejected
        && rejected.code() == FailureCode.STORE_REFUSED) {
      refused(rejected);
    } else if (envelope.data() instanceof Fact.TerminalFact end) {
      boolean _ =
          ends.computeIfAbsent(end.run(), run -> new HashSet<>())
              .add(new String(content, StandardCharsets.UTF_8));
      checkStory(end.run());
      if (end instanceof BackupCompleted completed
          && find(new ObjectKey(completed.manifest())).isEmpty()
          && !isExpired(completed.archive())) {
        wrong("told that " + completed.archive() + " is complete, and there is no manifest");
      }
    }
  }

  /** All that is on record of what led to an end has been told before it. */
  private void checkStory(RunId run) {
    find(RunKeys.claim(run)).map(Claim::answer).ifPresent(this::checkTold);
    int attempt = find(RunKeys.outcome(run)).map(Outcome::attempt).orElse(0);
    if (attempt == 0) {
      return;
    }
    find(RunKeys.opened(run, attempt)).map(AttemptOpened::announcement).ifPresent(this::checkTold);
    find(RunKeys.prepared(run, attempt)).map(Told::announcement).ifPresent(this::checkTold);
    find(RunKeys.snapshot(run, attempt)).map(Told::announcement).ifPresent(this::checkTold);
    BackupAccepted accepted = find(RunKeys.claim(run)).flatMap(Claim::backup).orElseThrow();
    runs.parts(accepted, attempt).values().stream()
        .map(PartOutcome::announcement)
        .forEach(this::checkTold);
  }

  /**
   * The one answer that is not on record: who asks again then asks anew. Another packager may have
   * put a refusal on record at the same moment.
   */
  private void refused(BackupRejected rejected) {
    unrecorded.add(rejected.backupId());
    if (find(RunKeys.claim(rejected.backupId()))
        .filter(claim -> !claim.beginsNoRun())
        .isPresent()) {
      wrong("rejected in spite of what is on record: " + rejected);
    }
  }

  // The end.

  void checkEnd(Set<RunId> backups) {
    for (Map.Entry<RunId, Request> asked : requests.entrySet()) {
      RunId run = asked.getKey();
      Optional<Claim> claim = find(RunKeys.claim(run));
      if (backups.contains(run) && claim.isEmpty() && !unrecorded.contains(run)) {
        wrong("the request " + run + " has no answer");
      }
      claim.filter(_ -> !unrecorded.contains(run)).ifPresent(this::checkAnswered);
      if (claim.flatMap(Claim::backup).isPresent()) {
        checkRun(claim.get().backup().orElseThrow());
      } else if (ends.getOrDefault(run, Set.of()).size() > 1) {
        wrong("the refused " + run + " has several ends: " + ends.get(run));
      }
    }
    states.values().forEach(this::checkLastState);
    checkLeavings();
    checkArchives();
  }

  private void checkLastState(List<RunState> published) {
    RunState last = published.getLast();
    for (RunState state : published) {
      if (state.epoch() > last.epoch()
          || (state.epoch() == last.epoch() && state.revision() > last.revision())) {
        wrong("the last state is " + last + " though there was " + state);
      }
    }
  }

  private void checkAnswered(Claim claim) {
    if (claim.answer().fact() instanceof Fact.BackupCancelled cancelled) {
      if (find(RunKeys.outcome(cancelled.backupId())).isEmpty()) {
        wrong("not cancelled: " + cancelled);
      }
    } else {
      checkTold(claim.answer());
    }
  }

  private void checkRun(BackupAccepted accepted) {
    RunId run = accepted.backupId();
    Optional<Outcome> found = find(RunKeys.outcome(run));
    if (found.isEmpty() || find(RunKeys.told(run)).isEmpty()) {
      wrong("the run " + run + " is lost");
      return;
    }
    Outcome outcome = found.get();
    Set<String> told = ends.getOrDefault(run, Set.of());
    if (told.size() != 1) {
      wrong("the run " + run + " has " + told.size() + " ends: " + told);
    }
    checkTold(outcome.announcement());
    int latest = runs.latestAttempt(run);
    int composed = 0;
    int spent = 0;
    for (int attempt = 1; attempt <= latest; attempt++) {
      Optional<Verdict> verdict = find(RunKeys.verdict(run, attempt));
      composed += verdict.orElse(null) instanceof Verdict.Composed ? 1 : 0;
      spent +=
          verdict.orElse(null) instanceof Verdict.Voided voided
                  && voided.code() == FailureCode.INTERRUPTED
              ? 0
              : 1;
      checkAttempt(accepted, attempt);
    }
    if (composed > 1) {
      wrong("the run " + run + " has " + composed + " composed attempts");
    }
    if (outcome.attempt() > 0
        && !(find(RunKeys.verdict(run, outcome.attempt())).orElse(null)
            instanceof Verdict.Composed)) {
      wrong("the run " + run + " is completed with an attempt that is not composed");
    }
    if (outcome.announcement().fact() instanceof BackupFailed failed) {
      checkFailure(accepted, outcome, failed, latest, spent);
    }
  }

  private void checkFailure(
      BackupAccepted accepted, Outcome outcome, BackupFailed failed, int latest, int spent) {
    boolean late =
        failed.code() == FailureCode.DEADLINE
            && !outcome.announcement().at().isBefore(accepted.deadline());
    Verdict last = find(RunKeys.verdict(accepted.backupId(), Math.max(1, latest))).orElse(null);
    boolean spoilt =
        last instanceof Verdict.Voided voided && (!voided.retryable() || spent >= jobs.attempts());
    if (!late && !spoilt) {
      wrong("the run " + accepted.backupId() + " has failed without a reason: " + failed);
    }
  }

  private void checkAttempt(BackupAccepted accepted, int attempt) {
    RunId run = accepted.backupId();
    runs.parts(accepted, attempt)
        .forEach((component, part) -> {
          // Once the run has ended everything is taken from under its workers.
          if (part instanceof PartOutcome.Failed failed
              && whenWritten(RunKeys.part(run, attempt, component).key())
                  .isBefore(whenWritten(RunKeys.outcome(run).key()))) {
            checkPartFailure(failed.failure());
          }
        });
    if (find(RunKeys.verdict(run, attempt)).orElse(null) instanceof Verdict.Voided voided
        && voided.reason().startsWith("what the archive is made of was changed")
        && !hasLostItsBase(run, attempt)
        && whenWritten(RunKeys.verdict(run, attempt).key())
            .isBefore(whenWritten(RunKeys.outcome(run).key()))) {
      wrong("what was committed in attempt " + attempt + " of " + run + " has gone: " + voided);
    }
  }

  /** Retention takes archives away without asking who builds upon them. */
  private boolean hasLostItsBase(RunId run, int attempt) {
    return find(RunKeys.opened(run, attempt))
        .map(AttemptOpened::bases)
        .orElse(Map.of())
        .values()
        .stream()
        .anyMatch(
            base -> isExpired(new ArchiveName(base.key().name().replaceFirst("\\.tar\\.gz$", ""))));
  }

  /** A part fails because of what befell its worker, not because of what another one did. */
  private void checkPartFailure(Fact.ComponentFailed failure) {
    String message = failure.message();
    if (failure.code() == FailureCode.BASE_CHANGED
        && hasLostItsBase(failure.backupId(), failure.origin().attempt())) {
      return;
    }
    if (message.contains("already has an object") || message.contains("has no object")) {
      wrong("a worker was hurt by another: " + failure);
    } else if (failure.code() != FailureCode.INTERRUPTED
        && failure.code() != FailureCode.DEADLINE
        && !message.contains("does not answer")
        && !message.contains("no room")) {
      wrong("a part failed for no reason: " + failure);
    }
  }

  /** How many backups there are. */
  int archives() {
    return runs.archives(BackupProtocol.SOURCE).size();
  }

  private void checkTold(Announcement announcement) {
    String id = String.valueOf(announcement.envelope().id());
    if (!events.containsKey(id)) {
      wrong("never told: " + id);
    }
  }

  private void checkLeavings() {
    for (String folder : List.of("work", "backups")) {
      for (StoredObject object : list(folder)) {
        RunId run = owner(object.key());
        if (run == null || isLate(run, object.key())) {
          continue;
        }
        boolean wanted = false;
        if (folder.equals("backups")) {
          ArchiveName name = nameOf(object.key());
          Attempt attempt = attempts.get(name);
          Optional<Outcome> outcome = find(RunKeys.outcome(run));
          wanted =
              attempt != null
                  && outcome.isPresent()
                  && outcome.get().attempt() == attempt.number
                  && !isExpired(name);
          wanted |= object.key().value().endsWith(".expired");
        }
        if (!wanted) {
          wrong("left behind: " + object.key());
        }
      }
    }
    int uploads = abortUploads("work", Duration.ZERO) + abortUploads("backups", Duration.ZERO);
    if (uploads > 0 && closed.isEmpty()) {
      wrong(uploads + " uploads are left behind");
    }
  }

  /** Of what came when its run had been closed: whoever made it was not there for two leases. */
  private boolean isLate(RunId run, ObjectKey key) {
    Instant end = closed.get(run);
    return end != null && whenWritten(key).isAfter(end);
  }

  private @Nullable RunId owner(ObjectKey key) {
    if (key.value().startsWith("work/")) {
      return runOfWork(key);
    }
    Attempt attempt = attempts.get(nameOf(key));
    return attempt == null ? null : attempt.run;
  }

  private void checkArchives() {
    Set<ArchiveName> complete = new HashSet<>();
    attempts.forEach((name, attempt) -> {
      Optional<Outcome> outcome = find(RunKeys.outcome(attempt.run));
      if (outcome.isPresent() && outcome.get().attempt() == attempt.number && !isExpired(name)) {
        complete.add(name);
        checkArchive(name, attempt);
      }
    });
    Set<ArchiveName> counting = Set.copyOf(runs.archives(BackupProtocol.SOURCE));
    if (!counting.equals(complete)) {
      wrong("there are the archives " + counting + " instead of " + complete);
    }
  }

  private void checkArchive(ArchiveName name, Attempt attempt) {
    ObjectKey key = RunKeys.archive(BackupProtocol.SOURCE, name);
    Optional<StoredObject> archive = find(key);
    if (archive.isEmpty()) {
      wrong("there is no " + key);
      return;
    }
    Plan plan = find(RunKeys.plan(attempt.run, attempt.number)).orElseThrow();
    if (archive.get().bytes() != plan.bytes()
        || !checksum(key).orElseThrow().equals(plan.crc64nvme())) {
      wrong(key + " is not what was planned");
    }
    try {
      ArchiveReader reader = ArchiveReader.open(this, archive.get());
      Map<String, Long> seen = new HashMap<>();
      ArchiveFiles files = ArchiveFiles.open(this, archive.get());
      for (Component component : reader.parts()) {
        reader.part(component).verify(ProgressListener.NONE);
        read(files, component, attempt, seen);
      }
      Told snapshot = find(RunKeys.snapshot(attempt.run, attempt.number)).orElseThrow();
      boolean fenced = snapshot.announcement().fact(Fact.DatabaseSnapshotTaken.class).fenced();
      long taken = seen.getOrDefault("snapshot", 0L);
      if (seen.getOrDefault("last-pass", -1L) < taken
          || (fenced && seen.getOrDefault("prepared", Long.MAX_VALUE) > taken)) {
        wrong("database and media of " + name + " do not agree: " + seen);
      }
    } catch (IOException e) {
      wrong(key + " cannot be read: " + e);
    }
  }

  /** The content says who has made it, and when. */
  private void read(
      ArchiveFiles files, Component component, Attempt attempt, Map<String, Long> seen)
      throws IOException {
    ByteArrayOutputStream plain = new ByteArrayOutputStream();
    EntryPath path =
        component == Component.DATABASE ? DatabasePart.PATH : EntryPath.of("storage/seen");
    ArchiveEntry _ = files.copy(path, plain).orElseThrow();
    PartOutcome.Committed committed =
        (PartOutcome.Committed)
            find(RunKeys.part(attempt.run, attempt.number, component)).orElseThrow();
    Scanner words = new Scanner(plain.toString(StandardCharsets.US_ASCII));
    String maker = words.next() + " " + words.next() + " " + words.next() + " " + words.next();
    String expected =
        attempt.run + " " + attempt.number + " " + component.label() + " " + committed.epoch();
    if (!maker.equals(expected)) {
      wrong("there is a part by " + maker + " instead of " + expected);
    }
    while (words.hasNext()) {
      seen.put(words.next(), words.nextLong());
    }
  }

  private Instant whenWritten(ObjectKey key) {
    return Objects.requireNonNull(written.get(key));
  }

  private static RunId runOfWork(ObjectKey key) {
    String below = key.value().substring("work/".length());
    return new RunId(below.substring(0, below.indexOf('/')));
  }

  private <T> Optional<T> find(Decision<T> decision) {
    return runs.decisions().find(decision);
  }

  private boolean isExpired(ArchiveName name) {
    return find(RunKeys.expired(BackupProtocol.SOURCE, name)).isPresent();
  }

  private static ArchiveName nameOf(ObjectKey key) {
    return new ArchiveName(key.name().substring(0, key.name().indexOf('.')));
  }

  private static ArchiveName name(ObjectKey key, String ending) {
    return new ArchiveName(key.name().substring(0, key.name().length() - ending.length()));
  }
}
