package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupOutcome;
import io.hybridbackup.common.event.Fact.BackupStarted;
import io.hybridbackup.common.event.Fact.ComponentProgressed;
import io.hybridbackup.common.event.Fact.DatabaseDumpCompleted;
import io.hybridbackup.common.event.Fact.DatabaseSnapshotTaken;
import io.hybridbackup.common.event.Fact.MediaPrepared;
import io.hybridbackup.common.event.Fact.MediaSyncCompleted;
import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.messaging.Topics;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.JsonSchemas;
import io.hybridbackup.common.testing.KafkaTestServer;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.common.testing.S3TestServer;
import io.hybridbackup.common.testing.TopicConsole;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
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
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.S3Object;

/** The four services, each a program of its own, on a real broker, store and database. */
@Timeout(180)
class EndToEndIT {
  private static final String BUCKET = "backups";
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final List<String> SERVICES =
      List.of("db-dump", "media-sync", "packager", "restore");

  @TempDir private static Path folder;

  private static final Deque<AutoCloseable> started = new ArrayDeque<>();
  private static final Map<String, RunningProgram> services = new HashMap<>();
  private static PostgresTestServer postgres;
  private static TopicConsole console;
  private static S3Client s3;
  private static Path config;

  @BeforeAll
  static void start() throws Exception {
    postgres = opened(PostgresTestServer.start());
    KafkaTestServer kafka = opened(KafkaTestServer.start());
    S3TestServer store = opened(S3TestServer.start(folder.resolve("s3")));
    store.createBucket(BUCKET);
    s3 =
        opened(
            S3Client.builder()
                .endpointOverride(store.endpoint())
                .forcePathStyle(true)
                .region(Region.of(S3TestServer.REGION))
                .credentialsProvider(
                    StaticCredentialsProvider.create(
                        AwsBasicCredentials.create(
                            S3TestServer.ACCESS_KEY, S3TestServer.SECRET_KEY)))
                .build());
    Sample.createDatabase(postgres, "edms");
    Sample.createLargeDatabase(postgres, "large", 30_000);
    Sample.plant(folder.resolve("storage"));
    Files.writeString(Files.createDirectory(folder.resolve("note")).resolve("note"), "short");
    postgres.createDatabase("tiny");
    config = Files.writeString(folder.resolve("hybrid-backup.yaml"), settings(kafka, store));
    for (String service : SERVICES) {
      RunningProgram _ = begin(service);
    }
    for (RunningProgram service : services.values()) {
      RunningProgram _ = service.awaitReady();
    }
    console = opened(new TopicConsole(kafka.bootstrapServers()));
  }

  @AfterAll
  static void stop() throws Exception {
    for (RunningProgram service : services.values()) {
      service.close();
    }
    while (!started.isEmpty()) {
      started.pop().close();
    }
  }

  @AfterEach
  void shouldLeaveNothingHalfMade() {
    await()
        .atMost(PATIENCE)
        .untilAsserted(() ->
            assertThat(objects())
                .extracting(S3Object::key)
                .allMatch(key -> key.matches("(backups|names|slots|scrubs|runs|open|kept)/.+")));
    assertThat(objects())
        .filteredOn(object -> object.key().startsWith("runs/"))
        .allSatisfy(object -> assertThat(object.size()).isLessThan(64 * 1024));
    List<String> archives = keys("backups/", ".tar.gz");
    assertThat(keys("backups/", ".manifest.json"))
        .isEqualTo(archives.stream().map(key -> key.replace(".tar.gz", ".manifest.json")).toList());
    assertThat(children()).isEmpty();
  }

