package io.hybridbackup.deploy.chaos;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.deploy.Sample;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.util.FileSystemUtils;

/** A backup of every source and a restore, while faults strike; then a look at what is left. */
final class Round {
  /** Beyond the deadline of a run, which ends it in any case. */
  private static final Duration PATIENCE = Duration.ofMinutes(4);

  private static final Duration POLL = Duration.ofMillis(100);

  /** What is told of every backup before its end, whoever had died before telling it. */
  private static final List<Class<? extends Fact>> STORY =
      List.of(
          Fact.BackupAccepted.class,
          Fact.BackupStarted.class,
          Fact.MediaPrepared.class,
          Fact.DatabaseSnapshotTaken.class,
          Fact.MediaSyncCompleted.class,
          Fact.DatabaseDumpCompleted.class);

  private final Site site;
  private final Application application;
  private final Journal journal;
  private final Faults faults;
  private final Inspection inspection;
  private final int number;
  private final Random random;
  private final List<String> ends = new ArrayList<>();
  private final long begun = System.nanoTime();
  private final List<String> times = new ArrayList<>();

  Round(
      Site site,
      Application application,
      Journal journal,
      Faults faults,
      Inspection inspection,
      int number,
      Random random) {
    this.site = site;
    this.application = application;
    this.journal = journal;
    this.faults = faults;
    this.inspection = inspection;
    this.number = number;
    this.random = random;
  }

  /**
   * Fails if anything was lost.
   *
   * @return the cards whose step was not hit
   */
  List<Card> play(List<Card> cards) throws IOException {
    application.clear();
    if (isReplacing()) {
      application.occupy(inTurn().getFirst());
    }
    application.change(random);
    faults.arm(cards, random);
    Map<String, RunId> backups = new LinkedHashMap<>();
    for (String source : Site.SOURCES) {
      backups.put(source, journal.backup(source));
    }
    Map<String, String> archives = new LinkedHashMap<>();
    // What is there first is restored while the other backup goes on.
    Optional<String> restored = Optional.empty();
    @Nullable RunId restore = null;
    for (String source : inTurn()) {
      if (end(requireNonNull(backups.get(source))) instanceof Fact.BackupCompleted completed) {
        archives.put(source, completed.archive().value());
        inspection.expect(completed.archiveKey(), completed.manifest());
        if (restored.isEmpty()) {
          restored = Optional.of(source);
          restore =
              journal.restore(source, completed.archive().value(), Site.TARGET, isReplacing());
        }
      }
    }
    if (restore == null) {
      // An older archive serves, for the faults of a restore.
      restore = journal.restore(inTurn().getFirst(), "latest", Site.TARGET, isReplacing());
    }
    noteTime("backups");
    for (String source : archives.keySet()) {
      if (!restored.equals(Optional.of(source))) {
        Path unpacked = unpack(source, requireNonNull(archives.get(source)));
        Sample.assertSameFiles(site.files(source), unpacked.resolve("storage"));
      }
    }
    Fact.TerminalFact restoreEnd = end(restore);
    noteTime("restore");
    await("that the site is whole and no run is open")
        .atMost(PATIENCE)
        .pollInterval(POLL)
        .until(() ->
            site.hasProblems() || (faults.isQuiet() && site.isWhole() && inspection.isClosed()));
    assertNoProblems();
    List<Card> missed = faults.disarm();
    switch (restoreEnd) {
      case Fact.RestoreCompleted completed -> assertNew(completed, restored);
      case Fact.RestoreFailed failed -> assertUntouched(failed);
      default -> throw new AssertionError("no end of a restore: " + restoreEnd);
    }
    await("that nothing is left over")
        .atMost(Duration.ofSeconds(10))
        .pollInterval(POLL)
        .untilAsserted(() -> {
          inspection.look();
          assertThat(journal.wrongStates()).as("states").isEmpty();
        });
    assertNoProblems();
    inspection.forget();
    noteTime("all");
    return missed;
  }

  private List<String> inTurn() {
    return number % 2 == 0 ? Site.SOURCES : Site.SOURCES.reversed();
  }

  /** In two rounds of three the target holds an older state, which is replaced. */
  private boolean isReplacing() {
    return number % 3 != 0;
  }

  private void noteTime(String done) {
    times.add("%s %.1f s".formatted(done, (System.nanoTime() - begun) / 1e9));
  }

  /** After how long what was done, for people. */
  String times() {
    return String.join(", ", times);
  }

