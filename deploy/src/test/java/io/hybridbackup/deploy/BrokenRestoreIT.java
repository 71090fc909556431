package io.hybridbackup.deploy;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.RestoreFailed;
import io.hybridbackup.common.event.Fact.RestoreProgressed;
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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Disks that fill and servers that go away in the middle of a restore. */
@Timeout(180)
class BrokenRestoreIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** What a symbolic link needs a block of some disks for, which nobody can know of any. */
  private static final String LONG = "far away ".repeat(25);

  @TempDir private static Path folder;

  private static PostgresTestServer postgres;
  private static Installation installation;

  @BeforeAll
  static void start() throws Exception {
    postgres = PostgresTestServer.start();
    Sample.createLargeDatabase(postgres, "pages", 20_000);
    postgres.createDatabase("slow");
    postgres.execute(
        "slow",
        "CREATE TABLE page (number int CHECK (pg_sleep(3)::text = '')); INSERT INTO page VALUES (7)");
    Path many = Files.createDirectory(folder.resolve("many"));
    for (int n = 0; n < 1000; n++) {
      Files.writeString(many.resolve(n + ".txt"), "letter " + n);
      Files.createSymbolicLink(many.resolve(n + ".link"), Path.of(LONG));
    }
    installation =
        Installation.start(
            folder,
            postgres,
            Installation.jobs(5),
            Map.of(
                new SourceName("pages"), source("pages", "many"),
                new SourceName("slow"), source("slow", "many")),
            Map.of(
                new TargetName("beside"), target("target", "disk/storage"),
                new TargetName("within"), target("target", "disk"),
                new TargetName("target"), target("target", "target")));
  }

  @AfterAll
  static void stop() {
    installation.close();
    postgres.close();
  }

  @AfterEach
  void shouldLeaveNothingBehind() {
    postgres.execute("postgres", "DROP DATABASE IF EXISTS target");
    Commands.run("rm", "-rf", folder.resolve("target").toString());
    installation.assertUntouched(postgres, "target");
    installation.assertTidy();
  }

  @ParameterizedTest
  @ValueSource(strings = {"beside", "within"})
  void shouldLeaveTheTargetAloneWhenItsDiskFills(String target) throws Exception {
    assumeTrue(Commands.root(), "only root can mount a small disk");
    // given
    String archive = archive("pages");
    plantDatabase("mine");
    try (SmallDisk disk = SmallDisk.mount(folder.resolve("disk"))) {
      Path media = folder.resolve(target.equals("within") ? "disk" : "disk/storage");
      Files.createDirectories(media);
      Files.writeString(media.resolve("mine"), "mine");
      // There is room for the files, but not for the links as well.
      disk.leave(5);

      // when
      RunId run = replace("pages", archive, target);

      // then
      RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class);
      assertThat(failed.code()).isEqualTo(FailureCode.DISK_FULL);
      assertThat(failed.message()).contains("beside the target folder", "free some");
      assertThat(failed.rolledBack()).isTrue();
      assertThat(contentOfTarget()).isEqualTo("mine");
      assertLeft(media);
      if (target.equals("beside")) {
        assertThat(folder.resolve("disk").toFile().list()).containsExactly("storage");
      }

      // when
      disk.enlarge();
      RunId next = replace("pages", archive, target);

      // then
      RestoreCompleted completed = installation.console.awaitEnd(next, RestoreCompleted.class);
      assertThat(media.resolve("999.txt")).hasContent("letter 999");
      postgres.execute("target", "SELECT FROM page");
      postgres.execute(
          "postgres", "DROP DATABASE \"" + completed.previousDatabase() + "\" WITH (FORCE)");
    } finally {
      Files.deleteIfExists(folder.resolve("disk"));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"bytes", "inodes"})
  void shouldSayBeforeAnythingIsFetchedThatThereIsNoRoomForSoManyFiles(String lacking)
      throws Exception {
    assumeTrue(Commands.root(), "only root can mount a small disk");
    // given
    String archive = archive("pages");
    try (SmallDisk disk = SmallDisk.mount(folder.resolve("disk"))) {
      // The sum of the files' sizes is far smaller.
      if (lacking.equals("bytes")) {
        disk.leave(1);
      } else {
        disk.leaveInodes(1500);
      }

      for (String dryRun : List.of("true", "false")) {
        // when
        RunId run =
            restore("pages", archive, "beside", "{\"replace\":true,\"dryRun\":" + dryRun + "}");

        // then
        RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class);
        assertThat(failed.code()).isEqualTo(FailureCode.DISK_FULL);
        assertThat(failed.message())
            .contains("4,096,000 bytes and 2,001 inodes on the disk of " + folder.resolve("disk"))
            .containsPattern("[\\d,]+ bytes and [\\d,]+ inodes are free; free some");
        assertThat(failed.rolledBack()).isTrue();
        assertThat(installation.console.facts(run, RestoreProgressed.class)).isEmpty();
      }
      assertThat(folder.resolve("disk")).isEmptyDirectory();
    } finally {
      Files.deleteIfExists(folder.resolve("disk"));
    }
  }

  @Test
  void shouldLeaveTheTargetAloneWhenTheDiskOfTheServerFills() throws Exception {
    assumeTrue(Commands.root(), "only root can mount a small disk");
    Path base = Path.of(text("postgres", "SHOW data_directory")).resolve("base");
    assumeTrue(Files.isDirectory(base), "the server runs elsewhere");
    // given
    String archive = archive("pages");
    plantDatabase("mine");
    Path media = plantFolder();
    Path moved = base.resolveSibling("base-moved");
    postgres.stop();
    Files.move(base, moved);
    try (SmallDisk disk = SmallDisk.mount(base)) {
      Commands.run("cp", "-a", moved + "/.", base + "/");
      disk.leave(20);
      postgres.restart();

      // when
      RunId run = replace("pages", archive, "target");

      // then
      RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class);
      assertThat(failed.code()).isEqualTo(FailureCode.DISK_FULL);
      assertThat(failed.message()).contains("on 127.0.0.1", "free some there");
      assertThat(failed.rolledBack()).isTrue();
      assertThat(contentOfTarget()).isEqualTo("mine");
      assertLeft(media);
      disk.enlarge();
      postgres.execute("postgres", "DROP DATABASE target");
      installation.assertUntouched(postgres, "target");
      postgres.stop();
      Commands.run("rm", "-r", moved.toString());
      Commands.run("cp", "-a", base + "/.", Files.createDirectory(moved) + "/");
      Commands.run("chown", "--reference=" + base, moved.toString());
    } finally {
      Files.delete(base);
      Files.move(moved, base);
      postgres.restart();
    }
  }

  @Test
  void shouldFillTheDatabaseOnceMoreWhenTheServerIsRestarted() throws Exception {
    // given
    String archive = archive("slow");
    plantDatabase("mine");
    Path media = plantFolder();

    // when
    RunId run = replace("slow", archive, "target");
    awaitFilling();
    postgres.stop();
    postgres.restart();

    // then
    RestoreCompleted completed = installation.console.awaitEnd(run, RestoreCompleted.class);
    assertThat(text("target", "SELECT number FROM page")).isEqualTo("7");
    assertThat(media.resolve("999.txt")).hasContent("letter 999");
    String previous = requireNonNull(completed.previousFolder());
    assertThat(Path.of(previous).resolve("mine")).hasContent("mine");
    Commands.run("rm", "-r", previous);
    postgres.execute(
        "postgres", "DROP DATABASE \"" + completed.previousDatabase() + "\" WITH (FORCE)");
  }

  @Test
  void shouldLeaveTheTargetAloneWhenTheServerGoesAwayWhileTheDatabaseIsFilled() throws Exception {
    // given
    String archive = archive("slow");
    plantDatabase("mine");
    Path media = plantFolder();

    // when
    RunId run = replace("slow", archive, "target");
    awaitFilling();
    postgres.stop();
    try {
      // then
      RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class);
      assertThat(failed.code()).isEqualTo(FailureCode.DATABASE_UNREACHABLE);
      assertThat(failed.rolledBack()).isTrue();
      assertLeft(media);
    } finally {
      postgres.restart();
    }
    assertThat(contentOfTarget()).isEqualTo("mine");
  }

  @Test
  void shouldPutDatabaseAndFilesInPlaceWhenTheServerIsRestartedDuringTheExchange()
      throws Exception {
    // given
    String archive = archive("pages");
    postgres.createDatabase("target");
    try (Connection _ = postgres.connect("target")) {
      // when
      RunId run = installation.console.restore("pages", archive, "target");
      // The session has a while to end by itself.
      await()
          .atMost(PATIENCE)
          .until(() ->
              text("postgres", "SELECT datallowconn FROM pg_database WHERE datname = 'target'")
                  .equals("f"));
      postgres.stop();
      postgres.restart();

      // then
      RestoreCompleted completed = installation.console.awaitEnd(run, RestoreCompleted.class);
      assertThat(text("target", "SELECT count(*) FROM page")).isEqualTo("20000");
      assertThat(folder.resolve("target/999.txt")).hasContent("letter 999");
      postgres.execute(
          "postgres", "DROP DATABASE \"" + completed.previousDatabase() + "\" WITH (FORCE)");
    }
  }

  private static void awaitFilling() {
    await()
        .atMost(PATIENCE)
        .until(() ->
            text(
                    "postgres",
                    "SELECT count(*) FROM pg_stat_activity"
                        + " WHERE datname LIKE 'restore\\_%' AND wait_event = 'PgSleep'")
                .equals("1"));
  }

  private static void plantDatabase(String content) {
    postgres.createDatabase("target");
    postgres.execute("target", "CREATE TABLE what AS SELECT '" + content + "'::text AS it");
  }

  private static Path plantFolder() throws IOException {
    Path media = Files.createDirectory(folder.resolve("target"));
    Files.writeString(media.resolve("mine"), "mine");
    return media;
  }

  private static String contentOfTarget() throws SQLException {
    return text("target", "SELECT it FROM what");
  }

  private static void assertLeft(Path media) {
    await()
        .atMost(PATIENCE)
        .untilAsserted(() -> {
          try (Stream<Path> files = Files.list(media)) {
            assertThat(files).containsExactly(media.resolve("mine"));
          }
        });
  }

  private static String text(String database, String query) throws SQLException {
    try (Connection connection = postgres.connect(database);
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      assertThat(row.next()).isTrue();
      return row.getString(1);
    }
  }

  private static String archive(String source) {
    return installation
        .console
        .awaitEnd(installation.console.backup(source), BackupCompleted.class)
        .archive()
        .value();
  }

  private static RunId replace(String source, String archive, String target) {
    return restore(source, archive, target, "{\"replace\":true}");
  }

  private static RunId restore(String source, String archive, String target, String options) {
    return installation.console.request(
        "RestoreRequested",
        "{\"source\":\"%s\",\"archive\":\"%s\",\"target\":\"%s\",\"options\":%s}"
            .formatted(source, archive, target, options));
  }

  private static Settings.Source source(String database, String media) {
    return new Settings.Source(postgres.settings(database), media(media), null);
  }

  private static Settings.Target target(String database, String media) {
    return new Settings.Target(postgres.settings(database), media(media));
  }

  private static Settings.Media media(String name) {
    return new Settings.Media(folder.resolve(name), List.of(), false);
  }
}
