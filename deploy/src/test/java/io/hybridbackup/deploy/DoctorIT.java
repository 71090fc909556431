package io.hybridbackup.deploy;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.Claim;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.messaging.Topics;
import io.hybridbackup.common.settings.ServiceProgram;
import io.hybridbackup.common.settings.SettingsFile;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.KafkaTestServer;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.common.testing.TopicConsole;
import io.hybridbackup.dbdump.DbDumpConfiguration;
import io.hybridbackup.mediasync.MediaSyncConfiguration;
import io.hybridbackup.packager.PackagerConfiguration;
import io.hybridbackup.restore.RestoreConfiguration;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.config.ConfigResource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.context.ConfigurableApplicationContext;
import tools.jackson.databind.JsonNode;

/** What the doctor says of an installation that works, and of each thing that can be wrong. */
@Timeout(180)
class DoctorIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final RunId STRANGER = RunId.ofRequest("/test", "stranger");

  /** What a machine may lack, and the tests need not. */
  private static final String LACKING = ".*(libdeflate|setpriv|setsid|flock|owners of files).*";

  @TempDir private static Path folder;

  private static KafkaTestServer kafka;
  private static PostgresTestServer postgres;
  private static TopicConsole console;
  private static ConfigurableApplicationContext services;

  private record Diagnosis(int exitCode, String output) {
    List<JsonNode> findings(String level) {
      List<JsonNode> found = new ArrayList<>();
      // Where tests log, standard output has more than this line.
      String line = output.lines().filter(one -> one.startsWith("{")).findFirst().orElseThrow();
      for (JsonNode finding : Json.mapper().readTree(line).path("findings")) {
        if (finding.path("level").asString("").equals(level)) {
          found.add(finding);
        }
      }
      return found;
    }
  }

  @BeforeAll
  static void start() throws Exception {
    kafka = KafkaTestServer.start();
    postgres = PostgresTestServer.start();
    Sample.createDatabase(postgres, "edms");
    postgres.execute(
        "edms",
        """
        CREATE ROLE reader LOGIN;
        CREATE ROLE blinkered LOGIN;
        GRANT pg_read_all_data TO blinkered;
        CREATE TABLE secret AS SELECT 1 AS id;
        ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
        """);
    Files.writeString(Files.createDirectory(folder.resolve("storage")).resolve("file"), "file");
    Files.createDirectory(folder.resolve("mount"));
    Files.writeString(folder.resolve("wrong-password"), "wrong");
    script("old-pg_dump", "echo 'pg_dump (PostgreSQL) 9.6.0'");
    services =
        ServiceProgram.application(
                SettingsFile.read(config(Map.of())),
                DbDumpConfiguration.class,
                MediaSyncConfiguration.class,
                PackagerConfiguration.class,
                RestoreConfiguration.class)
            .registerShutdownHook(false)
            .run();
    console = new TopicConsole(kafka.bootstrapServers());
    RunId run = console.backup("edms");
    BackupCompleted _ = console.awaitEnd(run, BackupCompleted.class);
    await().atMost(PATIENCE).until(() -> Files.notExists(folder.resolve("store/open/" + run)));
  }

  @AfterAll
  static void stop() {
    console.close();
    services.close();
    postgres.close();
    kafka.close();
  }

  @Test
  void shouldFindNothingWrongWithAnInstallationThatWorksAndChangeNothing() throws Exception {
    // given
    List<String> before = everything();

    // when
    Diagnosis diagnosis = examine(Map.of());
    Diagnosis text = run(config(Map.of()));

    // then
    assertThat(diagnosis.findings("PROBLEM")).isEmpty();
    assertThat(diagnosis.findings("WARNING"))
        .allMatch(finding -> finding.path("text").asString("").matches(LACKING));
    assertThat(diagnosis.exitCode).isZero();
    assertThat(diagnosis.findings("OK"))
        .extracting(finding -> finding.path("area").asString(""))
        .contains(
            "broker",
            "topics",
            "services",
            "store",
            "backups",
            "runs",
            "leftovers",
            "tools",
            "data",
            "source edms",
            "target standby");
    assertThat(text.exitCode).isZero();
    assertThat(text.output)
        .contains("store\n  ok       the folder ", "edms: 1, the newest backup_");
    assertThat(text.output.lines())
        .allMatch(line -> line.length() <= 80 || line.strip().split(" ", -1).length <= 2);
    assertThat(everything()).isEqualTo(before);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          kafka          | 127.0.0.1:1        | 4 | broker      | cannot be asked          | start the broker
          store          | STORE/not-there    | 4 | store       | there is no folder       | mount or make it
          pg-dump        | /nowhere/pg_dump   | 1 | tools       | /nowhere/pg_dump         | install the PostgreSQL
          pg-dump        | STORE/../old-pg_dump | 1 | source edms | 9.6.0 cannot work with | install postgresql-client-
          rsync          | /nowhere/rsync     | 1 | tools       | /nowhere/rsync           | install rsync
          user           | guarded            | 1 | source edms | does not let user guarded | check user, password-file
          database       | nowhere            | 1 | source edms | there is no database     | create it or correct
          user           | reader             | 1 | source edms | reader may not read tables | GRANT pg_read_all_data TO reader
          user           | blinkered          | 1 | source edms | row security hides rows  | ALTER ROLE blinkered BYPASSRLS
          port           | 1                  | 1 | source edms | does not answer          | check that the server runs
          media          | STORE/../vanished  | 1 | source edms | /vanished is not there   | mount it or correct
          source         | unmounted          | 1 | source unmounted | is empty, though    | mount it
          target-user    | reader             | 1 | target standby | may not create databases | ALTER ROLE reader CREATEDB
          target-port    | 1                  | 1 | target standby | does not answer       | check that the server runs
          """)
  void shouldNameCauseAndCureOfWhatIsWrong(
      String setting, String value, int exitCode, String area, String cause, String cure)
      throws Exception {
    // given
    Map<String, String> changes = new HashMap<>();
    changes.put(setting, value.replace("STORE", folder.resolve("store").toString()));
    if (setting.equals("source")) {
      Files.createDirectories(folder.resolve("data/staging/unmounted/tree/folder"));
      changes.put("media", folder.resolve("mount").toString());
    }

    // when
    Diagnosis diagnosis = examine(changes);

    // then
    assertThat(diagnosis.exitCode).isEqualTo(exitCode);
    assertThat(diagnosis.findings("PROBLEM"))
        .anySatisfy(problem -> {
          assertThat(problem.path("area").asString("")).isEqualTo(area);
          assertThat(problem.path("text").asString("")).contains(cause);
          assertThat(problem.path("cure").asString("")).contains(cure);
        });
    assertThat(folder.resolve("store/not-there")).doesNotExist();
    Commands.run("rm", "-rf", folder.resolve("data/staging/unmounted").toString());
  }

  @Test
  void shouldSayThatNobodyAnswersInABucketThatCannotBeReached() throws Exception {
    // given
    Path config = folder.resolve("s3.yaml");
    Files.writeString(folder.resolve("secret-key"), "secret");
    Files.writeString(
        config,
        Files.readString(config(Map.of()))
            .replaceFirst(
                "object-store: .*",
                "object-store: { type: s3, s3: { bucket: backups, endpoint: \"http://127.0.0.1:%d\","
                        .formatted(freePort())
                    + " access-key: key, secret-key-file: secret-key } }"));

    // when
    Diagnosis diagnosis = run(config, "--json");

    // then
    assertThat(diagnosis.exitCode).isEqualTo(4);
    assertThat(diagnosis.findings("PROBLEM"))
        .singleElement()
        .satisfies(problem -> {
          assertThat(problem.path("area").asString("")).isEqualTo("store");
          assertThat(problem.path("text").asString("")).contains("the bucket backups at http://");
        });
  }

  @Test
  void shouldFindWhatRunsHaveLeft() throws Exception {
    // given
    Path data = Files.createDirectories(folder.resolve("data/restore/" + STRANGER));
    Path staging = Files.createDirectories(folder.resolve("data/staging/gone"));
    Path scratch = Files.createDirectory(folder.resolve(".standby.restore-" + STRANGER + "-1"));
    postgres.createDatabase("restore_" + STRANGER + "_1");
    ObjectKey archive = ObjectKey.of("backups", "edms", "backup_20260111_020000.tar.gz");
    try (FilesystemObjectStore store = new FilesystemObjectStore(folder.resolve("store"))) {
      assertThat(store.create(archive, "archive".getBytes(UTF_8))).isTrue();
      String ended = store.children("runs").getFirst();
      ObjectKey bulk = ObjectKey.of("work", ended, "attempt-01", "media", "epoch-00009", "part");
      assertThat(store.create(bulk, "bulk".getBytes(UTF_8))).isTrue();

      // when
      Diagnosis diagnosis = examine(Map.of());

      // then
      assertThat(diagnosis.exitCode).isZero();
      assertThat(diagnosis.findings("WARNING"))
          .extracting(finding -> finding.path("text").asString(""))
          .anyMatch(text -> text.contains("have left: 1, such as work/" + ended))
          .anyMatch(text -> text.startsWith(archive + ": it has no manifest"))
          .anyMatch(text -> text.startsWith("the scratch database restore_" + STRANGER + "_1"))
          .anyMatch(text -> text.startsWith("the scratch folder " + scratch))
          .anyMatch(text -> text.startsWith("the folder " + data))
          .anyMatch(text -> text.contains("staging/gone is of no source"));

      store.delete(archive);
      store.delete(bulk);
    }
    postgres.execute("postgres", "DROP DATABASE restore_" + STRANGER + "_1");
    Files.delete(scratch);
    Files.delete(data);
    Files.delete(staging);
  }

  @Test
  void shouldSayWhatARunWaitsForThatNobodyTakesUp() throws Exception {
    // given
    Path abandoned = Files.createDirectory(folder.resolve("abandoned"));
    Instant accepted = Instant.now().minus(Duration.ofHours(3));
    Instant deadline = Instant.now().plus(Duration.ofHours(3));
    try (FilesystemObjectStore store = new FilesystemObjectStore(abandoned)) {
      Claim _ =
          new Runs(store)
              .answer(
                  STRANGER,
                  new Claim(
                      new Announcement(
                          new BackupAccepted(
                              STRANGER,
                              "edms",
                              new Origin(Component.PACKAGER, 0, 0, 1),
                              Set.of(Component.MEDIA),
                              accepted,
                              deadline,
                              null),
                          accepted),
                      deadline));
    }

    // when
    Diagnosis diagnosis = examine(Map.of("store", abandoned.toString()));

    // then
    assertThat(diagnosis.exitCode).isEqualTo(1);
    assertThat(diagnosis.findings("PROBLEM"))
        .singleElement()
        .satisfies(problem -> {
          assertThat(problem.path("text").asString(""))
              .isEqualTo(
                  "backup of edms, "
                      + STRANGER
                      + ", accepted 3 h ago, waits for the packager to begin");
          assertThat(problem.path("cure").asString(""))
              .contains("hybrid-backup cancel " + STRANGER);
        });
  }

  @Test
  void shouldNameTheRunWhoseRecordsCannotBeRead() throws Exception {
    // given
    Path damaged = Files.createDirectory(folder.resolve("damaged"));
    try (FilesystemObjectStore store = new FilesystemObjectStore(damaged)) {
      assertThat(store.create(RunKeys.open(STRANGER), new byte[0])).isTrue();
      assertThat(store.create(RunKeys.claim(STRANGER).key(), "{\"half".getBytes(UTF_8))).isTrue();
    }

    // when
    Diagnosis diagnosis = examine(Map.of("store", damaged.toString()));

    // then
    assertThat(diagnosis.exitCode).isEqualTo(1);
    assertThat(diagnosis.findings("PROBLEM"))
        .singleElement()
        .satisfies(problem -> {
          assertThat(problem.path("text").asString(""))
              .startsWith("a run, " + STRANGER + ", waits for somebody to look at its records in")
              .contains("runs/" + STRANGER + ", one of which cannot be read: ");
          assertThat(problem.path("cure").asString(""))
              .endsWith("or remove open/" + STRANGER + " to give the run up");
        });
  }

  @Test
  void shouldFindTopicsThatAreNotAsTheContractWantsThem() throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", kafka.bootstrapServers()))) {
      // given
      alter(admin, AlterConfigOp.OpType.SET);

      // when
      Diagnosis diagnosis = examine(Map.of());

      // then
      assertThat(diagnosis.findings("WARNING"))
          .anySatisfy(warning -> {
            assertThat(warning.path("text").asString(""))
                .isEqualTo("backup.events.v1 has retention.ms=60000, the contract says 2592000000");
            assertThat(warning.path("cure").asString(""))
                .endsWith("--entity-name backup.events.v1 --add-config retention.ms=2592000000");
          });
    } finally {
      try (Admin admin = Admin.create(Map.of("bootstrap.servers", kafka.bootstrapServers()))) {
        alter(admin, AlterConfigOp.OpType.DELETE);
      }
    }
  }

  private static void alter(Admin admin, AlterConfigOp.OpType operation) throws Exception {
    admin
        .incrementalAlterConfigs(
            Map.of(
                new ConfigResource(ConfigResource.Type.TOPIC, Topics.BACKUP_EVENTS.name()),
                List.of(
                    new AlterConfigOp(
                        new ConfigEntry(
                            "retention.ms",
                            operation == AlterConfigOp.OpType.SET ? "60000" : "2592000000"),
                        AlterConfigOp.OpType.SET))))
        .all()
        .get();
  }

  private static Diagnosis examine(Map<String, String> changes) throws Exception {
    return run(config(changes), "--json");
  }

  private static Diagnosis run(Path config, String... more) {
    List<String> arguments = new ArrayList<>(List.of("doctor", "--config", config.toString()));
    arguments.addAll(List.of(more));
    ByteArrayOutputStream output = new ByteArrayOutputStream();
    PrintStream before = System.out;
    System.setOut(new PrintStream(output, true, UTF_8));
    try {
      int exitCode = HybridBackup.run(arguments.toArray(String[]::new));
      return new Diagnosis(exitCode, output.toString(UTF_8));
    } finally {
      System.setOut(before);
    }
  }

  /** The installation's configuration, with some values exchanged. */
  private static Path config(Map<String, String> changes) throws IOException {
    Map<String, String> values = new HashMap<>();
    values.put("kafka", kafka.bootstrapServers());
    values.put("store", folder.resolve("store").toString());
    values.put("pg-dump", postgres.program("pg_dump"));
    values.put("rsync", "rsync");
    values.put("source", "edms");
    values.put("port", Integer.toString(postgres.port()));
    values.put("database", "edms");
    values.put("user", PostgresTestServer.USER);
    values.put("media", folder.resolve("storage").toString());
    values.put("target-port", Integer.toString(postgres.port()));
    values.put("target-user", PostgresTestServer.USER);
    values.putAll(changes);
    String text =
        """
        hybrid-backup:
          kafka: { bootstrap-servers: "<kafka>", partitions: 2, replication-factor: 1 }
          data-directory: "%1$s/data"
          object-store: { type: filesystem, directory: "<store>" }
          jobs: { lease: 3s, sweep: 500ms }
          tools: { pg-dump: "<pg-dump>", pg-restore: "%2$s", rsync: "<rsync>" }
          sources:
            <source>:
              database: { host: 127.0.0.1, port: <port>, name: <database>, user: <user>, password-file: wrong-password }
              media: { location: "<media>" }
          targets:
            standby:
              database: { host: 127.0.0.1, port: <target-port>, name: standby, user: <target-user> }
              media: { location: "%1$s/standby" }
        """
            .formatted(folder, postgres.program("pg_restore"));
    for (Map.Entry<String, String> value : values.entrySet()) {
      text = text.replace("<" + value.getKey() + ">", value.getValue());
    }
    return Files.writeString(Files.createTempFile(folder, "config", ".yaml"), text);
  }

  private static void script(String name, String line) throws IOException {
    Path script = Files.writeString(folder.resolve(name), "#!/bin/sh\n" + line + "\n");
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /** Every file of store and data, and every database. */
  private static List<String> everything() throws IOException {
    try (Stream<Path> store = Files.walk(folder.resolve("store"));
        Stream<Path> data = Files.walk(folder.resolve("data"))) {
      return Stream.of(
              store.filter(path -> !path.toString().contains("/.uploads")).map(Path::toString),
              data.map(Path::toString),
              Commands.run(
                      postgres.program("psql"),
                      "-Atc",
                      "SELECT datname FROM pg_database",
                      postgres.url("postgres"))
                  .lines())
          .flatMap(lines -> lines)
          .sorted()
          .toList();
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
