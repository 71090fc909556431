package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.RestoreFailed;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Restores whose files are exchanged and whose databases are about to be when something goes away
 * and stays away until the deadline: neither forward nor back, and whoever listens is told so.
 */
@Timeout(180)
class HalfwayRestoreIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Duration DEADLINE = Duration.ofSeconds(25);

  @TempDir private static Path folder;

  private static PostgresTestServer postgres;
  private static Installation installation;
  private static String archive;

  @BeforeAll
  static void start() throws Exception {
    postgres = PostgresTestServer.start();
    make("edms", "new");
    Files.writeString(Files.createDirectory(folder.resolve("storage")).resolve("new"), "new");
    installation =
        Installation.start(
            folder,
            postgres,
            new Settings.Jobs(
                Duration.ofSeconds(5),
                Duration.ofMillis(100),
                DEADLINE,
                3,
                Duration.ofSeconds(20),
                2,
                Settings.WhenBusy.WAIT,
                Duration.ofHours(1),
                true,
                5),
            Map.of(
                new SourceName("edms"),
                new Settings.Source(postgres.settings("edms"), media("storage"), null)),
            Map.of(
                new TargetName("app"),
                new Settings.Target(postgres.settings("app"), media("disk/storage"))));
    archive =
        installation
            .console
            .awaitEnd(installation.console.backup("edms"), BackupCompleted.class)
            .archive()
            .value();
  }

  @AfterAll
  static void stop() {
    installation.close();
    postgres.close();
  }

  @BeforeEach
  void plantTarget() throws IOException {
    make("app", "old");
    Files.writeString(
        Files.createDirectories(folder.resolve("disk/storage")).resolve("old"), "old");
  }

  @Test
  void shouldTellThatTheTargetIsNotWhatItWasWhenTheServerStaysAway() throws Exception {
    // when
    RunId run;
    try (Connection holder = postgres.connect("postgres")) {
      run = restoreUpToTheRenaming(holder);
      postgres.stop();
    }

    // then
    RestoreFailed failed = awaitFailure(run);
    assertThat(failed.code()).isEqualTo(FailureCode.DATABASE_UNREACHABLE);
    assertThat(folder.resolve("disk/storage/new")).hasContent("new");
    assertThat(chamber(run).resolve("previous/old")).hasContent("old");
    postgres.restart();
    assertThat(isOpen("app")).isFalse();

    assertCanBePutBackByHand(run);
  }

  @Test
  void shouldTellThatTheTargetIsNotWhatItWasWhenTheDiskStaysAway() throws Exception {
    // when
    RunId run;
    try (Connection holder = postgres.connect("postgres")) {
      run = restoreUpToTheRenaming(holder);
      Files.move(folder.resolve("disk"), folder.resolve("away"));
      Files.createDirectory(folder.resolve("disk"));
      // What it holds open it could go on with.
      breakAllBut(holder);
    }

    // then
    RestoreFailed failed = awaitFailure(run);
    assertThat(failed.code()).isEqualTo(FailureCode.MEDIA_MISSING);
    assertThat(failed.message()).contains("mount the disk");
    assertThat(isOpen("app")).isFalse();

    // when
    Files.delete(folder.resolve("disk"));
    Files.move(folder.resolve("away"), folder.resolve("disk"));

    // then
    assertThat(folder.resolve("disk/storage/new")).hasContent("new");
    assertThat(chamber(run).resolve("previous/old")).hasContent("old");
    assertCanBePutBackByHand(run);
  }

  private static void breakAllBut(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(
          "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
              + " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
    }
  }

  /** As the restore service's README says. */
  private static void assertCanBePutBackByHand(RunId run) throws Exception {
    Commands.run("rm", "-r", folder.resolve("disk/storage").toString());
    Files.move(chamber(run).resolve("previous"), folder.resolve("disk/storage"));
    postgres.execute("postgres", "ALTER DATABASE app ALLOW_CONNECTIONS true");
    Commands.run("rm", "-r", gate(run).toString());
    postgres.execute("postgres", "DROP DATABASE \"restore_" + run + "_1\"");

    assertThat(text("app", "SELECT it FROM what")).isEqualTo("old");
    assertThat(folder.resolve("disk/storage/old")).hasContent("old");
    assertRestorable();
  }

  /** Its files are new and nobody may connect to its database when it comes to the names. */
  private static RunId restoreUpToTheRenaming(Connection holder) throws SQLException {
    holder.setAutoCommit(false);
    try (Statement statement = holder.createStatement()) {
      // Nobody can rename it as long as this lasts.
      statement.execute("COMMENT ON DATABASE app IS 'held'");
    }
    RunId run = replace();
    await()
        .atMost(PATIENCE)
        .until(() ->
            text(
                    "postgres",
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                        + " AND query LIKE 'ALTER DATABASE \"app\" RENAME TO %'")
                .equals("1"));
    return run;
  }

  private static RestoreFailed awaitFailure(RunId run) {
    RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class, PATIENCE);
    assertThat(failed.rolledBack()).isFalse();
    assertThat(failed.message())
        .contains("the target could not be put back")
        .contains("see what the restore service's README says of that");
    assertThat(installation.console.lines(run))
        .anyMatch(line -> line.contains("\"rolledBack\":false"));
    return failed;
  }

  /** What is left there keeps no later restore from succeeding. */
  private static void assertRestorable() throws Exception {
    RestoreCompleted completed =
        installation.console.awaitEnd(replace(), RestoreCompleted.class, PATIENCE);
    assertThat(completed.warnings()).noneMatch(warning -> warning.contains("ALLOW_CONNECTIONS"));
    assertThat(text("app", "SELECT it FROM what")).isEqualTo("new");
    assertThat(folder.resolve("disk/storage/new")).hasContent("new");
    postgres.execute("postgres", "DROP DATABASE app");
    postgres.execute(
        "postgres", "DROP DATABASE IF EXISTS \"" + completed.previousDatabase() + "\"");
    Commands.run("rm", "-r", folder.resolve("disk").toString());
    installation.assertUntouched(postgres, "app");
  }

  private static RunId replace() {
    return installation.console.request(
        "RestoreRequested",
        "{\"source\":\"edms\",\"archive\":\"%s\",\"target\":\"app\",\"options\":{\"replace\":true}}"
            .formatted(archive));
  }

  private static Path gate(RunId run) {
    return folder.resolve("disk/.storage.restore-" + run + "-1");
  }

  /** The folder with a number in which the gate has the files. */
  private static Path chamber(RunId run) throws IOException {
    try (Stream<Path> chambers = Files.list(gate(run))) {
      return chambers.findFirst().orElseThrow();
    }
  }

  private static void make(String database, String content) {
    postgres.createDatabase(database);
    postgres.execute(database, "CREATE TABLE what AS SELECT '" + content + "'::text AS it");
  }

  private static boolean isOpen(String database) throws SQLException {
    return text(
            "postgres",
            "SELECT datallowconn FROM pg_database WHERE datname = '%s'".formatted(database))
        .equals("t");
  }

  private static String text(String database, String query) throws SQLException {
    try (Connection connection = postgres.connect(database);
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      assertThat(row.next()).isTrue();
      return row.getString(1);
    }
  }

  private static Settings.Media media(String name) {
    return new Settings.Media(folder.resolve(name), List.of(), false);
  }
}
