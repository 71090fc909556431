package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupFailed;
import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.RestoreFailed;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.common.testing.TopicConsole;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The whole program as a user who owns the application's files and nothing else. */
@Timeout(300)
class UnprivilegedIT {
  private static final String USER = "65534";

  @TempDir private Path folder;

  @Test
  void shouldBackUpAndRestoreWhatTheUserOwnsAndSayWhereItMayNotLink() throws Exception {
    assumeTrue(Commands.root(), "only root can make files of another user");
    assumeTrue(
        Files.readString(Path.of("/proc/sys/fs/protected_hardlinks")).startsWith("1"),
        "this kernel lets everybody link any file");
    String address = "127.0.0.1:" + StandaloneIT.freePort();
    try (PostgresTestServer postgres = PostgresTestServer.start()) {
      // given
      Sample.createDatabase(postgres, "edms");
      Path storage = Files.createDirectory(folder.resolve("storage"));
      Sample.plant(storage.resolve("documents"));
      // Who is not root gets no such bits back.
      Commands.run("chmod", "--recursive", "ug-s", storage.toString());
      Path foreign = Files.writeString(storage.resolve("foreign"), "of somebody else");
      Path config = configuration(postgres, address);
      Path program = install();
      Commands.run("chmod", "711", folder.toString());
      Commands.run(
          "chown", "--no-dereference", "--recursive", USER + ":" + USER, folder.toString());
      Commands.run("chown", "0:0", foreign.toString());
      try (RunningProgram _ =
              RunningProgram.start(
                      folder.resolve("log"),
                      "ready: ",
                      Map.of("HOME", folder.toString()),
                      "setpriv",
                      "--reuid=" + USER,
                      "--regid=" + USER,
                      "--clear-groups",
                      program.toString(),
                      "standalone",
                      "--config",
                      config.toString())
                  .awaitReady();
          TopicConsole console = new TopicConsole(address)) {

        // when
        BackupFailed failed = console.awaitEnd(console.backup("edms"), BackupFailed.class);

        // then
        assertThat(failed.code()).isEqualTo(FailureCode.MEDIA_PERMISSION);
        assertThat(failed.message())
            .startsWith(foreign + " cannot be linked into the staging folder")
            .contains("as the files' owner, or write staging: copy");

        // when
        Commands.run("chown", USER + ":" + USER, foreign.toString());
        BackupCompleted completed = console.awaitEnd(console.backup("edms"), BackupCompleted.class);
        RestoreCompleted _ =
            console.awaitEnd(
                console.restore("edms", completed.archive().value(), "standby"),
                RestoreCompleted.class);

        // then
        assertThat(
                Commands.run(
                    "rsync",
                    "-aHAXnc",
                    "--delete",
                    "--itemize-changes",
                    storage + "/",
                    folder.resolve("standby/storage") + "/"))
            .isEmpty();

        // given
        Path closed = Files.createDirectory(folder.resolve("closed"));
        Path shared = Files.createDirectory(closed.resolve("shared"));
        Path old = Files.createDirectory(shared.resolve("old"));
        Commands.run("chown", "0:" + USER, shared.toString());
        Commands.run("chmod", "775", shared.toString());

        // then
        assertThat(refusal(console, completed)).contains(shared + ", which belongs to somebody");
        Commands.run("chown", USER, shared.toString());
        assertThat(refusal(console, completed)).contains("the folder " + old + " cannot be moved");
        Commands.run("chown", USER, old.toString());
        RestoreCompleted _ =
            console.awaitEnd(replaceShared(console, completed), RestoreCompleted.class);
        assertThat(shared.resolve("documents")).isDirectory();
        assertThat(old).doesNotExist();
      }
    }
  }

  private static String refusal(TopicConsole console, BackupCompleted completed) {
    RestoreFailed failed = console.awaitEnd(replaceShared(console, completed), RestoreFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.MEDIA_PERMISSION);
    return failed.message();
  }

  private static RunId replaceShared(TopicConsole console, BackupCompleted completed) {
    return console.request(
        "RestoreRequested",
        "{\"source\":\"edms\",\"archive\":\"%s\",\"target\":\"shared\",\"options\":{\"replace\":true}}"
            .formatted(completed.archive().value()));
  }

  /** Where this is built, that user may not be let in. */
  private Path install() throws IOException {
    Path built = Path.of(System.getProperty("hybrid-backup.test.program")).resolveSibling("");
    Path home = Files.createDirectories(folder.resolve("program"));
    Commands.run("cp", built.resolve("hybrid-backup").toString(), home.toString());
    Commands.run("cp", built.resolve("lib.sh").toString(), home.toString());
    Files.createDirectory(home.resolve("target"));
    Commands.run(
        "cp",
        "-r",
        built.resolve("target/hybrid-backup").toString(),
        home.resolve("target").toString());
    return home.resolve("hybrid-backup");
  }

  private Path configuration(PostgresTestServer postgres, String address) throws IOException {
    return Files.writeString(
        folder.resolve("hybrid-backup.yaml"),
        """
        hybrid-backup:
          kafka: { bootstrap-servers: "%1$s" }
          data-directory: data
          object-store: { type: filesystem, directory: store }
          jobs: { deadline: 2m }
          tools: { pg-dump: "%2$s", pg-restore: "%3$s" }
          sources:
            edms:
              database: { host: 127.0.0.1, port: %4$d, name: edms, user: %5$s }
              media: { location: "%6$s/storage", staging: link }
          targets:
            standby:
              database: { host: 127.0.0.1, port: %4$d, name: standby, user: %5$s }
              media: { location: "%6$s/standby/storage" }
            shared:
              media: { location: "%6$s/closed/shared" }
        """
            .formatted(
                address,
                postgres.program("pg_dump"),
                postgres.program("pg_restore"),
                postgres.port(),
                PostgresTestServer.USER,
                folder));
  }
}
