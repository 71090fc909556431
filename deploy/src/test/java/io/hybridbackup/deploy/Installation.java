package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.settings.ServiceProgram;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.KafkaTestServer;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.common.testing.TopicConsole;
import io.hybridbackup.dbdump.DbDumpConfiguration;
import io.hybridbackup.mediasync.MediaSyncConfiguration;
import io.hybridbackup.packager.PackagerConfiguration;
import io.hybridbackup.restore.RestoreConfiguration;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.ZoneId;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.springframework.context.ConfigurableApplicationContext;

/** All services in this process, with a broker, a store in a folder and a pg_dump that can fail. */
final class Installation implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(15);

  private final Path folder;
  private final KafkaTestServer kafka;
  private final ConfigurableApplicationContext services;
  final TopicConsole console;

  /** What pg_dump does instead of its work. */
  enum Misbehaviour {
    NONE,
    OLD,
    DIES_HALFWAY,
    STALLS
  }

  private Installation(
      Path folder,
      KafkaTestServer kafka,
      ConfigurableApplicationContext services,
      TopicConsole console) {
    this.folder = folder;
    this.kafka = kafka;
    this.services = services;
    this.console = console;
  }

  static Installation start(
      Path folder,
      PostgresTestServer postgres,
      Settings.Jobs jobs,
      Map<SourceName, Settings.Source> sources,
      Map<TargetName, Settings.Target> targets)
      throws IOException {
    KafkaTestServer kafka = KafkaTestServer.start();
    Settings settings =
        new Settings(
            kafka.settings(),
            new Settings.FilesystemStore(folder.resolve("store")),
            folder.resolve("data"),
            ZoneId.of("Europe/Berlin"),
            jobs,
            new Settings.Tools(
                pgDump(folder, postgres).toString(), postgres.program("pg_restore"), "rsync"),
            sources,
            targets);
    ConfigurableApplicationContext services =
        ServiceProgram.application(
                settings,
                DbDumpConfiguration.class,
                MediaSyncConfiguration.class,
                PackagerConfiguration.class,
                RestoreConfiguration.class)
            .registerShutdownHook(false)
            .run();
    return new Installation(folder, kafka, services, new TopicConsole(kafka.bootstrapServers()));
  }

  private static Path pgDump(Path folder, PostgresTestServer postgres) throws IOException {
    Path script =
        Files.writeString(
            folder.resolve("pg_dump"),
            """
            #!/bin/bash
            case "$(cat "$0.misbehaviour" 2>/dev/null) $1" in
              'OLD --version') echo 'pg_dump (PostgreSQL) 9.6.0'; exit 0 ;;
              *' --version') ;;
              DIES_HALFWAY*) %1$s "$@" | head -c 20000; echo 'pg_dump: error: no luck' >&2; exit 1 ;;
              STALLS*) exec sleep 600 ;;
            esac
            exec %1$s "$@"
            """
                .formatted(postgres.program("pg_dump")));
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    return script;
  }

  void pgDump(Misbehaviour misbehaviour) throws IOException {
    Files.writeString(folder.resolve("pg_dump.misbehaviour"), misbehaviour.name());
  }

  Path store() {
    return folder.resolve("store");
  }

  /** The store's archives and manifests of a source. */
  List<String> backups(String source) {
    Path backups = store().resolve("backups").resolve(source);
    return files(backups).stream().map(file -> backups.relativize(file).toString()).toList();
  }

  /** Waits until nothing of any run is half made; for a while its mark stays, for latecomers. */
  void assertTidy() {
    await()
        .atMost(PATIENCE)
        .untilAsserted(() -> {
          assertThat(files(store()))
              .map(file -> store().relativize(file).toString())
              .allMatch(file -> file.matches("(backups|names|slots|runs|open)/.+"));
          assertThat(children()).isEmpty();
        });
  }

  /** Native programs of the services that still run. */
  private static List<String> children() {
    return ProcessHandle.current()
        .descendants()
        .map(child -> child.info().command().orElse(""))
        .filter(command -> command.matches(".*/(pg_dump|pg_restore|rsync|sleep)"))
        .toList();
  }

  private static List<Path> files(Path tree) {
    if (!Files.isDirectory(tree)) {
      return List.of();
    }
    try (Stream<Path> files = Files.walk(tree)) {
      return files.filter(Files::isRegularFile).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    console.close();
    services.close();
    kafka.close();
  }
}
