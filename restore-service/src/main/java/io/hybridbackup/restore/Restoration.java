package io.hybridbackup.restore;

import io.hybridbackup.common.archive.ArchiveCorruptException;
import io.hybridbackup.common.archive.UnknownVersionException;
import io.hybridbackup.common.event.Dependent;
import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.RestoreFailed;
import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.event.Fact.TerminalFact;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.DamagedArchives;
import io.hybridbackup.common.job.Outcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.manifest.UnreadableManifestException;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoreException;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.restore.Journal.Back;
import io.hybridbackup.restore.Journal.Begun;
import io.hybridbackup.restore.Journal.Failed;
import io.hybridbackup.restore.Journal.Torn;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Carries out one restore. Everything is fetched, verified and made whole beside the target first,
 * database and files at the same time; a failure up to there leaves it untouched. Then a {@link
 * Swap} exchanges both, or an {@link Overwrite} changes them in place. A later epoch goes on where
 * the {@link Journal} says.
 */
final class Restoration {
  private final Settings settings;
  private final Runs runs;
  private final EventPublisher publisher;
  private final Clock clock;
  private final Targets targets;
  private final DumpFolder dumps;

  Restoration(
      Settings settings, Runs runs, EventPublisher publisher, NativeTools tools, Clock clock) {
    this.settings = settings;
    this.runs = runs;
    this.publisher = publisher;
    this.clock = clock;
    this.targets = new Targets(settings, tools);
    this.dumps = new DumpFolder(settings.dataDirectory());
  }

  /**
   * Restores, from wherever an earlier epoch left off.
   *
   * @param deadline after which nothing more is begun; what has begun is finished
   * @return what came of it: {@link RestoreCompleted}, or {@link RestoreFailed} if an earlier epoch
   *     has decided that
   */
  TerminalFact restore(RestoreStarted started, Instant deadline, Work work)
      throws ComponentFailure, InterruptedException {
    try {
      Journal journal = journal(started, work);
      journal.take();
      if (journal.end().isEmpty() && journal.begun().isEmpty()) {
        if (!clock.instant().isBefore(deadline)) {
          throw ComponentFailure.permanent(
              FailureCode.DEADLINE, "the restore had not ended by its deadline, " + deadline, null);
        }
        removeScratch(started, journal, work.epoch() + 1);
        Preparation preparation = preparation(started, work);
        if (options(started).isRehearsal()) {
          return preparation.rehearse();
        }
        preparation.prepare(journal);
      }
      Optional<Begun> begun = journal.begun();
      return begun.isPresent() && ending(started, begun.get(), journal, work).forward()
          ? completed(started, begun.get(), work)
          : back(started, journal, work, null);
    } catch (ArchiveCorruptException e) {
      throw damaged(started, e, work);
    } catch (UnreadableManifestException | UnknownVersionException e) {
      throw ComponentFailure.permanent(
          FailureCode.ARCHIVE_CORRUPT,
          "archive " + started.archive() + " cannot be restored: " + e.getMessage(),
          e);
    } catch (ComponentFailure e) {
      if (e.code() == FailureCode.ARCHIVE_CORRUPT) {
        mark(started, String.valueOf(e.getMessage()), work);
      }
      throw e;
    } catch (IOException e) {
      throw failure(e);
    }
  }

  /** What cannot be restored is nothing to build upon either. */
  private void mark(RestoreStarted started, String finding, Work work) throws InterruptedException {
    ObjectKey archive = RunKeys.archive(new SourceName(started.source()), started.archive());
    work.insist(
        () -> new DamagedArchives(runs.store()).mark(archive, finding, started.restoreId()));
  }

  private ComponentFailure damaged(RestoreStarted started, ArchiveCorruptException e, Work work)
      throws InterruptedException {
    ObjectKey key = RunKeys.archive(new SourceName(started.source()), started.archive());
    StoredObject archive =
        work.insist(
            () -> runs.store().find(key).orElseThrow(() -> new StoreException.Missing(key)));
    try {
      return new DamagedArchives(runs.store())
              .mark(archive, e, started.restoreId(), (bytes, files) -> work.checkpoint())
          ? ComponentFailure.permanent(
              FailureCode.ARCHIVE_CORRUPT,
              "archive "
                  + started.archive()
                  + " is damaged: "
                  + e.getMessage()
                  + "; use another one",
              e)
          : ComponentFailure.passing(
              FailureCode.INTERNAL,
              "archive "
                  + started.archive()
                  + " was damaged when it was first read, and not when it was read again; check the"
                  + " way to the store, and this machine's memory: "
                  + e.getMessage(),
              e);
    } catch (IOException again) {
      return failure(again);
    }
  }

