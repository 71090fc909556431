package io.hybridbackup.common.job;

import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.store.ObjectKey;
import java.util.Locale;

/**
 * Where everything lies in the object store.
 *
 * <pre>
 * backups/SOURCE/ARCHIVE.tar.gz             an archive
 * backups/SOURCE/ARCHIVE.manifest.json      makes it count
 * backups/SOURCE/ARCHIVE.expired            makes it count no more
 * backups/SOURCE/ARCHIVE.damaged            what was found; no backup builds upon it any more
 * names/SOURCE/ARCHIVE                      reserves the name, for ever
 * slots/backup/SOURCE/000001                which run of the source is under way: the newest slot's
 * slots/restore/TARGET/000001               which run to the target is under way
 * scrubs/SOURCE/COMPONENT/000001            a share of what was taken over has been read again
 * open/RUN                                  marks a run that has not ended or not been tidied up
 * kept/RUN                                  what that restore has replaced is still there
 * runs/RUN/claim                            the answer to the request
 * runs/RUN/outcome                          how it ended
 * runs/RUN/told                             the outcome has been carried out and published
 * runs/RUN/COMPONENT/epoch-00001            who works on a whole run (packager, restore), and
 *                                           beside it the .heartbeat of each epoch
 * runs/RUN/restore/journal-00001            what a restore does to its target, step by step
 * runs/RUN/attempt-01/opened                name and time of the archive
 * runs/RUN/attempt-01/prepared, snapshot,
 *                     references            what media and database tell each other
 * runs/RUN/attempt-01/COMPONENT/outcome     a part's inventory, or why there is none
 * runs/RUN/attempt-01/COMPONENT/epoch-00001 who works on it
 * runs/RUN/attempt-01/plan, verdict         of the packager
 * work/RUN/attempt-01/COMPONENT/epoch-00001 bulk; gone when the run has ended
 * </pre>
 */
public final class RunKeys {
  public static final ObjectKey OPEN = new ObjectKey("open");

  public static final ObjectKey KEPT = new ObjectKey("kept");

  private static final String ARCHIVE_ENDING = ".tar.gz";

  static final String MANIFEST_ENDING = ".manifest.json";
  static final String EXPIRED_ENDING = ".expired";

  private RunKeys() {}

  public static ObjectKey open(RunId run) {
    return OPEN.resolve(run.value());
  }

  /** Marks a restore that has replaced something, until that is removed. */
  public static ObjectKey kept(RunId run) {
    return KEPT.resolve(run.value());
  }

  public static ObjectKey run(RunId run) {
    return ObjectKey.of("runs", run.value());
  }

  public static Decision<Claim> claim(RunId run) {
    return new Decision<>(run(run).resolve("claim"), Claim.class);
  }

  public static Decision<Outcome> outcome(RunId run) {
    return new Decision<>(run(run).resolve("outcome"), Outcome.class);
  }

  /** That the outcome has been carried out and published. */
  public static Decision<Outcome> told(RunId run) {
    return new Decision<>(run(run).resolve("told"), Outcome.class);
  }

  public static ObjectKey attempt(RunId run, int attempt) {
    return run(run).resolve(attemptName(attempt));
  }

  public static Decision<AttemptOpened> opened(RunId run, int attempt) {
    return new Decision<>(attempt(run, attempt).resolve("opened"), AttemptOpened.class);
  }

  public static Decision<Told> prepared(RunId run, int attempt) {
    return new Decision<>(attempt(run, attempt).resolve("prepared"), Told.class);
  }

  public static Decision<Told> snapshot(RunId run, int attempt) {
    return new Decision<>(attempt(run, attempt).resolve("snapshot"), Told.class);
  }

  public static Decision<MediaReferences> references(RunId run, int attempt) {
    return new Decision<>(attempt(run, attempt).resolve("references"), MediaReferences.class);
  }

  public static Decision<PartOutcome> part(RunId run, int attempt, Component component) {
    return new Decision<>(
        attempt(run, attempt).resolve(component.label()).resolve("outcome"), PartOutcome.class);
  }

  public static Decision<Plan> plan(RunId run, int attempt) {
    return new Decision<>(attempt(run, attempt).resolve("plan"), Plan.class);
  }

  public static Decision<Verdict> verdict(RunId run, int attempt) {
    return new Decision<>(attempt(run, attempt).resolve("verdict"), Verdict.class);
  }

  /** The epochs of a component that works on the whole run. */
  public static ObjectKey epochs(RunId run, Component component) {
    return run(run).resolve(component.label());
  }

  /** The epochs of a component that works on an attempt. */
  public static ObjectKey epochs(RunId run, int attempt, Component component) {
    return attempt(run, attempt).resolve(component.label());
  }

  public static ObjectKey work(RunId run) {
    return ObjectKey.of("work", run.value());
  }

  /** Where the epochs of a component put their bulk. */
  public static ObjectKey work(RunId run, int attempt, Component component) {
    return work(run).resolve(attemptName(attempt)).resolve(component.label());
  }

  /** Where one epoch of a component puts its bulk. */
  public static ObjectKey work(RunId run, int attempt, Component component, int epoch) {
    return work(run, attempt, component).resolve(epochName(epoch));
  }

  /** Whose turn it is to be backed up from this source. */
  public static ObjectKey slots(SourceName source) {
    return ObjectKey.of("slots", "backup", source.value());
  }

  /** Whose turn it is to be restored to this target. */
  public static ObjectKey slots(TargetName target) {
    return ObjectKey.of("slots", "restore", target.value());
  }

  /** The shares that have been read of what a source's parts of a component took over. */
  static ObjectKey scrubs(SourceName source, Component component) {
    return ObjectKey.of("scrubs", source.value(), component.label());
  }

  public static ObjectKey backups(SourceName source) {
    return ObjectKey.of("backups", source.value());
  }

  public static ObjectKey archive(SourceName source, ArchiveName name) {
    return backups(source).resolve(name + ARCHIVE_ENDING);
  }

  public static ObjectKey manifest(SourceName source, ArchiveName name) {
    return backups(source).resolve(name + MANIFEST_ENDING);
  }

  /** Written by retention before it deletes an archive's manifest: the archive no longer counts. */
  public static ObjectKey expired(SourceName source, ArchiveName name) {
    return backups(source).resolve(name + EXPIRED_ENDING);
  }

  /** Written by whoever finds that an archive is not what it was; it holds what was found. */
  public static ObjectKey damaged(ObjectKey archive) {
    String key = archive.value();
    return new ObjectKey(key.substring(0, key.length() - ARCHIVE_ENDING.length()) + ".damaged");
  }

  public static ObjectKey reservedName(SourceName source, ArchiveName name) {
    return ObjectKey.of("names", source.value(), name.value());
  }

  static String epochName(int epoch) {
    return String.format(Locale.ROOT, "epoch-%05d", epoch);
  }

  private static String attemptName(int attempt) {
    return String.format(Locale.ROOT, "attempt-%02d", attempt);
  }

  /** The number of an attempt's folder name; 0 if it is something else. */
  static int attemptNumber(String name) {
    return name.matches("attempt-(\\d{2}|[1-9]\\d{2,8})") ? Integer.parseInt(name.substring(8)) : 0;
  }
}
