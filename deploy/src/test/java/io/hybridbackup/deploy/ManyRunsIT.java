package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupStarted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.messaging.Topics;
import io.hybridbackup.common.settings.ServiceProgram;
import io.hybridbackup.common.settings.SettingsFile;
import io.hybridbackup.common.testing.KafkaTestServer;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.common.testing.TopicConsole;
import io.hybridbackup.dbdump.DbDumpConfiguration;
import io.hybridbackup.mediasync.MediaSyncConfiguration;
import io.hybridbackup.packager.PackagerConfiguration;
import io.hybridbackup.restore.RestoreConfiguration;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.ConfigurableApplicationContext;

/**
 * Many requests at once, stuck sources, and requests that are read again, with two instances of
 * every service. How many requests: {@code -Dhybrid-backup.test.requests=200}.
 */
class ManyRunsIT {
  private static final Logger LOG = LoggerFactory.getLogger(ManyRunsIT.class);
  private static final int REQUESTS = Integer.getInteger("hybrid-backup.test.requests", 20);
  private static final Duration PATIENCE = Duration.ofSeconds(60).plusSeconds(5L * REQUESTS);

  /** So far a listener may be behind what is published. */
  private static final Duration BEHIND = Duration.ofSeconds(5);

  @TempDir private static Path folder;

  private static KafkaTestServer kafka;
  private static PostgresTestServer postgres;
  private static ServerSocket silentServer;
  private static TopicConsole console;
  private static Path config;
  private static final List<ConfigurableApplicationContext> instances = new ArrayList<>();

  @BeforeAll
  static void start() throws Exception {
    kafka = KafkaTestServer.start();
    postgres = PostgresTestServer.start();
    postgres.createDatabase("tiny");
    // It takes connections and never says a word.
    silentServer = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    for (String media : List.of("note", "other", "moving", "dead", "dead-too")) {
      Files.writeString(Files.createDirectory(folder.resolve(media)).resolve("note"), "short");
    }
    config = Files.writeString(folder.resolve("hybrid-backup.yaml"), settings());
    startInstances();
    console = new TopicConsole(kafka.bootstrapServers());
  }

  @AfterAll
  static void stop() throws IOException {
    console.close();
    stopInstances();
    silentServer.close();
    postgres.close();
    kafka.close();
  }

  @AfterEach
  void shouldHaveEveryInstanceRunning() {
    assertThat(instances).allMatch(ConfigurableApplicationContext::isRunning);
  }

  @Test
  @Timeout(1800)
  void shouldFinishManyRequestsOfOneSourceEachExactlyOnce() {
    // when
    long begun = System.nanoTime();
    Map<RunId, Instant> asked = new LinkedHashMap<>();
    for (int request = 0; request < REQUESTS; request++) {
      asked.put(console.backup("tiny"), Instant.now());
    }
    Set<RunId> runs = asked.keySet();

    // then
    runs.forEach(ManyRunsIT::awaitEnd);
    Duration took = Duration.ofNanos(System.nanoTime() - begun);
    List<Duration> answers =
        runs.stream()
            .map(run ->
                Duration.between(
                    asked.get(run), console.publishedAt(run, BackupAccepted.class).orElseThrow()))
            .toList();
    List<Duration> pauses = pauses(runs);
    LOG.atWarn()
        .addKeyValue("requests", REQUESTS)
        .addKeyValue("slowestAnswer", Collections.max(answers))
        .addKeyValue("all", took)
        .addKeyValue("each", took.dividedBy(REQUESTS))
        .addKeyValue("longestPauseBetweenRuns", Collections.max(pauses))
        .log("measured");
    assertThat(runs).allSatisfy(ManyRunsIT::assertRanOnce);
    assertThat(archives("tiny")).hasSize(REQUESTS);
    assertThat(answers).allMatch(answer -> answer.compareTo(BEHIND) < 0);
    assertThat(pauses).allMatch(pause -> pause.compareTo(BEHIND) < 0);
  }

  @Test
  @Timeout(300)
  void shouldNotLetASourceThatHangsDelayAnother() {
    // given
    Map<String, RunId> stuck = new LinkedHashMap<>();
    for (String source : List.of("dead", "dead-too", "silent-database")) {
      stuck.put(source, console.backup(source));
    }
    for (RunId one : stuck.values()) {
      BackupStarted _ = console.await(one, BackupStarted.class);
    }
    await()
        .atMost(PATIENCE)
        .until(() ->
            Files.exists(folder.resolve("dead.hangs"))
                && Files.exists(folder.resolve("dead-too.hangs")));

    // when
    RunId run = console.backup("other");

    // then
    BackupCompleted _ = console.awaitEnd(run, BackupCompleted.class);
    for (Map.Entry<String, RunId> one : stuck.entrySet()) {
      assertThat(console.facts(one.getValue(), Fact.TerminalFact.class)).isEmpty();
      console.request(
          "BackupCancelRequested",
          "{\"backupId\":\"%s\",\"source\":\"%s\"}".formatted(one.getValue(), one.getKey()));
      Fact.BackupCancelled _ = console.awaitEnd(one.getValue(), Fact.BackupCancelled.class);
    }
  }