  /** How each run ended, for people. */
  List<String> ends() {
    return ends;
  }

  /** Waits for the fact that ends a run, which has to be the expected one. */
  private Fact.TerminalFact end(RunId run) {
    Fact.TerminalFact end =
        await("the end of " + run)
            .atMost(PATIENCE)
            .pollInterval(POLL)
            .until(() -> journal.end(run), Optional::isPresent)
            .orElseThrow();
    String name = end.getClass().getSimpleName();
    switch (end) {
      case Fact.BackupCompleted _ -> {
        ends.add(name);
        assertThat(journal.told(run)).as("facts of " + run).containsAll(STORY);
      }
      case Fact.RestoreCompleted _ -> {
        ends.add(name);
        assertThat(journal.told(run)).as("facts of " + run).contains(Fact.RestoreStarted.class);
      }
      case Fact.BackupCancelled _ -> {
        ends.add(name);
        assertThat(struck(Fault.CANCEL)).as("somebody has cancelled").isTrue();
      }
      case Fact.BackupFailed failed -> {
        ends.add(name + " " + failed.code());
        assertThat(excuses()).as(failed.toString()).contains(failed.code());
      }
      case Fact.RestoreFailed failed -> {
        ends.add(name + " " + failed.code());
        assertThat(excuses()).as(failed.toString()).contains(failed.code());
      }
      default -> throw new AssertionError("the run ended otherwise: " + end);
    }
    return end;
  }

  /** The failures that the faults of this round explain. */
  private Set<FailureCode> excuses() {
    Set<FailureCode> excuses = EnumSet.noneOf(FailureCode.class);
    if (struck(Fault.DISK_FULL)) {
      excuses.add(FailureCode.DISK_FULL);
    }
    return excuses;
  }

  private boolean struck(Fault fault) {
    return faults.hits().stream().anyMatch(hit -> hit.aim().fault() == fault);
  }

  private void assertUntouched(Fact.RestoreFailed failed) throws IOException {
    assertThat(failed.rolledBack()).as(failed.toString()).isTrue();
    if (isReplacing()) {
      application.assertOlder(Site.TARGET, site.restored());
    }
    assertThat(application.databases()).hasSize(isReplacing() ? 1 : 0);
    assertThat(application.folders()).hasSize(isReplacing() ? 1 : 0);
  }

  /**
   * @param source whose archive of this round it was; of an older archive the source has changed
   */
  private void assertNew(Fact.RestoreCompleted completed, Optional<String> source)
      throws IOException {
    if (source.isPresent()) {
      application.assertRestored(source.get());
    } else {
      Path unpacked = unpack(completed.source(), completed.archive().value());
      application.assertRestoredFrom(unpacked);
    }
    if (isReplacing()) {
      String database = requireNonNull(completed.previousDatabase());
      site.postgres()
          .execute("postgres", "ALTER DATABASE \"" + database + "\" ALLOW_CONNECTIONS true");
      application.assertOlder(database, Path.of(requireNonNull(completed.previousFolder())));
    }
    assertThat(application.databases()).hasSize(isReplacing() ? 2 : 1);
    assertThat(application.folders()).hasSize(isReplacing() ? 2 : 1);
  }

  /** As an administrator would, with nothing of ours. */
  private Path unpack(String source, String archive) throws IOException {
    Path folder = site.folder().resolve("by-hand");
    FileSystemUtils.deleteRecursively(folder);
    Path unpacked = Files.createDirectories(folder.resolve("unpacked"));
    Path file = folder.resolve("archive.tar.gz");
    inspection.download("backups/" + source + "/" + archive + ".tar.gz", file);
    Commands.run("gzip", "-t", file.toString());
    Commands.run(
        "tar",
        "--xattrs",
        "--xattrs-include=*",
        "--acls",
        "--numeric-owner",
        "-xpzf",
        file.toString(),
        "-C",
        unpacked.toString());
    Commands.run(
        site.postgres().program("pg_restore"),
        "--file=/dev/null",
        unpacked.resolve("database.dump").toString());
    return unpacked;
  }

  private void assertNoProblems() {
    List<String> problems = new ArrayList<>(journal.takeProblems());
    problems.addAll(site.takeProblems());
    problems.addAll(faults.takeProblems());
    assertThat(problems).as("problems").isEmpty();
  }

  @Override
  public String toString() {
    return ends.stream().collect(Collectors.joining(", "))
        + " | "
        + faults.hits().stream().map(Faults.Hit::toString).collect(Collectors.joining(" "));
  }
}
