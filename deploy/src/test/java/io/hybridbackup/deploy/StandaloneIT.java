package io.hybridbackup.deploy;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.DatabaseSnapshotTaken;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.common.testing.TopicConsole;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** The standalone program by its launcher, stopped and killed. */
@Timeout(300)
class StandaloneIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** 128 and the number of SIGTERM. */
  private static final int TERMINATED = 143;

  @TempDir private static Path folder;

  private static PostgresTestServer postgres;

  @BeforeAll
  static void start() throws Exception {
    postgres = PostgresTestServer.start();
    Sample.createDatabase(postgres, "edms");
    Sample.plant(folder.resolve("storage"));
  }

  @AfterAll
  static void stop() {
    postgres.close();
  }

  @Test
  void shouldFinishAfterARestartWhatAKillInterruptedAndKeepItsTopics() throws Exception {
    // given
    String address = "127.0.0.1:" + freePort();
    Path config = configuration("kill", address);
    Path log = folder.resolve("kill.log");
    RunId before;
    RunId interrupted;
    try (RunningProgram program = RunningProgram.standalone(config, log);
        TopicConsole console = new TopicConsole(address)) {
      before = console.backup("edms");
      console.awaitEnd(before, BackupCompleted.class);
      interrupted = console.backup("edms");
      ProcessHandle dump = program.awaitChild("pg_dump", "--format=custom");
      RunningProgram.freeze(dump);
      console.await(interrupted, DatabaseSnapshotTaken.class);

      // when
      program.kill();
      await().atMost(PATIENCE).until(() -> !dump.isAlive());
    }

    // then
    try (RunningProgram program = RunningProgram.standalone(config, log);
        TopicConsole console = new TopicConsole(address)) {
      console.await(before, BackupAccepted.class);
      console.awaitEnd(before, BackupCompleted.class);
      console.awaitEnd(interrupted, BackupCompleted.class);
      assertThat(console.facts(interrupted, BackupCompleted.class)).hasSize(1);
      assertThat(program.terminate()).isEqualTo(TERMINATED);
    }
    try (var archives = Files.newDirectoryStream(folder.resolve("kill/store/backups/edms"))) {
      assertThat(archives).hasSize(4);
    }
  }

  @Test
  void shouldEndCleanlyWhenToldToInTheMiddleOfABackup() throws Exception {
    // given
    String address = "127.0.0.1:" + freePort();
    Path config = configuration("stop", address);
    try (RunningProgram program = RunningProgram.standalone(config, folder.resolve("stop.log"));
        TopicConsole console = new TopicConsole(address)) {
      RunId run = console.backup("edms");
      ProcessHandle dump = program.awaitChild("pg_dump", "--format=custom");
      RunningProgram.freeze(dump);
      console.await(run, DatabaseSnapshotTaken.class);

      // when
      int code = program.terminate();

      // then
      assertThat(code).isEqualTo(TERMINATED);
      await().atMost(PATIENCE).until(() -> !dump.isAlive());
    }
  }

  @Test
  void shouldUndoARestoreAndUndoThatByCommand() throws Exception {
    // given
    Sample.createDatabase(postgres, "standby");
    postgres.execute("standby", "CREATE TABLE mine (n int)");
    String before = Sample.dump(postgres, "standby");
    Path media = Files.createDirectory(folder.resolve("standby"));
    Files.writeString(media.resolve("mine"), "mine");
    String address = "127.0.0.1:" + freePort();
    Path config = configuration("undo", address);
    try (RunningProgram _ = RunningProgram.standalone(config, folder.resolve("undo.log"))) {
      ended(config, "backup", "edms");
      String restore =
          ended(config, "restore", "latest", "--source=edms", "--target=standby", "--replace");
      Sample.assertSameDatabase(postgres, "edms", "standby");
      Sample.assertSameFiles(folder.resolve("storage"), media);

      // when
      String undo = ended(config, "restore", "--undo", restore);

      // then
      assertThat(Sample.dump(postgres, "standby")).isEqualTo(before);
      assertThat(media).isDirectoryNotContaining(file -> !file.endsWith("mine"));

      // when
      String _ = ended(config, "restore", "--undo", undo);

      // then
      Sample.assertSameDatabase(postgres, "edms", "standby");
      Sample.assertSameFiles(folder.resolve("storage"), media);
    }
  }

  /** Runs a command to its good end, and tells the run's id. */
  private static String ended(Path config, String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(requireNonNull(System.getProperty("hybrid-backup.test.program")));
    command.addAll(List.of(arguments));
    command.addAll(List.of("--json", "--config", config.toString()));
    JsonNode end =
        Json.mapper()
            .readTree(Commands.run(command.toArray(String[]::new)).lines().toList().getLast());
    return end.path(arguments[0] + "Id").asString();
  }

  private static Path configuration(String name, String address) throws IOException {
    Path home = Files.createDirectory(folder.resolve(name));
    return Files.writeString(
        home.resolve("hybrid-backup.yaml"),
        """
        hybrid-backup:
          kafka: { bootstrap-servers: "%1$s" }
          data-directory: data
          object-store: { type: filesystem, directory: store }
          jobs: { lease: 3s, sweep: 500ms, deadline: 2m }
          tools: { pg-dump: "%2$s", pg-restore: "%3$s" }
          sources:
            edms:
              database: { host: 127.0.0.1, port: %4$d, name: edms, user: %5$s }
              media: { location: "%6$s/storage/" }
          targets:
            standby:
              database: { host: 127.0.0.1, port: %4$d, name: standby, user: %5$s }
              media: { location: "%6$s/standby/" }
        """
            .formatted(
                address,
                postgres.program("pg_dump"),
                postgres.program("pg_restore"),
                postgres.port(),
                PostgresTestServer.USER,
                folder));
  }

  static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