  @Test
  void shouldTellEveryFactOfABackupOnceAndInOrder() {
    // when
    RunId run = console.backup("edms");

    // then
    BackupCompleted completed = console.awaitEnd(run, BackupCompleted.class);
    List<Class<?>> facts = typesWithoutProgress(run);
    assertThat(facts.subList(0, 4))
        .isEqualTo(
            List.of(
                BackupAccepted.class,
                BackupStarted.class,
                MediaPrepared.class,
                DatabaseSnapshotTaken.class));
    assertThat(facts.subList(4, 6))
        .containsExactlyInAnyOrder(DatabaseDumpCompleted.class, MediaSyncCompleted.class);
    assertThat(facts.subList(6, facts.size())).isEqualTo(List.of(BackupCompleted.class));
    assertThat(completed.state()).isEqualTo(BackupOutcome.COMPLETE);
    assertThat(completed.warnings()).isEmpty();
    assertThat(keys("backups/edms/", "")).contains(completed.archiveKey(), completed.manifest());
    assertThat(console.facts(run, DatabaseSnapshotTaken.class))
        .singleElement()
        .satisfies(snapshot -> assertThat(snapshot.fenced()).isTrue());
    assertConforms(run);
  }

  @Test
  void shouldBackUpForAConsoleProducerThatKnowsNothingOfIds() {
    // given
    int before = keys("backups/edms/", ".manifest.json").size();

    // when
    console.write(
        Topics.BACKUP_REQUESTS.name(),
        """
        {"specversion":"1.0","type":"io.hybridbackup.BackupRequested.v1","data":{"source":"edms"}}\
        """);

    // then
    await()
        .atMost(PATIENCE)
        .untilAsserted(
            () -> assertThat(keys("backups/edms/", ".manifest.json")).hasSize(before + 1));
  }

  @Test
  void shouldBeRestorableWithTarAndPgRestoreAndRsyncAlone() throws IOException {
    // given
    RunId run = console.backup("edms");
    BackupCompleted completed = console.awaitEnd(run, BackupCompleted.class);

    // when
    Path archive = folder.resolve("by-hand.tar.gz");
    s3.getObject(request -> request.bucket(BUCKET).key(completed.archiveKey()), archive);
    Path unpacked = Files.createDirectory(folder.resolve("by-hand"));
    Path storage = folder.resolve("by-hand-storage");
    Commands.run("gzip", "-t", archive.toString());
    Commands.run(
        "tar",
        "--xattrs",
        "--xattrs-include=*",
        "--acls",
        "--numeric-owner",
        "-xpzf",
        archive.toString(),
        "-C",
        unpacked.toString());
    postgres.createDatabase("by_hand");
    Commands.run(
        postgres.program("pg_restore"),
        "--exit-on-error",
        "--dbname=" + postgres.url("by_hand"),
        unpacked.resolve("database.dump").toString());
    Commands.run("rsync", "-aHAX", "--numeric-ids", unpacked + "/storage/", storage + "/");

    // then
    assertThat(unpacked).isDirectoryNotContaining(path -> !isExpected(path));
    Sample.assertSameDatabase(postgres, "edms", "by_hand");
    Sample.assertSameFiles(folder.resolve("storage"), unpacked.resolve("storage"));
    Sample.assertSameFiles(folder.resolve("storage"), storage);
  }

  @Test
  void shouldRestoreWhatItBackedUp() {
    // given
    String archive = archiveOf("edms");

    // when
    RunId run = console.restore("edms", archive, "standby");

    // then
    RestoreCompleted completed = console.awaitEnd(run, RestoreCompleted.class);
    assertThat(completed.warnings()).isEmpty();
    assertThat(typesWithoutProgress(run))
        .isEqualTo(List.of(RestoreStarted.class, RestoreCompleted.class));
    Sample.assertSameDatabase(postgres, "edms", "standby");
    Sample.assertSameFiles(folder.resolve("storage"), folder.resolve("standby"));
    assertConforms(run);
  }

  @Test
  void shouldForgetARunTwoLeasesAfterItsEnd() {
    // given
    RunId run = console.backup("tiny");
    console.awaitEnd(run, BackupCompleted.class);

    // then
    await().atMost(PATIENCE).untilAsserted(() -> assertThat(keys("open/", "")).isEmpty());
  }

