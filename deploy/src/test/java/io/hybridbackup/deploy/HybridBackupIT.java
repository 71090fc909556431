package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.event.Request;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.messaging.TopicProvisioner;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.deploy.broker.EmbeddedBroker;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

@Timeout(120)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HybridBackupIT {
  private final List<AutoCloseable> started = new ArrayList<>();
  private Settings.Kafka kafka = new Settings.Kafka("", 1, (short) -1);
  private @Nullable Responder responder;
  private Path folder = Path.of("");
  private Path config = Path.of("");

  private record Outcome(int exitCode, String output, String errors) {
    JsonNode json() {
      assertThat(output.lines()).hasSize(1);
      return Json.mapper().readTree(output);
    }
  }

  @BeforeAll
  void start(@TempDir Path temporary) throws Exception {
    folder = temporary;
    kafka = new Settings.Kafka("127.0.0.1:" + freePort(), 3, (short) -1);
    started.add(EmbeddedBroker.start(folder.resolve("kafka"), kafka.bootstrapServers()));
    new TopicProvisioner(kafka).provision(Duration.ofSeconds(20));
    Responder answering = new Responder(kafka);
    started.add(answering);
    responder = answering;
    config = configuration("hybrid-backup.yaml", kafka.bootstrapServers());
    archive("edms", "backup_20260110_020000", true);
    archive("edms", "backup_20260111_020000", true);
    archive("edms", "backup_20260112_020000", false);
    archive("edms", "backup_20260109_020000", true);
    Files.writeString(folder.resolve("store/backups/edms/backup_20260109_020000.expired"), "{}");
    archive("wiki", "backup_20260111_020000", true);
  }

  @AfterAll
  void stop() throws Exception {
    for (AutoCloseable part : started.reversed()) {
      part.close();
    }
  }

  @Test
  void shouldFollowABackupToItsEnd() {
    // when
    Outcome outcome = run("backup", "edms");

    // then
    assertThat(outcome.exitCode).isZero();
    assertThat(outcome.output)
        .contains("complete: backups/edms/backup_20260111_020000.tar.gz, 1.0 kB (600 B uploaded");
    assertThat(outcome.errors.lines())
        .contains(
            "accepted: database and media of edms",
            "started: backup_20260111_020000",
            "packager: dumping 1.5 MB of 3.0 MB");
  }

  @Test
  void shouldPrintTheFactThatEndsABackup() {
    // when
    Outcome outcome = run("backup", "edms", "--json");

    // then
    assertThat(outcome.exitCode).isZero();
    assertThat(outcome.json().path("backupId").asString()).hasSize(26);
    assertThat(outcome.json().path("archive").asString()).isEqualTo("backup_20260111_020000");
    assertThat(outcome.json().path("state").asString()).isEqualTo("COMPLETE");
    assertThat(outcome.json().path("uploadedBytes").asLong()).isEqualTo(600);
    assertThat(outcome.json().path("reusedBytes").asLong()).isEqualTo(400);
  }

  @Test
  void shouldAskForOneComponentInTheNameOfItsUser() {
    // when
    Outcome outcome = run("backup", "edms-media", "--only", "media", "--no-wait");

    // then
    assertThat(outcome.exitCode).isZero();
    assertThat(outcome.output.strip()).hasSize(26);
    await()
        .untilAsserted(() ->
            assertThat(received())
                .filteredOn(Request.BackupRequested.class::isInstance)
                .map(Request.BackupRequested.class::cast)
                .filteredOn(request -> request.source().equals("edms-media"))
                .singleElement()
                .satisfies(request -> {
                  assertThat(request.components()).isEqualTo(Set.of(Component.MEDIA));
                  assertThat(request.requestedBy())
                      .startsWith(System.getProperty("user.name") + "@");
                }));
  }

  @Test
  void shouldSayWhyABackupFailed() {
    // when
    Outcome outcome = run("backup", "failing");

    // then
    assertThat(outcome.exitCode).isEqualTo(1);
    assertThat(outcome.output).isEmpty();
    assertThat(outcome.errors)
        .contains("failed (DATABASE_AUTHENTICATION): the password is wrong; correct password-file");
  }

  @Test
  void shouldTellARejectedRequestFromAFailedRun() {
    // when
    Outcome backup = run("backup", "unknown");
    Outcome restore = run("restore", "latest", "--source", "edms", "--target", "unknown");

    // then
    assertThat(backup.exitCode).isEqualTo(5);
    assertThat(backup.errors).contains("no such source");
    assertThat(restore.exitCode).isEqualTo(5);
  }

  @Test
  void shouldFollowARestoreToItsEnd() {
    // when
    Outcome outcome =
        run(
            "restore",
            "backup_20260111_020000.tar.gz",
            "--source",
            "edms",
            "--target",
            "edms-standby",
            "--json");

    // then
    assertThat(outcome.exitCode).isZero();
    assertThat(outcome.json().path("target").asString()).isEqualTo("edms-standby");
    assertThat(received())
        .filteredOn(Request.RestoreRequested.class::isInstance)
        .map(Request.RestoreRequested.class::cast)
        .extracting(Request.RestoreRequested::archive)
        .contains("backup_20260111_020000");
  }

  @Test
  void shouldTellOfARunThatHasEnded() {
    // given
    String run = run("backup", "edms", "--json").json().path("backupId").asString();

    // when
    Outcome outcome = run("watch", run);

    // then
    assertThat(outcome.exitCode).isZero();
    assertThat(outcome.errors).contains("started: backup_20260111_020000");
    assertThat(outcome.output).startsWith("complete: ");
  }

  @Test
  void shouldCancelARun() {
    // given
    String run = run("backup", "endless", "--no-wait").output.strip();

    // when
    Outcome outcome =
        await()
            .until(
                () -> run("cancel", run, "--reason", "too late"),
                cancelled -> cancelled.exitCode != 6);

    // then
    assertThat(outcome.exitCode).isZero();
    assertThat(outcome.errors).contains("cancelled: too late");
    assertThat(run("watch", run).exitCode).isEqualTo(1);
    assertThat(run("cancel", run).exitCode).isEqualTo(1);
  }

  @Test
  void shouldSayThatARunIsNotKnown() {
    // when
    Outcome outcome = run("watch", "a".repeat(26));

    // then
    assertThat(outcome.exitCode).isEqualTo(6);
    assertThat(outcome.errors).contains("nothing is known of the run");
  }

  @Test
  void shouldListArchivesThatCount() {
    // when
    Outcome all = run("list");
    Outcome edms = run("list", "edms", "--json");

    // then
    assertThat(all.exitCode).isZero();
    assertThat(all.output.lines().skip(1).map(line -> line.substring(0, 4)))
        .containsExactly("edms", "edms", "wiki");
    assertThat(all.output).contains("1.0 kB", "5.0 kB", "complete, 1 warning");
    assertThat(edms.json().valueStream().map(entry -> entry.path("archive").asString()))
        .containsExactly("backup_20260110_020000", "backup_20260111_020000");
    assertThat(edms.json().get(0).path("unpackedBytes").asLong()).isEqualTo(5000);
  }

  @Test
  void shouldSayThatThereAreNoArchives() {
    // when
    Outcome outcome = run("list", "nobody", "--json");

    // then
    assertThat(outcome.exitCode).isEqualTo(6);
    assertThat(outcome.json()).isEmpty();
  }

  @Test
  void shouldShowAManifest() {
    // when
    Outcome latest = run("show", "latest", "--source", "edms", "--json");
    Outcome readable = run("show", "backup_20260110_020000");

    // then
    assertThat(latest.json().path("archive_name").asString()).isEqualTo("backup_20260111_020000");
    assertThat(readable.exitCode).isZero();
    assertThat(readable.output.lines()).contains("database_part:", "  bytes: 2000");
  }

  @Test
  void shouldAskWhichArchiveIsMeant() {
    // when
    Outcome ambiguous = run("show", "backup_20260111_020000");
    Outcome missing = run("show", "backup_20200111_020000");

    // then
    assertThat(ambiguous.exitCode).isEqualTo(2);
    assertThat(ambiguous.errors).contains("(edms, wiki); add --source");
    assertThat(missing.exitCode).isEqualTo(6);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "backup",
        "backup UPPER",
        "backup edms --only packager",
        "backup edms --only nothing",
        "restore latest --source edms",
        "restore --undo 7",
        "restore latest --source edms --target edms --undo w3xkdc52srjcyurhm73be74cat",
        "restore monday --source edms --target edms",
        "show latest",
        "watch 7",
        "frobnicate",
      })
  void shouldRefuseWrongUse(String command) {
    // when
    Outcome outcome = run(command.split(" ", -1));

    // then
    assertThat(outcome.exitCode).isEqualTo(2);
    assertThat(outcome.errors)
        .containsAnyOf("Usage: hybrid-backup", "Did you mean: hybrid-backup")
        .doesNotContain("\tat ");
  }

  @Test
  void shouldSayWhatIsWrongWithTheConfiguration() throws IOException {
    // given
    Path wrong = Files.writeString(folder.resolve("wrong.yaml"), "hybrid-backup: { zone: Mars }");

    // when
    Outcome outcome = runWith(wrong, "list");

    // then
    assertThat(outcome.exitCode).isEqualTo(3);
    assertThat(outcome.errors)
        .contains("hybrid-backup.zone (line 1)", "hybrid-backup.object-store.type");
  }

  @Test
  void shouldSayThatNoBrokerAnswers() throws IOException {
    // given
    Path elsewhere = configuration("elsewhere.yaml", "127.0.0.1:" + freePort());

    // when
    Outcome outcome = runWith(elsewhere, "backup", "edms");

    // then
    assertThat(outcome.exitCode).isEqualTo(4);
    assertThat(outcome.errors)
        .contains("no Kafka broker answers at", "hybrid-backup.kafka.bootstrap-servers")
        .doesNotContain("\tat ");
  }

  @Test
  void shouldDocumentItsExitCodes() {
    assertThat(run("--help").output).contains("Exit codes:", "5   the request was rejected", "130");
  }

  private List<Request> received() {
    return responder == null ? List.of() : responder.received();
  }

  private Outcome run(String... arguments) {
    return runWith(config, arguments);
  }

  private Outcome runWith(Path file, String... arguments) {
    List<String> all = new ArrayList<>(List.of(arguments));
    if (!all.contains("--help")) {
      all.add("--config");
      all.add(file.toString());
    }
    PrintStream out = System.out;
    PrintStream err = System.err;
    ByteArrayOutputStream output = new ByteArrayOutputStream();
    ByteArrayOutputStream errors = new ByteArrayOutputStream();
    System.setOut(new PrintStream(output, true, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(errors, true, StandardCharsets.UTF_8));
    try {
      int exitCode = HybridBackup.run(all.toArray(String[]::new));
      return new Outcome(
          exitCode,
          output.toString(StandardCharsets.UTF_8),
          errors.toString(StandardCharsets.UTF_8));
    } finally {
      System.setOut(out);
      System.setErr(err);
    }
  }

  private Path configuration(String name, String bootstrapServers) throws IOException {
    return Files.writeString(
        folder.resolve(name),
        """
        hybrid-backup:
          kafka: { bootstrap-servers: "%s" }
          object-store: { type: filesystem, directory: "%s" }
        """
            .formatted(bootstrapServers, folder.resolve("store")));
  }

  private void archive(String source, String name, boolean complete) throws IOException {
    Path backups = Files.createDirectories(folder.resolve("store/backups").resolve(source));
    Files.writeString(backups.resolve(name + ".tar.gz"), "x".repeat(1000));
    if (complete) {
      Files.writeString(
          backups.resolve(name + ".manifest.json"),
          """
          {"timestamp": "2026-01-11T02:00:00+01:00", "source": "%s", "archive_name": "%s",
           "database_part": {"bytes": 2000}, "storage_part": {"bytes": 3000},
           "warnings": ["a file vanished"]}
          """
              .formatted(source, name));
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