  private static ComponentFailure failure(IOException e) {
    String said = String.valueOf(e.getMessage());
    return said.contains("No space left on device")
        ? ComponentFailure.permanent(
            FailureCode.DISK_FULL,
            "there is no room left in data-directory or beside the target folder: "
                + said
                + "; free some and ask again",
            e)
        : ComponentFailure.passing(FailureCode.INTERNAL, "the restore broke off: " + e, e);
  }

  /**
   * Ends a restore that cannot succeed: the target is made what it was.
   *
   * @return what came of it; {@link RestoreCompleted} if the restore had succeeded after all
   * @throws ComponentFailure if the target cannot be made what it was
   */
  TerminalFact giveUp(RestoreStarted started, FailureCode code, String message, Work work)
      throws ComponentFailure, InterruptedException {
    try {
      Journal journal = journal(started, work);
      return back(started, journal, work, new Back(work.epoch(), code, message));
    } catch (IOException e) {
      throw failure(e);
    }
  }

  /**
   * @param reason null if it has been decided
   */
  private TerminalFact back(
      RestoreStarted started, Journal journal, Work work, @Nullable Back reason)
      throws ComponentFailure, IOException, InterruptedException {
    Optional<Begun> begun = journal.begun();
    if (begun.isEmpty()) {
      if (reason != null) {
        boolean _ = journal.append(reason);
      }
    } else {
      Failed standing = reason != null ? reason : decided(journal);
      Ending ending = ending(started, begun.get(), journal, work);
      if (!ending.back(standing)) {
        boolean _ = ending.forward();
        return completed(started, begun.get(), work);
      }
    }
    Failed decided = decided(journal);
    Optional<String> strays =
        begun.isEmpty() ? Optional.empty() : strays(begun.get().exchange().media());
    return failed(
        started,
        decided.code(),
        decided.message() + strays.map(warning -> "; " + warning).orElse(""),
        decided instanceof Back,
        work);
  }

  private static Failed decided(Journal journal) throws InterruptedException {
    if (journal.end().orElseThrow() instanceof Failed failed) {
      return failed;
    }
    throw new IllegalStateException("the journal says that the restore is done");
  }

  /** People are told of what the application has lost sight of. */
  private static Optional<String> strays(Exchange.@Nullable Folders folders) throws IOException {
    return (folders == null ? Optional.<Path>empty() : Gate.keptStrays(folders))
        .map(kept ->
            "something made files in the target folder while it was exchanged: they are kept in "
                + kept
                + "; move what is wanted back, and remove the rest");
  }

  /**
   * Removes what a restore that has ended left beside its target.
   *
   * @return false if the target is neither what it was nor what it was to become: people need what
   *     is left there
   */
  boolean tidyUp(RestoreStarted started, Work work)
      throws IOException, ComponentFailure, InterruptedException {
    Journal journal = journal(started, work);
    if (isHalfway(started.restoreId(), journal, work)) {
      return false;
    }
    // What was refused has left nothing, and its target may never answer.
    if (journal.prepares()) {
      removeScratch(started, journal, Integer.MAX_VALUE);
    }
    return true;
  }

  private boolean isHalfway(RunId run, Journal journal, Work work) throws InterruptedException {
    if (journal.begun().isEmpty() || journal.end().orElse(null) instanceof Torn) {
      return false;
    }
    Optional<Outcome> outcome = work.insist(() -> runs.decisions().find(RunKeys.outcome(run)));
    return outcome.orElseThrow().announcement().fact() instanceof RestoreFailed failed
        && !failed.rolledBack();
  }

  /** Removes the dumps of restores that have ended, here or elsewhere. */
  void removeForgottenDumps() throws IOException {
    dumps.removeForgotten(ended -> runs.decisions().isMade(RunKeys.outcome(ended)));
  }

  /** The restores of which there is something beside that target or in it, known or not. */
  Set<RunId> restores(Settings.Target target) throws ComponentFailure, IOException {
    return targets.restores(target);
  }

