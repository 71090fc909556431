package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.event.Fact.RestoreFailed;
import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.Claim;
import io.hybridbackup.common.job.Outcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.TestWork;
import io.hybridbackup.common.messaging.TestPublisher;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.restore.Journal.Begun;
import io.hybridbackup.restore.Journal.Preparing;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class ScratchSweepIT {
  private static final RestoreOptions IN_PLACE =
      new RestoreOptions(true, null, null, null, null, null, null, null, true, null);

  @TempDir private Path folder;

  private final NativeTools tools = new NativeTools();
  private final Runs runs = new Runs(new InMemoryObjectStore(InstantSource.system(), true));
  private PostgresTestServer postgres;
  private Settings settings;

  @BeforeEach
  void start() throws IOException {
    postgres = PostgresTestServer.start();
    postgres.createDatabase("standby");
    Files.createDirectory(folder.resolve("mount"));
    settings =
        TestSettings.of(
            folder,
            Duration.ofSeconds(10),
            new Settings.Tools(
                "pg_dump",
                "pg_dumpall",
                postgres.program("pg_restore"),
                postgres.program("psql"),
                "rsync"),
            Map.of(
                new TargetName("beside"), target("storage"),
                new TargetName("within"), target("mount")));
  }

  private Settings.Target target(String media) {
    return new Settings.Target(
        postgres.settings("standby"),
        new Settings.Media(folder.resolve(media), List.of(), false),
        true);
  }

  @AfterEach
  void stop() {
    tools.close();
    postgres.close();
  }

  @Test
  void shouldRemoveWhatWasMadeForARestoreAfterItHadBeenTidiedUpAfter() throws Exception {
    // given
    RunId beside = ended("beside", RestoreOptions.NONE);
    RunId within = ended("within", RestoreOptions.NONE);
    RunId inPlace = ended("beside", IN_PLACE);
    RunId open = ended("beside", RestoreOptions.NONE);
    runs.markOpen(open);
    RunId halfway = ended("beside", RestoreOptions.NONE, true);
    RunId strange = RunId.ofRequest("/test", "of another installation");
    List<Path> remaining = new ArrayList<>();
    for (RunId run : List.of(beside, within, open, halfway, strange)) {
      postgres.createDatabase("restore_" + run + "_3");
      String gate = run.equals(within) ? "mount/." : ".storage.";
      Path scratch = Files.createDirectories(folder.resolve(gate + "restore-" + run + "-3/next"));
      if (Set.of(open, halfway, strange).contains(run)) {
        remaining.add(scratch);
      }
    }
    postgres.execute("standby", "CREATE SCHEMA restore_" + inPlace);
    postgres.execute("standby", "CREATE SCHEMA restore_" + strange);
    Path dump = Files.createDirectories(folder.resolve("data/restore/" + beside));
    Files.createFile(dump.resolve("3.dump"));

    // when
    sweep();

    // then
    assertThat(names("SELECT datname FROM pg_database WHERE datname LIKE 'restore%'", "postgres"))
        .containsExactlyInAnyOrder(
            "restore_" + open + "_3", "restore_" + halfway + "_3", "restore_" + strange + "_3");
    assertThat(names("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'restore%'", "standby"))
        .containsExactly("restore_" + strange);
    try (var left = Files.newDirectoryStream(folder, ".storage.*")) {
      assertThat(left)
          .containsExactlyInAnyOrderElementsOf(remaining.stream().map(Path::getParent).toList());
    }
    assertThat(folder.resolve("mount")).isEmptyDirectory();
    assertThat(dump).doesNotExist();
  }

  private void sweep() throws InterruptedException {
    new ScratchSweep(
            runs,
            new Restoration(settings, runs, TestPublisher.to(_ -> {}), tools, Clock.systemUTC()),
            settings)
        .sweep();
  }

  private List<String> names(String query, String database) throws SQLException {
    List<String> names = new ArrayList<>();
    try (Connection connection = postgres.connect(database);
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(query)) {
      while (rows.next()) {
        names.add(rows.getString(1));
      }
    }
    return names;
  }

  /** A restore that had been prepared, failed, and was closed. */
  private RunId ended(String target, RestoreOptions options) throws Exception {
    return ended(target, options, false);
  }

  /**
   * @param halfway whether the target had been changed, and could not be made what it was
   */
  private RunId ended(String target, RestoreOptions options, boolean halfway) throws Exception {
    RunId run = RunId.ofRequest("/test", target + " " + System.nanoTime());
    Instant now = Instant.now();
    Claim _ =
        runs.answer(
            run,
            new Claim(
                new Announcement(
                    new RestoreStarted(
                        run,
                        "edms",
                        target,
                        new Origin(Component.RESTORE, 0, 0, 1),
                        new ArchiveName("backup_20260111_020000"),
                        EnumSet.of(Component.DATABASE, Component.MEDIA),
                        options,
                        null,
                        null),
                    now),
                now.plus(Duration.ofHours(1))));
    Journal journal = new Journal(runs.decisions(), run, TestWork.on(run, Component.RESTORE, 3));
    journal.take();
    MediaTarget media =
        new MediaTarget(folder.resolve(target.equals("within") ? "mount" : "storage"));
    Exchange.Folders plan = media.plan(run);
    assertThat(
            journal.append(
                new Preparing(
                    3,
                    new Exchange.Folders(
                        plan.folder(),
                        target.equals("within"),
                        plan.existed(),
                        plan.keptAs(),
                        null,
                        false))))
        .isTrue();
    if (halfway) {
      assertThat(
              journal.append(
                  new Begun(3, new Exchange(null, plan), null, 1L, 1L, Map.of(), List.of())))
          .isTrue();
    }
    RestoreFailed end =
        new RestoreFailed(
            run,
            "edms",
            target,
            new Origin(Component.RESTORE, 0, 4, 1),
            FailureCode.DEADLINE,
            "it had not ended by its deadline",
            !halfway,
            null);
    Outcome _ =
        runs.decisions().decide(RunKeys.outcome(run), new Outcome(new Announcement(end, now), 0));
    runs.close(run);
    return run;
  }
}
