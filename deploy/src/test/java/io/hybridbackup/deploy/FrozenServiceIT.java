package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.testing.KafkaTestServer;
import io.hybridbackup.common.testing.TopicConsole;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A service that is frozen for longer than its lease, and what it has left running. */
@Timeout(180)
class FrozenServiceIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir private Path folder;

  private final List<RunningProgram> services = new ArrayList<>();
  private KafkaTestServer kafka;
  private TopicConsole console;

  @BeforeEach
  void start() {
    kafka = KafkaTestServer.start();
    console = new TopicConsole(kafka.bootstrapServers());
  }

  @AfterEach
  void stop() throws IOException {
    release();
    services.forEach(RunningProgram::close);
    console.close();
    kafka.close();
  }

  @Test
  void shouldNotLetTheNextEpochIntoAStagingFolderWhereAnOldRsyncStillWrites() throws Exception {
    // given
    Path config = Files.writeString(folder.resolve("hybrid-backup.yaml"), settings());
    Files.writeString(Files.createDirectory(folder.resolve("storage")).resolve("file"), "file");
    launch("packager", config);
    RunningProgram frozen = launch("media-sync", config);
    RunId run = console.backup("edms");
    await().atMost(PATIENCE).until(() -> lines("begins").size() == 1);

    // when its lease passes
    RunningProgram.freeze(frozen.process());
    launch("media-sync", config);
    Path secondEpoch = folder.resolve("store/runs/%s/attempt-01/media/epoch-00002".formatted(run));
    await().atMost(PATIENCE).until(() -> Files.exists(secondEpoch));

    // then
    await()
        .during(Duration.ofSeconds(2))
        .untilAsserted(() -> assertThat(lines("begins")).hasSize(1));

    // when it is gone but for what its rsync has started
    frozen.kill();
    int written = lines("writes").size();

    // then
    await()
        .during(Duration.ofSeconds(3))
        .untilAsserted(() -> assertThat(lines("begins")).hasSize(1));
    assertThat(lines("writes").size()).isGreaterThan(written);

    // when
    release();

    // then
    BackupCompleted completed = console.awaitEnd(run, BackupCompleted.class);
    assertThat(completed.origin().attempt()).isEqualTo(1);
    String old = lines("begins").getFirst().substring("begins ".length());
    List<String> log = Files.readAllLines(folder.resolve("rsync.log"));
    assertThat(log.subList(log.indexOf("ends " + old) + 1, log.size()))
        .isNotEmpty()
        .noneMatch(line -> line.endsWith(" " + old));
  }

  private void release() throws IOException {
    Files.writeString(folder.resolve("released"), "");
  }

  private RunningProgram launch(String service, Path config) throws IOException {
    RunningProgram program =
        RunningProgram.service(
            service, config, folder.resolve("%s-%d.log".formatted(service, services.size())));
    services.add(program);
    return program.awaitReady();
  }

  private List<String> lines(String beginning) throws IOException {
    Path log = folder.resolve("rsync.log");
    return Files.exists(log)
        ? Files.readAllLines(log).stream().filter(line -> line.startsWith(beginning)).toList()
        : List.of();
  }

  /** What writes is in a session of its own, and not killed together with the service. */
  private Path slowRsync() throws IOException {
    Path script =
        Files.writeString(
            folder.resolve("rsync"),
            """
            #!/bin/bash
            case "$*" in --version|*--dry-run*) exec rsync "$@" ;; esac
            setsid bash -s "${@: -1}" <<'WRITER' &
              echo "begins $$" >> "%1$s/rsync.log"
              until [ -e "%1$s/released" ]; do
                touch "$1/$$"
                echo "writes $$" >> "%1$s/rsync.log"
                sleep 0.1
              done
              echo "ends $$" >> "%1$s/rsync.log"
            WRITER
            wait
            exec rsync "$@"
            """
                .formatted(folder));
    return Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private String settings() throws IOException {
    return """
    hybrid-backup:
      kafka: { bootstrap-servers: "%1$s", partitions: 1 }
      data-directory: "%2$s/data"
      object-store: { type: filesystem, directory: "%2$s/store" }
      jobs: { lease: 2s, sweep: 300ms, deadline: 2m }
      tools: { rsync: "%3$s" }
      sources:
        edms:
          media: { location: "%2$s/storage/" }
    """
        .formatted(kafka.bootstrapServers(), folder, slowRsync());
  }
}