  /**
   * Removes what a restore that has ended has replaced.
   *
   * @throws ComponentFailure if it cannot be, or cannot be seen: that may pass
   */
  void removeKept(RestoreStarted started, Work work)
      throws IOException, ComponentFailure, InterruptedException {
    Optional<Begun> begun = journal(started, work).begun();
    if (begun.isEmpty()) {
      return;
    }
    Exchange.@Nullable Databases databases = begun.get().exchange().database();
    if (databases != null && databases.previous() != null) {
      targets.database(started, databases.name()).removeKept(databases);
    }
    Exchange.@Nullable Folders folders = begun.get().exchange().media();
    if (folders != null && folders.existed()) {
      Gate.removeKept(folders, started.restoreId());
    }
  }

  private Journal journal(RestoreStarted started, Work work) {
    return new Journal(runs.decisions(), started.restoreId(), work);
  }

  private Preparation preparation(RestoreStarted started, Work work) {
    return new Preparation(settings, runs, publisher, clock, targets, dumps, started, work);
  }

  private Ending ending(RestoreStarted started, Begun begun, Journal journal, Work work)
      throws ComponentFailure {
    return options(started).overwrites()
        ? overwrite(started, begun, journal, work)
        : swap(started, begun, journal, work);
  }

  private Overwrite overwrite(RestoreStarted started, Begun begun, Journal journal, Work work)
      throws ComponentFailure {
    RunId run = started.restoreId();
    String name = begun.overwritten();
    Optional<DatabaseTarget> database =
        name == null ? targets.database(started) : Optional.of(targets.database(started, name));
    return new Overwrite(
        begun,
        journal,
        work,
        database.map(overwritten -> overwritten.inPlace(run, options(started))),
        () ->
            begun.epoch() == work.epoch()
                ? dumps.place(run, work.epoch())
                : preparation(started, work).fetchDumpAgain(),
        Optional.ofNullable(begun.exchange().media())
            .map(folders -> targets.gate(started, folders, work)),
        step -> Targets.told(started, step));
  }

  private Swap swap(RestoreStarted started, Begun begun, Journal journal, Work work)
      throws ComponentFailure {
    Exchange exchange = begun.exchange();
    Exchange.@Nullable Databases databases = exchange.database();
    return new Swap(
        begun,
        journal,
        work,
        databases == null
            ? Optional.empty()
            : Optional.of(targets.database(started, databases.name())),
        Optional.ofNullable(exchange.media()).map(folders -> targets.gate(started, folders, work)),
        options(started).replaces() || started.undoes() != null,
        options(started).overrides(Dependent.PREPARED_TRANSACTIONS),
        step -> Targets.told(started, step));
  }

  static RestoreOptions options(RestoreStarted started) {
    return started.options() == null ? RestoreOptions.NONE : started.options();
  }

  private RestoreCompleted completed(RestoreStarted started, Begun begun, Work work)
      throws IOException {
    Exchange.@Nullable Databases databases = begun.exchange().database();
    Exchange.@Nullable Folders folders = begun.exchange().media();
    List<String> warnings = new ArrayList<>(begun.warnings());
    strays(folders).ifPresent(warnings::add);
    return new RestoreCompleted(
        started.restoreId(),
        started.source(),
        started.target(),
        work.next(1),
        started.archive(),
        started.components(),
        begun.databaseBytes(),
        begun.storageBytes(),
        begun.files(),
        begun.durations(),
        warnings,
        databases == null || databases.previous() == null ? null : databases.keptAs(),
        folders == null || !folders.existed() || options(started).overwrites()
            ? null
            : folders.keptAs(),
        started.undoes(),
        null,
        started.requestedBy());
  }

  RestoreFailed failed(
      RestoreStarted started, FailureCode code, String message, boolean rolledBack, Work work) {
    return new RestoreFailed(
        started.restoreId(),
        started.source(),
        started.target(),
        work.next(1),
        code,
        message,
        rolledBack,
        started.requestedBy());
  }

  /**
   * @param before only what epochs before this one have left
   */
  private void removeScratch(RestoreStarted started, Journal journal, int before)
      throws IOException, ComponentFailure, InterruptedException {
    RunId run = started.restoreId();
    for (Exchange.Folders folders : journal.folders()) {
      Gate.remove(folders, run, before);
    }
    dumps.remove(run, before);
    Optional<DatabaseTarget> database = targets.database(started);
    if (database.isPresent() && options(started).overwrites()) {
      database.get().inPlace(run, options(started)).removeMarker();
    } else if (database.isPresent() && started.undoes() == null) {
      database.get().dropScratch(run, before);
    }
  }
}