  /** Whoever reads the requests' partition is stopped in one of the turns, and comes back. */
  @Test
  @Timeout(300)
  void shouldDoEachOnceWhilePartitionsMoveFromOneInstanceToTheOther() throws Exception {
    // given
    Set<RunId> runs = new LinkedHashSet<>();
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", kafka.bootstrapServers()))) {
      for (int turn = 0; turn < instances.size(); turn++) {
        runs.add(console.backup("moving"));
        runs.add(console.backup("moving"));

        // when
        instances.get(turn).close();
        awaitMembersMeanwhile(admin, 1, () -> runs.add(console.backup("moving")));
        instances.set(turn, instance());
        awaitMembersMeanwhile(admin, 2, () -> runs.add(console.backup("moving")));
      }
    }

    // then
    runs.forEach(ManyRunsIT::awaitEnd);
    assertThat(runs)
        .allSatisfy(ManyRunsIT::assertRanOnce)
        .allSatisfy(run -> assertThat(console.facts(run, BackupAccepted.class)).hasSize(1));
    assertThat(archives("moving")).hasSize(runs.size());
  }

  private static void awaitMembersMeanwhile(Admin admin, int members, Runnable meanwhile) {
    await()
        .atMost(PATIENCE)
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofSeconds(1))
        .until(() -> {
          meanwhile.run();
          var groups = admin.describeConsumerGroups(List.of(Topics.PACKAGER_GROUP)).all().get();
          return Objects.requireNonNull(groups.get(Topics.PACKAGER_GROUP)).members().size()
              == members;
        });
  }

  @Test
  @Timeout(300)
  void shouldRunNothingTwiceWhenAllRequestsAreReadAgain() throws Exception {
    // given
    RunId backup = console.backup("other");
    BackupCompleted completed = console.awaitEnd(backup, BackupCompleted.class);
    RunId restore = console.restore("other", completed.archive().value(), "standby");
    Fact.RestoreCompleted _ = console.awaitEnd(restore, Fact.RestoreCompleted.class);
    Path restored = folder.resolve("standby/note");
    Files.writeString(restored, "changed since");
    List<String> before = archives("other");

    // when
    stopInstances();
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", kafka.bootstrapServers()))) {
      List<String> groups = List.of(Topics.PACKAGER_GROUP, Topics.RESTORE_GROUP);
      admin.deleteConsumerGroups(groups).all().get();
      startInstances();
      for (String group : groups) {
        await().atMost(PATIENCE).until(() -> hasReadAll(admin, group));
      }
    }

    // then
    await()
        .atMost(PATIENCE)
        .untilAsserted(() ->
            assertThat(
                    console.lines(backup).stream().filter(line -> line.contains("BackupCompleted")))
                .as("it is answered again")
                .hasSizeGreaterThan(1));
    assertRanOnce(backup);
    assertThat(console.facts(restore, Fact.TerminalFact.class)).hasSize(1);
    RunId next = console.backup("other");
    BackupCompleted _ = console.awaitEnd(next, BackupCompleted.class);
    assertThat(archives("other")).hasSize(before.size() + 1);
    assertThat(restored).hasContent("changed since");
  }

  @Test
  @Timeout(300)
  void shouldNotRunAgainWhatIsProducedAgainDaysLater() {
    // given
    RunId run = console.backup("other");
    BackupCompleted completed = console.awaitEnd(run, BackupCompleted.class);
    List<String> before = archives("other");
    String id = "restore of last week";
    Instant lastWeek = Instant.now().minus(Duration.ofDays(7));

    // when
    RunId stale =
        console.request(
            "RestoreRequested",
            "{\"source\":\"other\",\"archive\":\"%s\",\"target\":\"never\"}"
                .formatted(completed.archive()),
            id,
            lastWeek);

    // then
    Fact.RestoreFailed failed = console.awaitEnd(stale, Fact.RestoreFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.STALE_REQUEST);
    assertThat(folder.resolve("never")).doesNotExist();

    // when the same comes as if it were new
    RunId again =
        console.request(
            "RestoreRequested",
            "{\"source\":\"other\",\"archive\":\"%s\",\"target\":\"never\"}"
                .formatted(completed.archive()),
            id,
            null);
    RunId next = console.backup("other");
    BackupCompleted _ = console.awaitEnd(next, BackupCompleted.class);

    // then
    assertThat(again).isEqualTo(stale);
    await()
        .during(Duration.ofSeconds(2))
        .untilAsserted(() -> assertThat(console.facts(stale, Fact.TerminalFact.class)).hasSize(1));
    assertThat(folder.resolve("never")).doesNotExist();
    assertThat(archives("other")).hasSize(before.size() + 1);
  }

  private static void awaitEnd(RunId run) {
    await(run.value())
        .atMost(PATIENCE)
        .pollInterval(Duration.ofMillis(100))
        .until(() -> !console.facts(run, Fact.TerminalFact.class).isEmpty());
  }

  private static void assertRanOnce(RunId run) {
    assertThat(console.facts(run, Fact.TerminalFact.class))
        .singleElement()
        .isInstanceOf(BackupCompleted.class);
    assertThat(console.facts(run, BackupStarted.class)).hasSize(1);
  }

  /** How long nothing of the source ran between one run and the next. */
  private static List<Duration> pauses(Set<RunId> runs) {
    List<Instant> starts = times(runs, BackupStarted.class);
    List<Instant> ends = times(runs, BackupCompleted.class);
    List<Duration> pauses = new ArrayList<>();
    for (int next = 1; next < starts.size(); next++) {
      pauses.add(Duration.between(ends.get(next - 1), starts.get(next)));
    }
    return pauses;
  }

  private static List<Instant> times(Set<RunId> runs, Class<? extends Fact> type) {
    return runs.stream()
        .map(run ->
            console.events(run).stream()
                .filter(event -> type.isInstance(event.data()))
                .map(Envelope::time)
                .findFirst()
                .orElseThrow())
        .sorted()
        .toList();
  }

  private static boolean hasReadAll(Admin admin, String group) throws Exception {
    Map<TopicPartition, OffsetAndMetadata> read =
        admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
    if (read.isEmpty()) {
      return false;
    }
    var ends =
        admin
            .listOffsets(
                read.keySet().stream()
                    .collect(Collectors.toMap(partition -> partition, _ -> OffsetSpec.latest())))
            .all()
            .get();
    return ends.entrySet().stream()
        .allMatch(end ->
            Objects.requireNonNull(read.get(end.getKey())).offset() >= end.getValue().offset());
  }

  private static List<String> archives(String source) {
    try (Stream<Path> files = Files.list(folder.resolve("store/backups").resolve(source))) {
      return files
          .map(file -> file.toFile().getName())
          .filter(name -> name.endsWith(".manifest.json"))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void startInstances() throws Exception {
    for (int instance = 0; instance < 2; instance++) {
      instances.add(instance());
    }
  }

  private static ConfigurableApplicationContext instance() throws Exception {
    return ServiceProgram.application(
            SettingsFile.read(config),
            DbDumpConfiguration.class,
            MediaSyncConfiguration.class,
            PackagerConfiguration.class,
            RestoreConfiguration.class)
        .registerShutdownHook(false)
        .run();
  }

  private static void stopInstances() {
    instances.forEach(ConfigurableApplicationContext::close);
    instances.clear();
  }

  /** An rsync that hangs as on a dead network drive where that is asked for. */
  private static Path rsync() throws IOException {
    Path script =
        Files.writeString(
            folder.resolve("rsync"),
            """
            #!/bin/bash
            case "$*" in
              *%1$s/dead/*) touch "%1$s/dead.hangs"; exec sleep 1000 ;;
              *%1$s/dead-too/*) touch "%1$s/dead-too.hangs"; exec sleep 1000 ;;
            esac
            exec rsync "$@"
            """
                .formatted(folder));
    return Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private static String settings() throws IOException {
    return """
    hybrid-backup:
      kafka: { bootstrap-servers: "%1$s", partitions: 3, replication-factor: 1 }
      data-directory: "%2$s/data"
      object-store: { type: filesystem, directory: "%2$s/store" }
      jobs: { lease: 3s, sweep: 2s, parallel-runs: 1, deadline: 1h, attempts: 9 }
      tools: { pg-dump: "%3$s", pg-restore: "%4$s", rsync: "%5$s" }
      sources:
        tiny:
          database: { host: 127.0.0.1, port: %6$d, name: tiny, user: %7$s }
          media: { location: "%2$s/note" }
        other:
          media: { location: "%2$s/other" }
        moving:
          media: { location: "%2$s/moving" }
        dead:
          media: { location: "%2$s/dead" }
        dead-too:
          media: { location: "%2$s/dead-too" }
        silent-database:
          database: { host: 127.0.0.1, port: %8$d, name: tiny, user: %7$s }
      targets:
        standby:
          media: { location: "%2$s/standby" }
        never:
          media: { location: "%2$s/never" }
    """
        .formatted(
            kafka.bootstrapServers(),
            folder,
            postgres.program("pg_dump"),
            postgres.program("pg_restore"),
            rsync(),
            postgres.port(),
            PostgresTestServer.USER,
            silentServer.getLocalPort());
  }
}