  @Test
  void shouldFinishABackupThoughTheDatabaseServiceIsKilledInTheMiddleOfADump() throws Exception {
    // given
    RunningProgram service = service("db-dump");
    RunId run = console.backup("large");
    ProcessHandle dump = service.awaitChild("pg_dump", "--format=custom");
    await()
        .atMost(PATIENCE)
        .pollInterval(Duration.ofMillis(5))
        .until(() -> written(dump) > 1_000_000);
    RunningProgram.freeze(dump);

    // when
    service.kill();
    await().atMost(PATIENCE).until(() -> !dump.isAlive());
    launch("db-dump");

    // then
    BackupCompleted completed = console.awaitEnd(run, BackupCompleted.class);
    assertThat(console.facts(run, BackupStarted.class)).hasSize(2);
    assertEndedOnce(run);
    assertThat(keys("backups/large/", ".tar.gz")).contains(completed.archiveKey());
    assertConforms(run);
  }

  @Test
  void shouldFinishABackupThoughTheMediaServiceIsKilledWhileRsyncWorks() throws Exception {
    // given
    RunningProgram service = service("media-sync");
    RunId run = console.backup("edms-media");
    ProcessHandle rsync = service.awaitChild("rsync", "-aHAX");
    RunningProgram.freeze(rsync);

    // when
    service.kill();
    await().atMost(PATIENCE).until(() -> !rsync.isAlive());
    launch("media-sync");

    // then
    BackupCompleted completed = console.awaitEnd(run, BackupCompleted.class);
    assertEndedOnce(run);
    assertThat(completed.storageBytes()).isPositive();
    assertThat(completed.databaseBytes()).isNull();
  }

  @Test
  void shouldFinishABackupThoughThePackagerIsKilledAndMissesTheParts() throws Exception {
    // given
    RunId run = console.backup("large");
    ProcessHandle dump = service("db-dump").awaitChild("pg_dump", "--format=custom");
    RunningProgram.freeze(dump);

    // when
    service("packager").kill();
    RunningProgram.thaw(dump);
    console.await(run, DatabaseDumpCompleted.class);
    launch("packager");

    // then
    console.awaitEnd(run, BackupCompleted.class);
    assertThat(console.facts(run, BackupStarted.class)).hasSize(1);
    assertEndedOnce(run);
    assertConforms(run);
  }

  @Test
  void shouldFinishARestoreThoughTheServiceIsKilledWhilePgRestoreWorks() throws Exception {
    // given
    String archive = archiveOf("large");
    RunningProgram service = service("restore");
    RunId run = console.restore("large", archive, "large-standby");
    ProcessHandle restore = service.awaitChild("pg_restore", "--exit-on-error");
    RunningProgram.freeze(restore);

    // when
    service.kill();
    await().atMost(PATIENCE).until(() -> !restore.isAlive());
    launch("restore");

    // then
    console.awaitEnd(run, RestoreCompleted.class);
    assertEndedOnce(run);
    Sample.assertSameDatabase(postgres, "large", "large_standby");
    await().atMost(PATIENCE).untilAsserted(() -> assertThat(scratchDatabases()).isZero());
  }

  private static String settings(KafkaTestServer kafka, S3TestServer store) {
    return """
    hybrid-backup:
      kafka: { bootstrap-servers: "%1$s", partitions: 3 }
      data-directory: "%2$s/data"
      object-store:
        type: s3
        s3: { bucket: %3$s, endpoint: "%4$s", region: %5$s, access-key: %6$s, secret-key-file: "%7$s" }
      jobs: { lease: 3s, sweep: 500ms, deadline: 2m }
      tools: { pg-dump: "%8$s", pg-restore: "%9$s" }
      sources:
        edms:
          database: { host: 127.0.0.1, port: %10$d, name: edms, user: %11$s }
          media: { location: "%2$s/storage/" }
          version: { literal: "1.4.2" }
        edms-media:
          media: { location: "%2$s/storage/" }
        large:
          database: { host: 127.0.0.1, port: %10$d, name: large, user: %11$s }
        tiny:
          database: { host: 127.0.0.1, port: %10$d, name: tiny, user: %11$s }
          media: { location: "%2$s/note/" }
      targets:
        standby:
          database: { host: 127.0.0.1, port: %10$d, name: standby, user: %11$s }
          media: { location: "%2$s/standby/" }
        large-standby:
          database: { host: 127.0.0.1, port: %10$d, name: large_standby, user: %11$s }
    """
        .formatted(
            kafka.bootstrapServers(),
            folder,
            BUCKET,
            store.endpoint(),
            S3TestServer.REGION,
            S3TestServer.ACCESS_KEY,
            store.secretKeyFile(),
            postgres.program("pg_dump"),
            postgres.program("pg_restore"),
            postgres.port(),
            PostgresTestServer.USER);
  }

