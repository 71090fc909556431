package io.hybridbackup.deploy;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupCancelled;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupFailed;
import io.hybridbackup.common.event.Fact.BackupRejected;
import io.hybridbackup.common.event.Fact.BackupStarted;
import io.hybridbackup.common.event.Fact.ComponentFailed;
import io.hybridbackup.common.event.Fact.DatabaseSnapshotTaken;
import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.RestoreFailed;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.messaging.RequestListener;
import io.hybridbackup.common.messaging.Topics;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.deploy.Installation.Misbehaviour;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.LongSupplier;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whatever goes wrong is answered with its cause and cure, and leaves nothing behind; what goes
 * well takes hardly longer than its tools.
 */
@Timeout(120)
class FailuresIT {
  private static final Logger LOG = LoggerFactory.getLogger(FailuresIT.class);
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final String MAKE_READER =
      "CREATE SUBSCRIPTION reader CONNECTION '' PUBLICATION p WITH (connect = false)";
  private static final String DROP_READER =
      "ALTER SUBSCRIPTION reader SET (slot_name = NONE); DROP SUBSCRIPTION reader";

  @TempDir private static Path folder;

  private static PostgresTestServer postgres;
  private static Installation installation;

  @BeforeAll
  static void start() throws Exception {
    postgres = PostgresTestServer.start();
    Sample.createDatabase(postgres, "edms");
    Sample.createLargeDatabase(postgres, "occupied", 10);
    Sample.plant(folder.resolve("storage"));
    postgres.createDatabase("tiny");
    Files.writeString(Files.createDirectory(folder.resolve("note")).resolve("note"), "short");
    Files.writeString(Files.createDirectory(folder.resolve("occupied")).resolve("mine"), "mine");
    Files.writeString(Files.createDirectories(folder.resolve("locked/up")).resolve("x"), "x");
    installation = Installation.start(folder, postgres, Installation.jobs(2), sources(), targets());
  }

  @AfterAll
  static void stop() {
    installation.close();
    postgres.close();
  }

