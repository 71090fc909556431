package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.hybridbackup.common.event.Fact.BackupCancelled;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupFailed;
import io.hybridbackup.common.event.Fact.BackupOutcome;
import io.hybridbackup.common.event.Fact.DatabaseSnapshotTaken;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.manifest.References;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.deploy.Installation.Misbehaviour;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a backup needs of its source's server, and what it leaves there. */
@Timeout(180)
class SourceDatabaseIT {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final Duration DEADLINE = Duration.ofSeconds(20);

  @TempDir private static Path folder;
  private static PostgresTestServer postgres;
  private static Optional<PostgresTestServer> standby = Optional.empty();
  private static Installation installation;

  @BeforeAll
  static void start() throws IOException {
    postgres = PostgresTestServer.start();
    Sample.createDatabase(postgres, "edms");
    postgres.execute(
        "edms",
        """
        CREATE TABLE secret AS SELECT 'letter' AS path;
        CREATE SCHEMA hidden;
        CREATE SEQUENCE hidden.counter;
        ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
        CREATE ROLE reader LOGIN;
        CREATE ROLE blinkered LOGIN;
        CREATE ROLE entitled LOGIN BYPASSRLS;
        GRANT pg_read_all_data TO blinkered, entitled;
        GRANT hybrid TO entitled;
        """);
    postgres.createDatabase("closed");
    postgres.execute(
        "closed", "CREATE ROLE plain LOGIN; REVOKE SELECT ON pg_auth_members FROM PUBLIC");
    postgres.createDatabase("extended");
    postgres.execute(
        "extended",
        """
        CREATE TABLE setting (name text);
        CREATE TABLE given (name text);
        ALTER TABLE setting ENABLE ROW LEVEL SECURITY;
        ALTER TABLE given ENABLE ROW LEVEL SECURITY;
        ALTER EXTENSION plpgsql ADD TABLE setting;
        ALTER EXTENSION plpgsql ADD TABLE given;
        UPDATE pg_extension SET extconfig = ARRAY['setting'::regclass::oid], extcondition = '{""}';
        """);
    standby = postgres.startStandby();
    Files.writeString(Files.createDirectory(folder.resolve("storage")).resolve("letter"), "dear");
    Map<SourceName, Settings.Source> sources = new HashMap<>();
    sources.put(new SourceName("edms"), source(postgres, "hybrid", "SELECT path FROM secret"));
    sources.put(new SourceName("slow"), source(postgres, "hybrid", "SELECT pg_sleep(600)::text"));
    for (String user : List.of("reader", "blinkered", "entitled")) {
      sources.put(new SourceName(user), source(postgres, user, "SELECT path FROM secret"));
    }
    for (String user : List.of("reader", "blinkered")) {
      sources.put(
          new SourceName("extended-" + user),
          new Settings.Source(
              new Settings.Database(
                  PostgresTestServer.HOST, postgres.port(), "extended", user, null),
              null,
              null));
    }
    sources.put(
        new SourceName("closed"),
        new Settings.Source(
            new Settings.Database(
                PostgresTestServer.HOST, postgres.port(), "closed", "plain", null),
            null,
            null,
            Settings.Compression.DEFAULT,
            null,
            true));
    standby.ifPresent(server ->
        sources.put(
            new SourceName("standby"), source(server, "hybrid", "SELECT path FROM secret")));
    installation =
        Installation.start(
            folder,
            postgres,
            new Settings.Jobs(
                Duration.ofSeconds(5),
                Duration.ofMillis(300),
                DEADLINE,
                1,
                Duration.ofSeconds(20),
                4,
                Settings.WhenBusy.WAIT,
                Duration.ofHours(1),
                true,
                5),
            sources,
            Map.of());
  }

  @AfterAll
  static void stop() {
    installation.close();
    standby.ifPresent(PostgresTestServer::close);
    postgres.close();
  }

  private static Settings.Source source(PostgresTestServer server, String user, String query) {
    return new Settings.Source(
        new Settings.Database(PostgresTestServer.HOST, server.port(), "edms", user, null),
        new Settings.Media(folder.resolve("storage"), List.of(), false),
        null,
        Settings.Compression.DEFAULT,
        new Settings.ReferenceQuery(query, false),
        false);
  }

  @AfterEach
  void shouldLetTheSnapshotGo() throws IOException {
    installation.pgDump(Misbehaviour.NONE);
    await().atMost(PATIENCE).untilAsserted(() -> assertThat(sessions()).isEmpty());
    installation.assertTidy();
  }

  @Test
  void shouldNameEachRightThatIsMissing() {
    // when
    BackupFailed reader = fail("reader");
    BackupFailed blinkered = fail("blinkered");

    // then
    assertThat(reader.code()).isEqualTo(FailureCode.DATABASE_PERMISSION);
    assertThat(reader.message())
        .contains("tables or sequences", ": 5, such as", "GRANT pg_read_all_data TO reader");
    assertThat(blinkered.code()).isEqualTo(FailureCode.DATABASE_PERMISSION);
    assertThat(blinkered.message())
        .contains("public.secret", "ALTER ROLE blinkered BYPASSRLS")
        .contains("large objects", "GRANT SELECT ON LARGE OBJECT ... TO blinkered")
        .doesNotContain("tables or sequences");
    for (BackupFailed failed : List.of(reader, blinkered)) {
      assertThat(installation.console.facts(failed.backupId(), DatabaseSnapshotTaken.class))
          .isEmpty();
    }
  }