  private static <C extends AutoCloseable> C opened(C resource) {
    started.push(resource);
    return resource;
  }

  private static RunningProgram begin(String service) throws IOException {
    RunningProgram begun =
        RunningProgram.service(service, config, folder.resolve(service + ".log"));
    services.put(service, begun);
    return begun;
  }

  private static void launch(String service) throws IOException {
    RunningProgram _ = begin(service).awaitReady();
  }

  private static RunningProgram service(String name) {
    return Optional.ofNullable(services.get(name)).orElseThrow();
  }

  private static String archiveOf(String source) {
    return console.awaitEnd(console.backup(source), BackupCompleted.class).archive().value();
  }

  private static List<Class<?>> typesWithoutProgress(RunId run) {
    return console.events(run).stream()
        .<Class<?>>map(event -> event.data().getClass())
        .filter(type -> type != ComponentProgressed.class)
        .filter(type -> type != Fact.RestoreProgressed.class)
        .toList();
  }

  /** Whatever was published twice was the same event. */
  private static void assertEndedOnce(RunId run) {
    assertThat(console.events(run))
        .filteredOn(event -> event.data() instanceof Fact.TerminalFact)
        .extracting(Envelope::id)
        .isNotEmpty()
        .containsOnly(console.events(run).getLast().id());
  }

  private static void assertConforms(RunId run) {
    assertThat(console.events(run))
        .allSatisfy(event -> {
          assertThat(
                  JsonSchemas.load("/io/hybridbackup/contract/CloudEvent.v1.json")
                      .validate(event.toJson()))
              .isEmpty();
          assertThat(
                  JsonSchemas.load(
                          "/io/hybridbackup/contract/%s.v1.json"
                              .formatted(event.data().getClass().getSimpleName()))
                      .validate(event.toJson().get("data")))
              .isEmpty();
        });
  }

  private static boolean isExpected(Path unpacked) {
    return List.of("manifest.json", "database.dump", "storage")
        .contains(unpacked.toFile().getName());
  }

  private static List<S3Object> objects() {
    return s3.listObjectsV2Paginator(request -> request.bucket(BUCKET)).contents().stream()
        .toList();
  }

  private static List<String> keys(String prefix, String ending) {
    return objects().stream()
        .map(S3Object::key)
        .filter(key -> key.startsWith(prefix) && key.endsWith(ending))
        .sorted()
        .toList();
  }

  /** Native programs that anybody has left behind. */
  private static List<String> children() {
    return ProcessHandle.allProcesses()
        .map(ProcessHandle::info)
        .filter(info -> info.command().orElse("").matches(".*/(pg_dump|pg_restore|rsync)"))
        .map(info -> String.join(" ", info.arguments().orElse(new String[0])))
        .filter(line -> line.contains(folder.toString()))
        .toList();
  }

  private static long scratchDatabases() throws Exception {
    try (var connection = postgres.connect("postgres");
        var statement = connection.createStatement();
        var row =
            statement.executeQuery(
                "SELECT count(*) FROM pg_database WHERE datname LIKE 'restore%'")) {
      row.next();
      return row.getLong(1);
    }
  }

  /** How many bytes a process has written so far. */
  private static long written(ProcessHandle process) throws IOException {
    return Files.readAllLines(Path.of("/proc/" + process.pid() + "/io")).stream()
        .filter(line -> line.startsWith("wchar: "))
        .mapToLong(line -> Long.parseLong(line.substring("wchar: ".length())))
        .sum();
  }
}