  @AfterEach
  void shouldGoOnWithTheNextRequest() throws IOException {
    installation.pgDump(Misbehaviour.NONE);
    RunId next = installation.console.backup("edms");
    installation.console.awaitEnd(next, BackupCompleted.class);
    installation.assertTidy();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          wrong-password   | DATABASE_AUTHENTICATION | guarded      | check user, password-file
          unknown-host     | DATABASE_UNREACHABLE    | nowhere.invalid | correct the host
          no-server        | DATABASE_UNREACHABLE    | does not answer | check that the server runs
          unknown-database | DATABASE_MISSING        | unknown on   | create it or correct its name
          unknown-role     | DATABASE_AUTHENTICATION | nobody-here  | check user
          no-password-file | DATABASE_AUTHENTICATION | not-there    | correct password-file
          vanished-media   | MEDIA_MISSING           | /vanished    | mount it or correct
          media-is-a-file  | MEDIA_MISSING           | /pg_dump     | mount it or correct
          """)
  void shouldNameCauseAndCureOfWhatIsWrongWithASource(
      String source, FailureCode code, String cause, String cure) {
    // when
    RunId run = installation.console.backup(source);

    // then
    BackupFailed failed = installation.console.awaitEnd(run, BackupFailed.class);
    assertThat(failed.code()).isEqualTo(code);
    assertThat(failed.message()).contains(cause, cure);
    assertThat(installation.console.facts(run, ComponentFailed.class))
        .last()
        .satisfies(component -> {
          assertThat(component.code()).isEqualTo(code);
          assertThat(component.message()).contains(cause, cure);
          assertThat(component.willRetry()).isFalse();
        });
    assertThat(installation.backups(source)).isEmpty();
  }

  @Test
  void shouldSayWhichPgDumpToInstallWhenItIsOlderThanTheServer() throws IOException {
    // given
    installation.pgDump(Misbehaviour.OLD);
    int before = installation.backups("spare").size();

    // when
    RunId run = installation.console.backup("spare");

    // then
    BackupFailed failed = installation.console.awaitEnd(run, BackupFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.TOOL_TOO_OLD);
    assertThat(failed.message()).contains("9.6.0", "install postgresql-client-");
    assertThat(failed.missing()).contains(Component.DATABASE);
    assertThat(installation.backups("spare")).hasSize(before);
  }

  @Test
  void shouldTryAgainAndThenFailWhenPgDumpDiesHalfway() throws IOException {
    // given
    installation.pgDump(Misbehaviour.DIES_HALFWAY);
    int before = installation.backups("spare").size();

    // when
    RunId run = installation.console.backup("spare");

    // then
    BackupFailed failed = installation.console.awaitEnd(run, BackupFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.TOOL_FAILED);
    assertThat(failed.message()).contains("exit code 1", "no luck", "edms on 127.0.0.1");
    assertThat(installation.console.facts(run, ComponentFailed.class))
        .extracting(ComponentFailed::willRetry)
        .containsExactly(true, false);
    assertThat(installation.backups("spare")).hasSize(before);
  }

  @ParameterizedTest
  @EnumSource(
      value = Misbehaviour.class,
      names = {"WRITES_NOTHING", "WRITES_GARBAGE", "STOPS_HALFWAY", "OMITS_THE_END"})
  void shouldNotTakeForADumpWhatCannotBeRestored(Misbehaviour misbehaviour) throws IOException {
    // given
    installation.pgDump(misbehaviour);
    int before = installation.backups("spare").size();

    // when
    RunId run = installation.console.backup("spare");

    // then
    BackupFailed failed = installation.console.awaitEnd(run, BackupFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.TOOL_FAILED);
    assertThat(failed.missing()).contains(Component.DATABASE);
    assertThat(installation.backups("spare")).hasSize(before);
  }

  @Test
  void shouldSucceedInTheSecondAttemptWhenTheFirstDiesHalfway() throws IOException {
    // given
    installation.pgDump(Misbehaviour.DIES_HALFWAY);

    // when
    RunId run = installation.console.backup("spare");
    installation.console.await(run, ComponentFailed.class);
    installation.pgDump(Misbehaviour.NONE);

    // then
    BackupCompleted completed = installation.console.awaitEnd(run, BackupCompleted.class);
    assertThat(completed.origin().attempt()).isEqualTo(2);
    assertThat(installation.backups("spare"))
        .contains(completed.archive() + ".tar.gz", completed.archive() + ".manifest.json");
  }

  @Test
  void shouldSayWhatItMayNotRead() throws IOException {
    assumeFalse(Commands.root(), "root may read everything");
    // given
    Commands.run("chmod", "000", folder.resolve("locked/up").toString());

    // when
    RunId run = installation.console.backup("locked-media");

    // then
    BackupFailed failed = installation.console.awaitEnd(run, BackupFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.MEDIA_PERMISSION);
    assertThat(failed.message()).contains("locked", "let this service read it");
  }

  @Test
  void shouldBackUpTheDatabaseOrTheMediaAloneWhenAskedTo() {
    // when
    RunId database =
        installation.console.request(
            "BackupRequested", "{\"source\":\"spare\",\"components\":[\"database\"]}");
    RunId media =
        installation.console.request(
            "BackupRequested", "{\"source\":\"edms\",\"components\":[\"media\"]}");
    RunId allThereIs = installation.console.backup("database-only");

    // then
    assertThat(contents(database)).containsExactly("database.dump", "manifest.json");
    assertThat(contents(media)).contains("manifest.json", "storage/empty");
    assertThat(contents(media)).doesNotContain("database.dump");
    assertThat(contents(allThereIs)).containsExactly("database.dump", "manifest.json");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"source":"no-such-source"}                         | UNKNOWN_SOURCE | no-such-source
          {"source":"NOT A NAME"}                             | UNKNOWN_SOURCE | NOT A NAME
          {"source":"database-only","components":["media"]}   | NOTHING_TO_DO  | not media
          {"source":"edms","components":[]}                   | NOTHING_TO_DO  | not nothing
          """)
  void shouldRejectWhatCannotBeDone(String request, FailureCode code, String says) {
    // when
    RunId run = installation.console.request("BackupRequested", request);

    // then
    BackupRejected rejected = installation.console.awaitEnd(run, BackupRejected.class);
    assertThat(rejected.code()).isEqualTo(code);
    assertThat(rejected.reason()).contains(says);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          please back up edms                                           | not readable JSON
          {"type":"io.hybridbackup.BackupRequested.v1"}                 | specversion
          {"specversion":"1.0","type":"io.hybridbackup.BackupRequested.v1","data":{}} | data.source
          {"specversion":"1.0","type":"io.hybridbackup.BackupRequested.v9","data":{}} | not known
          """)
  void shouldPutWhatItCannotReadToTheDeadLetters(String line, String reason) {
    // when
    installation.console.write(Topics.BACKUP_REQUESTS.name(), line);

    // then
    await()
        .atMost(PATIENCE)
        .untilAsserted(() ->
            assertThat(installation.console.records(Topics.BACKUP_REQUESTS.deadLetters().name()))
                .filteredOn(record -> text(record.value()).equals(line))
                .singleElement()
                .satisfies(record ->
                    assertThat(
                            text(
                                record.headers().lastHeader(RequestListener.REASON_HEADER).value()))
                        .contains(reason)));
  }

  @Test
  void shouldAnswerARequestThatComesTwiceAndRunItOnce() {
    // given
    String id = UUID.randomUUID().toString();
    int before = installation.backups("spare").size();

    // when
    RunId run = request("spare", id);
    request("spare", id);
    installation.console.awaitEnd(run, BackupCompleted.class);
    int answers = count(run, BackupCompleted.class);
    request("spare", id);

    // then
    await()
        .atMost(PATIENCE)
        .untilAsserted(() -> assertThat(count(run, BackupCompleted.class)).isEqualTo(answers + 1));
    assertThat(installation.console.facts(run, BackupAccepted.class)).hasSize(1);
    assertThat(installation.console.facts(run, BackupStarted.class)).hasSize(1);
    assertThat(installation.console.facts(run, BackupCompleted.class)).hasSize(1);
    assertThat(installation.backups("spare")).hasSize(before + 2);
  }

  @Test
  void shouldBackUpASourceOnceAfterTheOtherWhenAskedTwiceAtOnce() {
    // when
    RunId one = installation.console.backup("spare");
    RunId two = installation.console.backup("spare");

    // then
    installation.console.awaitEnd(one, BackupCompleted.class);
    installation.console.awaitEnd(two, BackupCompleted.class);
    boolean oneFirst = time(one, BackupStarted.class).isBefore(time(two, BackupStarted.class));
    assertThat(time(oneFirst ? two : one, BackupStarted.class))
        .isAfterOrEqualTo(time(oneFirst ? one : two, BackupCompleted.class));
  }

  @Test
  void shouldStopEverythingWhenABackupIsCancelled() throws IOException {
    // given
    installation.pgDump(Misbehaviour.STALLS);
    RunId run = installation.console.backup("spare");
    installation.console.await(run, DatabaseSnapshotTaken.class);
    int before = installation.backups("spare").size();

    // when
    installation.console.request(
        "BackupCancelRequested",
        "{\"backupId\":\"%s\",\"source\":\"spare\",\"reason\":\"too late\"}".formatted(run));

    // then
    BackupCancelled cancelled = installation.console.awaitEnd(run, BackupCancelled.class);
    assertThat(cancelled.reason()).isEqualTo("too late");
    installation.assertTidy();
    assertThat(installation.backups("spare")).hasSize(before);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          occupied-database | TARGET_NOT_EMPTY | occupied on | ask for it to be replaced
          occupied-folder   | TARGET_NOT_EMPTY | /occupied   | ask for it to be replaced
          not-configured    | UNKNOWN_TARGET   | not-configured | configured are
          no-server         | DATABASE_UNREACHABLE | does not answer | check that the server runs
          """)
  void shouldRefuseATargetAndLeaveItAlone(
      String target, FailureCode code, String cause, String cure) throws IOException {
    // given
    String archive = archive("edms");
    String database = Sample.dump(postgres, "occupied");

    // when
    RunId run = installation.console.restore("edms", archive, target);

    // then
    RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class);
    assertThat(failed.code()).isEqualTo(code);
    assertThat(failed.message()).contains(cause, cure);
    assertThat(failed.rolledBack()).isTrue();
    assertThat(Sample.dump(postgres, "occupied")).isEqualTo(database);
    assertThat(folder.resolve("occupied/mine")).hasContent("mine");
    installation.assertUntouched(postgres, "standby", "free");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          edms         | backup_20010203_040506 | ARCHIVE_MISSING | hybrid-backup list
          no-archives  | latest                 | ARCHIVE_MISSING | no backup of source
          edms         | yesterday              | INVALID_REQUEST | yesterday
          """)
  void shouldRefuseAnArchiveThatIsNotThere(
      String source, String archive, FailureCode code, String says) {
    // when
    RunId run = installation.console.restore(source, archive, "standby");

    // then
    RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class);
    assertThat(failed.code()).isEqualTo(code);
    assertThat(failed.message()).contains(says);
  }

  @Test
  void shouldRefuseARestoreThatWasAskedForLongAgo() {
    // given
    String archive = archive("edms");

    // when
    RunId run =
        installation.console.request(
            "RestoreRequested",
            "{\"source\":\"edms\",\"archive\":\"%s\",\"target\":\"standby\"}".formatted(archive),
            UUID.randomUUID().toString(),
            Instant.now().minus(Duration.ofHours(3)));

    // then
    RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.STALE_REQUEST);
    assertThat(failed.message()).contains("ask again");
    assertThat(folder.resolve("standby")).doesNotExist();
  }

  /** One byte of its content, its indexes, its manifest and its footer. */
  @Test
  void shouldNotTouchTheTargetWhereverTheArchiveIsDamaged() throws IOException {
    // given
    String archive = archive("edms");
    Path file = installation.store().resolve("backups/edms").resolve(archive + ".tar.gz");
    long length = Files.size(file);
    List<Long> places = new ArrayList<>(List.of(length - 1, length - 30, length - 200));
    places.addAll(List.of(length - 700, length - 1500, length - 4000));
    for (int sixteenth = 1; sixteenth < 16; sixteenth += 2) {
      places.add(length * sixteenth / 16);
    }
    Sample.createLargeDatabase(postgres, "spared", 10);
    Path spared = Files.createDirectory(folder.resolve("spared"));
    Files.writeString(spared.resolve("mine"), "mine");
    String before = database("spared") + listing(spared);
    for (long place : places) {
      flip(file, place);

      // when
      RunId run = installation.console.restore("edms", archive, "standby");
      RunId replacing = restore("edms", archive, "spared", "{\"replace\":true}", null);

      // then
      RestoreFailed spoiled = installation.console.awaitEnd(replacing, RestoreFailed.class);
      assertThat(spoiled.code()).as("byte %d", place).isEqualTo(FailureCode.ARCHIVE_CORRUPT);
      assertThat(spoiled.rolledBack()).isTrue();
      assertThat(database("spared") + listing(spared)).as("byte %d", place).isEqualTo(before);
      RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class);
      assertThat(failed.code()).as("byte %d", place).isEqualTo(FailureCode.ARCHIVE_CORRUPT);
      assertThat(failed.message()).contains(archive, "use another");
      assertThat(failed.rolledBack()).isTrue();
      assertThat(folder.resolve("standby")).doesNotExist();
      installation.assertUntouched(postgres, "standby", "free");
      flip(file, place);
    }
    postgres.execute("postgres", "DROP DATABASE spared");
  }

  /** That it is the same one, and all that is in it. */
  private static String database(String name) {
    return Commands.run(
            postgres.program("psql"),
            "-Atc",
            "SELECT oid, datallowconn FROM pg_database WHERE datname = '" + name + "'",
            postgres.url("postgres"))
        + Sample.dump(postgres, name);
  }

  private static String listing(Path folder) {
    return Commands.run("find", folder.toString(), "-printf", "%p %i %m %u %g %s %T@\\n");
  }

  private static void flip(Path file, long place) throws IOException {
    try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
      bytes.seek(place);
      int old = bytes.read();
      bytes.seek(place);
      bytes.write(old ^ 0xff);
    }
  }

  @Test
  void shouldNotTouchTheTargetWhenTheArchiveIsCutShort() throws IOException {
    // given
    String archive = archive("edms");
    Path file = installation.store().resolve("backups/edms").resolve(archive + ".tar.gz");
    try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
      bytes.setLength(bytes.length() - 1);
    }

    // when
    RunId run = installation.console.restore("edms", archive, "standby");

    // then
    RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.ARCHIVE_CORRUPT);
    assertThat(folder.resolve("standby")).doesNotExist();
    assertThat(file.resolveSibling(archive + ".damaged")).exists();
  }

  @Test
  void shouldRestoreIntoAnEmptyDatabaseAndAnEmptyFolder() throws IOException {
    // given
    String archive = archive("edms");
    postgres.createDatabase("empty");
    Files.createDirectory(folder.resolve("empty"));

    // when
    RunId run = installation.console.restore("edms", archive, "empty");

    // then
    installation.console.awaitEnd(run, RestoreCompleted.class);
    Sample.assertSameDatabase(postgres, "edms", "empty");
    Sample.assertSameFiles(folder.resolve("storage"), folder.resolve("empty"));
  }

  @Test
  void shouldKeepWhatPgDumpHasCompressedWhenToldTo() throws IOException {
    // when
    RunId backup = installation.console.backup("by-pg-dump");
    BackupCompleted completed = installation.console.awaitEnd(backup, BackupCompleted.class);

    // then
    Path unpacked = Files.createDirectory(folder.resolve("unpacked"));
    Path archive = installation.store().resolve(completed.archiveKey());
    Commands.run("tar", "-xzf", archive.toString(), "-C", unpacked.toString());
    Path dump = unpacked.resolve("database.dump");
    Path byHand = folder.resolve("compressed-by-hand.dump");
    Commands.run(
        postgres.program("pg_dump"),
        "--format=custom",
        "--compress=9",
        "--file=" + byHand,
        postgres.url("edms"));
    assertThat(contentsOfDump(dump)).containsPattern("Compression: (9|gzip)");
    assertThat(contentsOfDump(dump)).isEqualTo(contentsOfDump(byHand));
    assertThat(dump).hasSize(Files.size(byHand));

    RunId restore =
        installation.console.restore("by-pg-dump", completed.archive().value(), "by-pg-dump");
    installation.console.awaitEnd(restore, RestoreCompleted.class);
    Sample.assertSameDatabase(postgres, "edms", "by_pg_dump");
  }

  @Test
  void shouldReplaceATargetInUseWhenAskedToAndBringItBackUntilItIsNotKeptAnyMore()
      throws Exception {
    // given
    String archive = archive("edms");
    Sample.createLargeDatabase(postgres, "busy", 10);
    postgres.execute("postgres", "ALTER DATABASE busy SET work_mem = '7MB'");
    Path media = Files.createDirectory(folder.resolve("busy"));
    Files.writeString(media.resolve("mine"), "mine");
    String before = Sample.dump(postgres, "busy");
    RunId run;
    try (Connection application = postgres.connect("busy")) {
      // when
      run =
          installation.console.request(
              "RestoreRequested",
              "{\"source\":\"edms\",\"archive\":\"%s\",\"target\":\"busy\",\"options\":{\"replace\":true}}"
                  .formatted(archive));

      // then
      RestoreCompleted completed = installation.console.awaitEnd(run, RestoreCompleted.class);
      assertThat(application.isValid(1)).isFalse();
      Sample.assertSameDatabase(postgres, "edms", "busy");
      Sample.assertSameFiles(folder.resolve("storage"), media);
      assertThat(setting("busy", "work_mem")).isEqualTo("7MB");
      assertThat(completed.previousDatabase()).isEqualTo("busy_before_" + run);
      assertThat(completed.previousFolder()).isEqualTo(media + "_before_" + run);
    }

    // when
    RunId undo = undo(archive, "busy", run);

    // then
    RestoreCompleted undone = installation.console.awaitEnd(undo, RestoreCompleted.class);
    assertThat(undone.undoes()).isEqualTo(run);
    assertThat(Sample.dump(postgres, "busy")).isEqualTo(before);
    assertThat(media.resolve("mine")).hasContent("mine");
    assertThat(Path.of(undone.previousFolder()).resolve("letters")).isDirectory();
    await()
        .atMost(PATIENCE)
        .untilAsserted(() -> {
          assertThat(Path.of(undone.previousFolder())).doesNotExist();
          assertThat(databases()).doesNotContain("_before_");
        });
    assertThat(Sample.dump(postgres, "busy")).isEqualTo(before);

    // when
    RunId again = undo(archive, "busy", undo);

    // then
    RestoreFailed failed = installation.console.awaitEnd(again, RestoreFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.NOTHING_TO_DO);
    assertThat(failed.message()).contains("keep-previous");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          BEGIN; INSERT INTO page VALUES (11); PREPARE TRANSACTION 'half' | prepared transaction half
          SELECT pg_create_logical_replication_slot('slot', 'pgoutput')   | logical replication slot slot
          CREATE SUBSCRIPTION reader CONNECTION '' PUBLICATION p WITH (connect = false) | subscription reader
          """)
  void shouldNotReplaceADatabaseThatSomethingOutsideDependsOn(String given, String reason)
      throws Exception {
    // given
    String archive = archive("edms");
    postgres.execute("occupied", given);

    // when
    RunId run =
        installation.console.request(
            "RestoreRequested",
            "{\"source\":\"edms\",\"archive\":\"%s\",\"target\":\"occupied-database\",\"options\":{\"replace\":true}}"
                .formatted(archive));

    // then
    RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.TARGET_IN_USE);
    assertThat(failed.message()).contains(reason, "--override");
    assertThat(failed.rolledBack()).isTrue();
    postgres.execute(
        "occupied",
        switch (reason) {
          case "prepared transaction half" -> "ROLLBACK PREPARED 'half'";
          case "subscription reader" -> DROP_READER;
          default -> "SELECT pg_drop_replication_slot('slot')";
        });
  }

  @Test
  void shouldSayWhatItWouldDoAndDoNothingInADryRun() throws Exception {
    // given
    String archive = archive("edms");
    String before = Sample.dump(postgres, "occupied");

    // when
    RunId run =
        restore("edms", archive, "occupied-database", "{\"replace\":true,\"dryRun\":true}", null);

    // then
    RestoreCompleted completed = installation.console.awaitEnd(run, RestoreCompleted.class);
    long dump = dumpBytes(archive);
    Tree tree = tree(folder.resolve("storage"));
    assertThat(completed.plan())
        .filteredOn(line -> line.startsWith("take "))
        .singleElement()
        .asString()
        .matches(
            "take about [\\d,]+ bytes and \\d+ inodes on the disk of .*\\(the dump\\) and .*\\(the files\\).* are free");
    assertThat(completed.plan())
        .filteredOn(line -> !line.startsWith("take "))
        .containsExactly(
            "fetch the dump, %,d bytes, to %s".formatted(dump, folder.resolve("data")),
            "restore it into a new database beside occupied",
            "fetch %,d files, %,d bytes, beside %s"
                .formatted(tree.files(), tree.bytes(), folder.resolve("free")),
            "end all sessions at database occupied, and let nobody connect",
            "name the new files " + folder.resolve("free"),
            "rename database occupied to occupied_before_%s and the new one to occupied"
                .formatted(run),
            "remove what was kept after PT20S",
            "this takes about %,d seconds on a machine of two cores"
                .formatted(1 + Math.max(dump / 40_000_000, tree.bytes() / 100_000_000)));
    assertThat(completed.databaseBytes()).isEqualTo(dump);
    assertThat(completed.storageBytes()).isEqualTo(tree.bytes());
    assertThat(completed.files()).isEqualTo(tree.files());
    assertThat(Sample.dump(postgres, "occupied")).isEqualTo(before);
    assertThat(folder.resolve("free")).doesNotExist();
    assertThat(databases()).doesNotContain("occupied_before_");
  }

  /** As tar finds it. */
  private static long dumpBytes(String archive) throws IOException {
    Path unpacked = Files.createTempDirectory("unpacked");
    Commands.run(
        "tar",
        "-xzf",
        installation.store().resolve("backups/edms").resolve(archive + ".tar.gz").toString(),
        "-C",
        unpacked.toString(),
        "database.dump");
    Path dump = unpacked.resolve("database.dump");
    long bytes = Files.size(dump);
    Files.delete(dump);
    Files.delete(unpacked);
    return bytes;
  }

  private record Tree(long files, long bytes) {}

  /** All but folders, and the content of regular files, that of hard links once. */
  private static Tree tree(Path root) {
    Map<String, Long> sizes = new LinkedHashMap<>();
    List<String> lines =
        Commands.run("find", root.toString(), "!", "-type", "d", "-printf", "%y %i %s\\n")
            .lines()
            .toList();
    for (String line : lines) {
      String[] parts = line.split(" ", 3);
      sizes.put(parts[1], parts[0].equals("f") ? Long.parseLong(parts[2]) : 0);
    }
    return new Tree(lines.size(), sizes.values().stream().mapToLong(size -> size).sum());
  }

  @Test
  void shouldTakeTheNewestArchiveThatIsNotTooYoung() {
    // given
    Instant before = Instant.now().minus(Duration.ofHours(1));
    String archive = archive("edms");

    // when
    RunId none =
        installation.console.request(
            "RestoreRequested",
            "{\"source\":\"edms\",\"archive\":\"latest\",\"asOf\":\"%s\",\"target\":\"part\"}"
                .formatted(before));
    RunId newest =
        installation.console.request(
            "RestoreRequested",
            "{\"source\":\"edms\",\"archive\":\"latest\",\"asOf\":\"%s\",\"target\":\"part\",\"options\":{\"dryRun\":true}}"
                .formatted(Instant.now().plusSeconds(60)));

    // then
    RestoreFailed failed = installation.console.awaitEnd(none, RestoreFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.ARCHIVE_MISSING);
    assertThat(failed.message()).contains("as of " + before);
    assertThat(installation.console.awaitEnd(newest, RestoreCompleted.class).archive().value())
        .isEqualTo(archive);
  }

  @Test
  void shouldRestoreTheTablesOfASchemaThatAreAskedForAndNoOthers() {
    // given
    String archive = archive("edms");

    // when
    RunId run = restore("edms", archive, "part", "{\"tables\":[\"department\"]}", "[\"database\"]");

    // then
    installation.console.awaitEnd(run, RestoreCompleted.class);
    assertThat(
            Commands.run(
                postgres.program("psql"),
                "-Atc",
                "SELECT relname FROM pg_class WHERE relkind IN ('r', 'v') AND oid >= 16384"
                    + " UNION ALL SELECT count(*)::text FROM department",
                postgres.url("part")))
        .isEqualTo("department\n20\n");
    postgres.execute("postgres", "DROP DATABASE part");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--file=/tmp/x",
        "-x",
        "a\\\"b",
        "a'; DROP TABLE department; --",
        "a\\nb",
        "*",
        "dep*"
      })
  void shouldTakeANameForNothingButAName(String name) throws IOException {
    // given
    String archive = archive("edms");

    // when
    RunId table =
        restore("edms", archive, "part", "{\"tables\":[\"%s\"]}".formatted(name), "[\"database\"]");
    RunId schema =
        restore(
            "edms", archive, "part", "{\"schemas\":[\"%s\"]}".formatted(name), "[\"database\"]");

    // then
    for (RunId run : List.of(table, schema)) {
      RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class);
      assertThat(failed.code()).isEqualTo(FailureCode.NOTHING_TO_DO);
      assertThat(failed.message()).contains("exactly");
    }
    installation.assertUntouched(postgres, "part");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"replace":true,"schemas":["archive"]} | ["database"] | without replace
          {"tables":["department"]}              | ["media"]    | parts of the database
          {"tables":["department"]}              | null         | parts of the database
          {"replace":true,"paths":["storage/**"]} | null        | without replace
          {"paths":["storage/**"]}               | ["database"] | those of the media
          {"paths":[""]}                         | ["media"]    | names nothing
          {"users":{"1":2}}                      | ["database"] | those of the media
          {"users":{"1":2},"noOwner":true}       | ["media"]    | owners are left out
          {"users":{"1":-2}}                     | ["media"]    | numbers from 0
          {"overrides":["subscriptions"]}        | null         | where a database is replaced
          {"tables":[]}                          | ["database"] | has to name
          {"tables":["a\\u0000b"]}               | ["database"] | cannot be a name
          {"schemas":[""]}                       | ["database"] | cannot be a name
          {"inPlace":true}                       | null         | ask for replace as well
          {"replace":true,"inPlace":true}        | null         | targets.part.in-place: true
          {"replace":true,"inPlace":true,"paths":["storage/**"]} | null | without replace
          {"replace":true,"inPlace":true,"tables":["department"]} | ["database"] | without replace
          """)
  void shouldRefuseARestoreThatContradictsItself(String options, String components, String says) {
    // given
    String archive = archive("edms");

    // when
    RunId run = restore("edms", archive, "part", options, components);

    // then
    RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.INVALID_REQUEST);
    assertThat(failed.message()).contains(says);
  }

  @Test
  void shouldRefuseNamesAndPatternsWithoutEnd() {
    // given
    String archive = archive("edms");
    String tables = "{\"tables\":[\"%s\"]}".formatted("a".repeat(64));
    String paths = "{\"paths\":[\"storage/%s\"]}".formatted("a".repeat(5000));

    // when
    List<RunId> runs =
        List.of(
            restore("edms", archive, "part", tables, "[\"database\"]"),
            restore("edms", archive, "part", paths, "[\"media\"]"));

    // then
    for (RunId run : runs) {
      RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class);
      assertThat(failed.code()).isEqualTo(FailureCode.INVALID_REQUEST);
      assertThat(failed.message()).contains("bytes").hasSizeLessThan(300);
    }
  }

  @Test
  void shouldRestoreTheFilesThatMatchAndNoOthers() throws IOException {
    // given
    String archive = archive("edms");
    Path letters = folder.resolve("storage/letters");

    // when
    RunId run =
        restore(
            "edms",
            archive,
            "part",
            "{\"paths\":[\"storage/letters/4?.txt\",\"storage/the same scan.pdf\"]}",
            "[\"media\"]");

    // then
    assertThat(installation.console.awaitEnd(run, RestoreCompleted.class).files()).isEqualTo(11);
    Path part = folder.resolve("part");
    assertThat(part.toFile().list()).containsOnly("letters", "the same scan.pdf");
    assertThat(part.resolve("the same scan.pdf"))
        .hasSameBinaryContentAs(folder.resolve("storage/scan 1.pdf"));
    assertThat(part.resolve("letters").toFile().list()).hasSize(10);
    assertThat(part.resolve("letters/42.txt")).hasSameTextualContentAs(letters.resolve("42.txt"));
    Commands.run("rm", "-r", part.toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"storage/../../etc/passwd", "/etc/passwd", "storage/$(id)", "--files"})
  void shouldTakeAPathForNothingButAPathOfTheArchive(String path) {
    // given
    String archive = archive("edms");

    // when
    RunId run =
        restore("edms", archive, "part", "{\"paths\":[\"%s\"]}".formatted(path), "[\"media\"]");

    // then
    RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.NOTHING_TO_DO);
    assertThat(failed.message()).contains(path, "hybrid-backup files");
    assertThat(folder.resolve("part")).doesNotExist();
  }

  @Test
  void shouldTakeNoSourceNoTargetAndNoArchiveForAPath() {
    // given
    String archive = archive("edms");
    List<String> before = children(folder);
    for (String name :
        List.of(
            "--help",
            "-x",
            "../../etc",
            "/etc/passwd",
            "part/../part",
            "$(id)",
            "a\\nb",
            "a\\\"b'",
            "\\u0000",
            "",
            "x".repeat(5000))) {
      // when
      Map<RunId, FailureCode> refusals =
          Map.of(
              installation.console.restore(name, archive, "part"), FailureCode.UNKNOWN_SOURCE,
              installation.console.restore("edms", name, "part"), FailureCode.INVALID_REQUEST,
              installation.console.restore("edms", archive, name), FailureCode.UNKNOWN_TARGET);

      // then
      refusals.forEach((run, code) ->
          assertThat(installation.console.awaitEnd(run, RestoreFailed.class).code())
              .as(name)
              .isEqualTo(code));
    }
    assertThat(children(folder)).isEqualTo(before);
    installation.assertUntouched(postgres, "part");
  }

  @Test
  void shouldGiveRsyncNothingThatARequestSays() throws Exception {
    // given
    String archive = archive("edms");
    List<String> hostile =
        List.of("--rsh=id", "-e sh", "--log-file=/x", "host:/etc", "rsync://host/etc", "$(id)");
    for (String name : hostile) {
      // when
      RunId backup =
          installation.console.request(
              "BackupRequested",
              "{\"source\":\"edms\",\"requestedBy\":\"%s\"}".formatted(name),
              name,
              null);
      RunId path =
          restore(
              "edms",
              archive,
              "part",
              "{\"paths\":[\"storage/%s\"]}".formatted(name),
              "[\"media\"]");
      RunId source = installation.console.restore(name, archive, "part");
      RunId target = installation.console.restore("edms", archive, name);

      // then
      installation.console.awaitEnd(backup, BackupCompleted.class);
      for (RunId refused : List.of(path, source, target)) {
        installation.console.awaitEnd(refused, RestoreFailed.class);
      }
    }
    assertThat(Files.readString(folder.resolve("rsync.arguments")).split("\0"))
        .contains("--", folder.resolve("storage") + "/")
        .allMatch(argument ->
            argument.startsWith("-")
                || argument.startsWith(folder + "/")
                || argument.matches("/proc/\\d+/fd/\\d+/(\\d+/next/)?"))
        .noneMatch(argument -> hostile.stream().anyMatch(argument::contains));
  }

  @Test
  void shouldRestoreSchemasAndTablesThatAreCalledLikeOptions() throws Exception {
    // given
    postgres.createDatabase("odd");
    postgres.execute(
        "odd",
        """
        CREATE SCHEMA "-x";
        CREATE TABLE "-x"."--clean" (n int);
        CREATE TABLE "-x"."a""b'c" (n int);
        CREATE TABLE "-x"."two
        lines" (n int);
        CREATE TABLE "-x".other (n int)
        """);
    String archive = archive("odd");

    // when
    RunId run =
        restore(
            "odd",
            archive,
            "part",
            "{\"schemas\":[\"-x\"],\"tables\":[\"--clean\",\"a\\\"b'c\",\"two\\nlines\"]}",
            "[\"database\"]");

    // then
    installation.console.awaitEnd(run, RestoreCompleted.class);
    assertThat(
            Commands.run(
                postgres.program("psql"),
                "-Atc",
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND oid >= 16384 ORDER BY 1",
                postgres.url("part")))
        .isEqualTo("--clean\na\"b'c\ntwo\nlines\n");
    assertThat(Files.readString(folder.resolve("pg_restore.arguments")).split("\0", -1))
        .contains("--schema=-x", "--table=--clean", "--table=two\nlines")
        .doesNotContain("-x", "--clean");
    postgres.execute("postgres", "DROP DATABASE part");
  }

  @Test
  void shouldRestoreFilesThatAreCalledLikeOptions() {
    // given
    String archive = archive("edms");

    // when
    RunId run =
        restore(
            "edms",
            archive,
            "part",
            "{\"paths\":[\"storage/-rf\",\"storage/a\\nline break\"]}",
            "[\"media\"]");

    // then
    installation.console.awaitEnd(run, RestoreCompleted.class);
    assertThat(children(folder.resolve("part"))).containsExactly("-rf", "a\nline break");
    Commands.run("rm", "-r", folder.resolve("part").toString());
  }

  @Test
  void shouldNotTakeADiskAwayThatIsMountedInTheTarget() throws Exception {
    assumeTrue(Commands.root(), "only root can mount a disk");
    // given
    String archive = archive("edms");
    Path part = Files.createDirectory(folder.resolve("part"));
    try (SmallDisk _ = SmallDisk.mount(part.resolve("scans"))) {
      Path scan = Files.writeString(part.resolve("scans/scan"), "scan");

      for (String options : List.of("{\"replace\":true,\"dryRun\":true}", "{\"replace\":true}")) {
        // when
        RunId run = restore("edms", archive, "part", options, "[\"media\"]");

        // then
        RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class);
        assertThat(failed.code()).isEqualTo(FailureCode.TARGET_IN_USE);
        assertThat(failed.message()).contains("mounted at " + part.resolve("scans"), "unmount it");
        assertThat(scan).hasContent("scan");
        assertThat(children(part)).containsExactly("scans");
      }
    }
    Commands.run("rm", "-r", part.toString());
  }

  private static List<String> children(Path parent) {
    return Stream.of(requireNonNull(parent.toFile().list())).sorted().toList();
  }

  @Test
  void shouldGiveFilesToOtherUsersAndGroupsWhenAskedTo() {
    // given
    assumeTrue(Commands.root(), "only root gives files to others");
    String archive = archive("edms");

    // when
    RunId run =
        restore(
            "edms",
            archive,
            "part",
            "{\"users\":{\"12345\":4711,\"7777\":7778},\"groups\":{\"54321\":4712}}",
            "[\"media\"]");

    // then
    installation.console.awaitEnd(run, RestoreCompleted.class);
    Path part = folder.resolve("part");
    assertThat(Commands.run("stat", "-c", "%u:%g", part + "/letters/5.txt", part + "/a link"))
        .isEqualTo("4711:4712\n4711:4712\n");
    assertThat(Commands.run("getfacl", "-n", part + "/letters/4.txt"))
        .contains("user:7778:r--")
        .doesNotContain("7777");
    assertThat(Commands.run("stat", "-c", "%u", part + "/scan 1.pdf")).isEqualTo("0\n");
    Commands.run("rm", "-r", part.toString());
  }

  @Test
  void shouldMakeNoDeviceNodesAndNameThem() throws IOException {
    assumeTrue(Commands.root(), "only root makes device nodes");
    // given
    Path node = folder.resolve("note/null");
    Commands.run("mknod", node.toString(), "c", "1", "3");
    String archive = archive("tiny");
    Files.delete(node);

    // when
    RunId run = restore("tiny", archive, "part", "null", "[\"media\"]");

    // then
    assertThat(installation.console.awaitEnd(run, RestoreCompleted.class).warnings())
        .singleElement()
        .asString()
        .contains("device node", "storage/null");
    Path part = folder.resolve("part");
    assertThat(children(part)).containsExactly("note");
    Commands.run("rm", "-r", part.toString());
  }

  @Test
  void shouldReplaceADatabaseInSpiteOfWhatDependsOnItWhenToldTo() throws Exception {
    // given
    String archive = archive("edms");
    postgres.createDatabase("depended");
    postgres.execute("depended", "CREATE TABLE page (number int)");
    // In this order: a slot waits for all transactions that are under way.
    postgres.execute("depended", "SELECT pg_create_logical_replication_slot('stays', 'pgoutput')");
    postgres.execute("depended", "BEGIN; INSERT INTO page VALUES (11); PREPARE TRANSACTION 'half'");
    postgres.execute("depended", MAKE_READER);

    // when
    RunId run =
        restore(
            "edms",
            archive,
            "depended",
            "{\"replace\":true,\"overrides\":[\"replication-slots\",\"prepared-transactions\",\"subscriptions\"]}",
            "[\"database\"]");

    // then
    RestoreCompleted completed = installation.console.awaitEnd(run, RestoreCompleted.class);
    assertThat(completed.warnings())
        .anyMatch(warning -> warning.contains("slot stays stays with the database"))
        .anyMatch(warning -> warning.contains("prepared transaction half has been rolled back"))
        .anyMatch(warning -> warning.contains("subscription reader stays with the database"));
    postgres.execute("depended", "SELECT FROM department");
    String previous = String.valueOf(completed.previousDatabase());
    postgres.execute("postgres", "ALTER DATABASE \"" + previous + "\" ALLOW_CONNECTIONS true");
    postgres.execute(previous, DROP_READER);
    postgres.execute("postgres", "SELECT pg_drop_replication_slot('stays')");
    postgres.execute("postgres", "DROP DATABASE depended WITH (FORCE)");
  }

  @Test
  void shouldNameTheRolesThatAreMissingAndDoWithoutOwnersWhenAskedTo() throws IOException {
    // given
    postgres.execute("postgres", "CREATE ROLE \"the ghost\"; CREATE ROLE \"the keeper\"");
    postgres.createDatabase("haunted");
    postgres.execute(
        "haunted",
        """
        CREATE TABLE house ();
        ALTER TABLE house OWNER TO "the ghost";
        SELECT lo_create(4711);
        ALTER LARGE OBJECT 4711 OWNER TO "the keeper";
        """);
    String archive = archive("haunted");
    postgres.execute("postgres", "DROP DATABASE haunted");
    postgres.execute("postgres", "DROP ROLE \"the ghost\"; DROP ROLE \"the keeper\"");

    for (String options : List.of("{\"dryRun\":true}", "{}")) {
      // when
      RunId run = restore("haunted", archive, "part", options, "[\"database\"]");

      // then
      RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class);
      assertThat(failed.code()).isEqualTo(FailureCode.DATABASE_PERMISSION);
      assertThat(failed.message()).contains("roles", ": the ghost, the keeper;", "--no-owner");
      installation.assertUntouched(postgres, "part");
    }

    // when
    RunId without = restore("haunted", archive, "part", "{\"noOwner\":true}", "[\"database\"]");

    // then
    installation.console.awaitEnd(without, RestoreCompleted.class);
    postgres.execute("part", "SELECT FROM house");
    postgres.execute("postgres", "DROP DATABASE part");
  }

  @Test
  void shouldOverwriteATargetInPlaceAsAUserWhoMayNotCreateDatabases() throws Exception {
    // given
    String archive = archive("edms");
    String inPlace = "{\"replace\":true,\"inPlace\":true}";
    makeManaged("managed");
    Path media = folder.resolve("managed");
    String before = Sample.dump(postgres, "managed");

    // when
    RunId rehearsal =
        restore("edms", archive, "managed", inPlace.replace("}", ",\"dryRun\":true}"), null);

    // then
    assertThat(installation.console.awaitEnd(rehearsal, RestoreCompleted.class).plan())
        .anyMatch(step -> step.contains("in one transaction"))
        .anyMatch(step -> step.contains("equal to the new files"));
    assertThat(Sample.dump(postgres, "managed")).isEqualTo(before);
    assertThat(media.resolve("mine")).hasContent("mine");

    try (Connection application = new Postgres(managed("managed")).connect();
        Statement reading = application.createStatement()) {
      // when
      application.setAutoCommit(false);
      reading.execute("SELECT * FROM mine");
      RunId database = restore("edms", archive, "managed", inPlace, "[\"database\"]");

      // then
      RestoreCompleted completed = installation.console.awaitEnd(database, RestoreCompleted.class);
      assertThat(completed.previousDatabase()).isNull();
      assertThat(completed.warnings()).anyMatch(warning -> warning.contains("belongs to managed"));
      awaitContentOfEdms("managed");
      assertThat(media.resolve("mine")).hasContent("mine");
    }

    // when
    postgres.execute("managed", "DROP TABLE archive.document CASCADE");
    RunId files = restore("edms", archive, "managed", inPlace, "[\"media\"]");

    // then
    assertThat(installation.console.awaitEnd(files, RestoreCompleted.class).previousFolder())
        .isNull();
    Sample.assertSameFiles(folder.resolve("storage"), media);
    assertThat(Sample.dump(postgres, "managed")).doesNotContain("archive.document (");

    // when
    Files.delete(media.resolve("letters").resolve("7.txt"));
    RunId both = restore("edms", archive, "managed", inPlace, null);

    // then
    installation.console.awaitEnd(both, RestoreCompleted.class);
    awaitContentOfEdms("managed");
    Sample.assertSameFiles(folder.resolve("storage"), media);
    installation.assertTidy();

    // when
    RunId undo = undo(archive, "managed", both);

    // then
    RestoreFailed failed = installation.console.awaitEnd(undo, RestoreFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.NOTHING_TO_DO);
    assertThat(failed.message()).contains("was in place");
  }

  @Test
  void shouldReplaceADatabaseInUseAsItsOwnerWhoIsNoSuperuser() throws Exception {
    // given
    String archive = archive("edms");
    makeManaged("owned");
    postgres.execute("postgres", "ALTER ROLE owned CREATEDB");
    String before = Sample.dump(postgres, "owned");
    Path media = folder.resolve("owned");
    RunId run;
    try (Connection application = new Postgres(managed("owned")).connect()) {
      // when
      run = restore("edms", archive, "owned", "{\"replace\":true}", null);

      // then
      RestoreCompleted completed = installation.console.awaitEnd(run, RestoreCompleted.class);
      assertThat(completed.previousDatabase()).isEqualTo("owned_before_" + run);
      assertThat(completed.warnings()).anyMatch(warning -> warning.contains("belongs to owned"));
      assertThat(application.isValid(1)).isFalse();
      assertThat(withoutOwners("owned")).isEqualTo(withoutOwners("edms"));
      Sample.assertSameFiles(folder.resolve("storage"), media);
    }

    // when
    RunId undo = undo(archive, "owned", run);

    // then
    installation.console.awaitEnd(undo, RestoreCompleted.class);
    assertThat(Sample.dump(postgres, "owned")).isEqualTo(before);
    assertThat(media.resolve("mine")).hasContent("mine");
  }

  @Test
  void shouldNotTouchATargetInPlaceWhenTheArchiveIsDamaged() throws IOException {
    // given
    String archive = archive("edms");
    makeManaged("spoiled");
    String before = Sample.dump(postgres, "spoiled");
    Path file = installation.store().resolve("backups/edms").resolve(archive + ".tar.gz");
    for (int quarter = 1; quarter < 4; quarter++) {
      flip(file, Files.size(file) * quarter / 4);

      // when
      RunId run = restore("edms", archive, "spoiled", "{\"replace\":true,\"inPlace\":true}", null);

      // then
      RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class);
      assertThat(failed.code()).isEqualTo(FailureCode.ARCHIVE_CORRUPT);
      assertThat(failed.rolledBack()).isTrue();
      assertThat(Sample.dump(postgres, "spoiled")).isEqualTo(before);
      assertThat(folder.resolve("spoiled/mine")).hasContent("mine");
      flip(file, Files.size(file) * quarter / 4);
    }
    // No backup builds upon it any more, though it is what it was again.
    assertThat(file.resolveSibling(archive + ".damaged")).exists();
    installation.assertTidy();
  }

  @Test
  void shouldGoOnInPlaceInSpiteOfWhatDependsOnTheDatabaseWhenToldTo() throws IOException {
    // given
    String archive = archive("edms");
    makeManaged("pledged");
    postgres.execute(
        "pledged",
        "SET ROLE pledged; BEGIN; INSERT INTO mine VALUES (2); PREPARE TRANSACTION 'pledge'");

    // when
    RunId refused =
        restore("edms", archive, "pledged", "{\"replace\":true,\"inPlace\":true}", null);

    // then
    RestoreFailed failed = installation.console.awaitEnd(refused, RestoreFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.TARGET_IN_USE);
    assertThat(failed.message()).contains("pledge", "--override prepared-transactions");

    // when
    RunId told =
        restore(
            "edms",
            archive,
            "pledged",
            "{\"replace\":true,\"inPlace\":true,\"overrides\":[\"prepared-transactions\"]}",
            null);

    // then
    assertThat(installation.console.awaitEnd(told, RestoreCompleted.class).warnings())
        .contains("prepared transaction pledge has been rolled back");
    awaitContentOfEdms("pledged");
  }

  /** In place the marker goes a moment after the end has been told. */
  private static void awaitContentOfEdms(String database) {
    await()
        .atMost(PATIENCE)
        .untilAsserted(() -> assertThat(withoutOwners(database)).isEqualTo(withoutOwners("edms")));
  }

  /** As whoever restores the database has it, who may not give things to others. */
  private static String withoutOwners(String database) {
    return Sample.dump(postgres, database)
        .replaceAll("(?m)^ALTER .* OWNER TO .*;$", "")
        .replaceAll("Owner: .*", "");
  }

  private static Settings.Database managed(String name) {
    return new Settings.Database(PostgresTestServer.HOST, postgres.port(), name, name, null);
  }

  /** A target as a managed service has it: its user owns the database and can make no other. */
  private static void makeManaged(String name) throws IOException {
    postgres.execute("postgres", "CREATE ROLE " + name + " LOGIN");
    postgres.execute("postgres", "CREATE DATABASE " + name + " OWNER " + name);
    postgres.execute(
        name, "SET ROLE " + name + "; CREATE TABLE mine (id int); CREATE TABLE department (x int)");
    Path media = Files.createDirectory(folder.resolve(name));
    Files.writeString(media.resolve("mine"), "mine");
  }

  @Test
  void shouldTakeAtMostASecondMoreThanItsTools() {
    // given
    Path staged = folder.resolve("staged-by-hand");
    List<String> dump =
        List.of(
            postgres.program("pg_dump"),
            "--format=custom",
            "--compress=0",
            "--file=" + folder.resolve("by-hand.dump"),
            postgres.url("tiny"));
    List<String> rsync =
        List.of("rsync", "-aHAX", "--numeric-ids", folder + "/note/", staged + "/");
    installation.console.awaitEnd(installation.console.backup("tiny"), BackupCompleted.class);

    // when
    long tools =
        fastestOfFive(() -> {
          Commands.run(Map.of(), rsync);
          Commands.run(Map.of(), dump);
          Commands.run(Map.of(), rsync);
        });
    long whole =
        fastestOfFive(() ->
            installation.console.awaitEnd(
                installation.console.backup("tiny"), BackupCompleted.class));

    // then
    LOG.info("A backup of a tiny source takes {} ms, {} ms of them its tools", whole, tools);
    assertThat(whole).isLessThanOrEqualTo(tools + 1000);
  }

  private static Map<SourceName, Settings.Source> sources() throws IOException {
    Path wrong = Files.writeString(folder.resolve("wrong-password"), "guess\n");
    Map<SourceName, Settings.Source> sources = new LinkedHashMap<>();
    String host = PostgresTestServer.HOST;
    int port = postgres.port();
    Settings.Database edms = postgres.settings("edms");
    Settings.Media storage = media("storage");
    sources.put(new SourceName("edms"), source(edms, storage));
    sources.put(new SourceName("spare"), source(edms, storage));
    sources.put(new SourceName("database-only"), source(edms, null));
    sources.put(
        new SourceName("by-pg-dump"),
        new Settings.Source(edms, null, null, new Settings.Compression(true, 7, 6), null, false));
    sources.put(new SourceName("odd"), source(postgres.settings("odd"), null));
    sources.put(new SourceName("haunted"), source(postgres.settings("haunted"), null));
    sources.put(new SourceName("tiny"), source(postgres.settings("tiny"), media("note")));
    sources.put(new SourceName("no-archives"), source(edms, null));
    sources.put(
        new SourceName("wrong-password"),
        source(
            new Settings.Database(host, port, "edms", PostgresTestServer.GUARDED_USER, wrong),
            storage));
    sources.put(
        new SourceName("no-password-file"),
        source(
            new Settings.Database(
                host, port, "edms", PostgresTestServer.GUARDED_USER, folder.resolve("not-there")),
            storage));
    sources.put(
        new SourceName("unknown-host"),
        source(new Settings.Database("nowhere.invalid", port, "edms", "hybrid", null), storage));
    sources.put(
        new SourceName("no-server"),
        source(new Settings.Database(host, freePort(), "edms", "hybrid", null), storage));
    sources.put(new SourceName("unknown-database"), source(postgres.settings("unknown"), storage));
    sources.put(
        new SourceName("unknown-role"),
        source(new Settings.Database(host, port, "edms", "nobody-here", null), storage));
    sources.put(new SourceName("vanished-media"), source(edms, media("vanished")));
    sources.put(new SourceName("media-is-a-file"), source(edms, media("pg_dump")));
    sources.put(new SourceName("locked-media"), source(null, media("locked")));
    return sources;
  }

  private static Map<TargetName, Settings.Target> targets() throws IOException {
    Map<TargetName, Settings.Target> targets = new LinkedHashMap<>();
    targets.put(
        new TargetName("standby"),
        new Settings.Target(postgres.settings("standby"), media("standby")));
    targets.put(
        new TargetName("spared"),
        new Settings.Target(postgres.settings("spared"), media("spared")));
    targets.put(
        new TargetName("empty"), new Settings.Target(postgres.settings("empty"), media("empty")));
    targets.put(
        new TargetName("by-pg-dump"), new Settings.Target(postgres.settings("by_pg_dump"), null));
    targets.put(
        new TargetName("part"), new Settings.Target(postgres.settings("part"), media("part")));
    targets.put(
        new TargetName("depended"), new Settings.Target(postgres.settings("depended"), null));
    targets.put(
        new TargetName("busy"), new Settings.Target(postgres.settings("busy"), media("busy")));
    targets.put(new TargetName("owned"), new Settings.Target(managed("owned"), media("owned")));
    for (String managed : List.of("managed", "spoiled", "pledged")) {
      targets.put(
          new TargetName(managed), new Settings.Target(managed(managed), media(managed), true));
    }
    targets.put(
        new TargetName("occupied-database"),
        new Settings.Target(postgres.settings("occupied"), media("free")));
    targets.put(
        new TargetName("occupied-folder"),
        new Settings.Target(postgres.settings("free"), media("occupied")));
    targets.put(
        new TargetName("no-server"),
        new Settings.Target(
            new Settings.Database(PostgresTestServer.HOST, freePort(), "x", "hybrid", null),
            media("free")));
    return targets;
  }

  private static Settings.Source source(
      Settings.@Nullable Database database, Settings.@Nullable Media media) {
    return new Settings.Source(database, media, null);
  }

  private static Settings.Media media(String name) {
    return new Settings.Media(folder.resolve(name), List.of(), false);
  }

  private static RunId request(String source, String id) {
    return installation.console.request(
        "BackupRequested", "{\"source\":\"" + source + "\"}", id, null);
  }

  private static RunId restore(
      String source, String archive, String target, String options, @Nullable String components) {
    return installation.console.request(
        "RestoreRequested",
        "{\"source\":\"%s\",\"archive\":\"%s\",\"target\":\"%s\",\"options\":%s,\"components\":%s}"
            .formatted(source, archive, target, options, components));
  }

  private static String setting(String database, String name) throws SQLException {
    try (Connection connection = postgres.connect(database);
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("SHOW " + name)) {
      assertThat(row.next()).isTrue();
      return row.getString(1);
    }
  }

  private static String databases() {
    return Commands.run(
        postgres.program("psql"),
        "-Atc",
        "SELECT datname FROM pg_database",
        postgres.url("postgres"));
  }

  private static String archive(String source) {
    RunId run = installation.console.backup(source);
    return installation.console.awaitEnd(run, BackupCompleted.class).archive().value();
  }

  /** What pg_restore says of a dump, but for when it was made. */
  private static String contentsOfDump(Path dump) {
    return Commands.run(postgres.program("pg_restore"), "--list", dump.toString())
        .replaceFirst("Archive created at .*", "");
  }

  /** The names in a finished backup's archive, sorted. */
  private static List<String> contents(RunId run) {
    BackupCompleted completed = installation.console.awaitEnd(run, BackupCompleted.class);
    Path archive = installation.store().resolve(completed.archiveKey());
    return Commands.run("tar", "-tzf", archive.toString()).lines().sorted().toList();
  }

  private static int count(RunId run, Class<?> type) {
    return (int)
        installation.console.events(run).stream()
            .filter(event -> type.isInstance(event.data()))
            .count();
  }

  private static Instant time(RunId run, Class<?> type) {
    return installation.console.events(run).stream()
        .filter(event -> type.isInstance(event.data()))
        .map(Envelope::time)
        .findFirst()
        .orElseThrow();
  }

  /** In milliseconds. */
  private static long fastestOfFive(Runnable action) {
    LongSupplier timed =
        () -> {
          long begun = System.nanoTime();
          action.run();
          return Duration.ofNanos(System.nanoTime() - begun).toMillis();
        };
    return LongStream.generate(timed).limit(5).min().orElseThrow();
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private static RunId undo(String archive, String target, RunId restore) {
    return installation.console.request(
        "RestoreRequested",
        "{\"source\":\"edms\",\"archive\":\"%s\",\"target\":\"%s\",\"undo\":\"%s\"}"
            .formatted(archive, target, restore));
  }
}