  @Test
  void shouldNameSettingsOfAnExtensionThatCannotBeRead() {
    // when
    BackupFailed reader = fail("extended-reader");
    BackupFailed blinkered = fail("extended-blinkered");

    // then
    assertThat(reader.code()).isEqualTo(FailureCode.DATABASE_PERMISSION);
    assertThat(reader.message()).contains("tables or sequences of", ": 1, such as public.setting");
    assertThat(blinkered.code()).isEqualTo(FailureCode.DATABASE_PERMISSION);
    assertThat(blinkered.message())
        .contains("row security hides rows", ": 1, such as public.setting")
        .doesNotContain("tables or sequences of");
  }

  @Test
  void shouldNameWhatCannotBeReadOfTheServersRoles() {
    // when
    BackupFailed failed = fail("closed");

    // then
    assertThat(failed.code()).isEqualTo(FailureCode.DATABASE_PERMISSION);
    assertThat(failed.message())
        .contains("pg_dumpall may not read", "closed on 127.0.0.1", "pg_auth_members")
        .contains("GRANT SELECT", "to plain", "include-globals");
    assertThat(installation.console.facts(failed.backupId(), DatabaseSnapshotTaken.class))
        .isEmpty();
  }

  @Test
  void shouldBeContentWithTheRightsThatAreDocumented() {
    assertHoldsEverything(backUp("entitled"), "by_entitled");
  }

  @Test
  void shouldBackUpAHotStandby() {
    assumeTrue(standby.isPresent(), "the programs of a server are not installed");
    // when
    postgres.execute("edms", "INSERT INTO department VALUES (21, 'Of late')");
    await()
        .atMost(PATIENCE)
        .until(() -> query(standby.get(), "SELECT max(id) FROM department").equals(List.of("21")));
    BackupCompleted completed = backUp("standby");

    // then
    assertHoldsEverything(completed, "by_standby");
    assertThat(installation.console.facts(completed.backupId(), DatabaseSnapshotTaken.class))
        .singleElement()
        .satisfies(taken -> {
          assertThat(taken.fenced()).isTrue();
          assertThat(taken.lsn()).matches("[0-9A-F]+/[0-9A-F]+");
        });
  }

  @Test
  void shouldEndWithItsSnapshotWhenPgDumpFails() throws IOException {
    // given
    installation.pgDump(Misbehaviour.DIES_HALFWAY);

    // when
    BackupFailed failed = fail("edms");

    // then
    assertThat(failed.code()).isEqualTo(FailureCode.TOOL_FAILED);
  }

  @Test
  void shouldEndWithItsSnapshotWhenItIsCancelled() throws IOException {
    // given
    installation.pgDump(Misbehaviour.STALLS);

    // when
    cancelWithSnapshot("edms");
  }

  @Test
  void shouldEndWithItsSnapshotWhenItIsCancelledDuringTheQuery() {
    cancelWithSnapshot("slow");
  }

  @Test
  void shouldEndWithItsSnapshotAtTheDeadline() throws IOException {
    // given
    installation.pgDump(Misbehaviour.STALLS);

    // when
    BackupFailed failed = fail("edms");

    // then
    assertThat(failed.code()).isEqualTo(FailureCode.DEADLINE);
  }

  @Test
  void shouldEndWithItsSnapshotAtTheDeadlineDuringTheQuery() {
    assertThat(fail("slow").code()).isEqualTo(FailureCode.DEADLINE);
  }

  private static void cancelWithSnapshot(String source) {
    RunId run = installation.console.backup(source);
    installation.console.await(run, DatabaseSnapshotTaken.class);
    assertThat(sessions()).isNotEmpty();
    installation.console.request(
        "BackupCancelRequested", "{\"backupId\":\"%s\",\"source\":\"%s\"}".formatted(run, source));
    installation.console.awaitEnd(run, BackupCancelled.class);
  }

  private static BackupFailed fail(String source) {
    return installation.console.awaitEnd(installation.console.backup(source), BackupFailed.class);
  }

  private static BackupCompleted backUp(String source) {
    return installation.console.awaitEnd(
        installation.console.backup(source), BackupCompleted.class);
  }

  private static void assertHoldsEverything(BackupCompleted completed, String database) {
    assertThat(completed.state()).isEqualTo(BackupOutcome.COMPLETE);
    assertThat(completed.references()).isEqualTo(new References(1, 0, List.of()));
    Path archive = installation.store().resolve(completed.archiveKey());
    Commands.run("tar", "-xzf", archive.toString(), "-C", folder.toString(), "database.dump");
    postgres.createDatabase(database);
    Commands.run(
        postgres.program("pg_restore"),
        "--dbname=" + postgres.url(database),
        folder.resolve("database.dump").toString());
    Sample.assertSameDatabase(postgres, "edms", database);
  }

  /** What the services have open at the source's servers. */
  private static List<String> sessions() {
    return query(
        postgres, "SELECT query FROM pg_stat_activity WHERE application_name = 'hybrid-backup'");
  }

  private static List<String> query(PostgresTestServer server, String sql) {
    List<String> found = new ArrayList<>();
    try (Connection connection = server.connect("edms");
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      while (rows.next()) {
        found.add(rows.getString(1));
      }
    } catch (SQLException e) {
      throw new AssertionError(sql, e);
    }
    return found;
  }
}
