package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.settings.ServiceProgram;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.KafkaTestServer;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.common.testing.TopicConsole;
import io.hybridbackup.dbdump.DbDumpConfiguration;
import io.hybridbackup.mediasync.MediaSyncConfiguration;
import io.hybridbackup.packager.PackagerConfiguration;
import io.hybridbackup.restore.RestoreConfiguration;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.springframework.context.ConfigurableApplicationContext;

/** All services in this process, with a broker, a store in a folder and tools that can fail. */
final class Installation implements AutoCloseable {
  static final Duration LEASE = Duration.ofSeconds(5);

  private static final Duration PATIENCE = Duration.ofSeconds(15);

  private final Path folder;
  final KafkaTestServer kafka;
  private final ConfigurableApplicationContext services;
  final TopicConsole console;

  /** What a tool does instead of its work. */
  enum Misbehaviour {
    NONE,
    OLD,
    DIES_HALFWAY,
    STALLS,
    /** Stopped before it begins, until it gets SIGCONT. */
    FREEZES,
    /** rsync alone: a kilobyte a second. */
    CRAWLS,
    /** The others end as if all were well. */
    WRITES_NOTHING,
    WRITES_GARBAGE,
    STOPS_HALFWAY,
    OMITS_THE_END
  }

  /**
   * Short leases and sweeps, and two minutes for each run.
   *
   * @param attempts how many a backup may take
   */
  static Settings.Jobs jobs(int attempts) {
    return jobs(attempts, Duration.ofMinutes(2));
  }

  /**
   * Short leases and sweeps.
   *
   * @param attempts how many a backup may take
   * @param deadline how long each run may
   */
  static Settings.Jobs jobs(int attempts, Duration deadline) {
    return new Settings.Jobs(
        LEASE,
        Duration.ofMillis(300),
        deadline,
        attempts,
        Duration.ofSeconds(30),
        4,
        Settings.WhenBusy.WAIT,
        Duration.ofHours(1),
        true,
        5);
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
    return start(folder, postgres, inFolder(folder), jobs, sources, targets);
  }

  /** With another store. */
  static Installation start(
      Path folder,
      PostgresTestServer postgres,
      Settings.Store store,
      Settings.Jobs jobs,
      Map<SourceName, Settings.Source> sources,
      Map<TargetName, Settings.Target> targets)
      throws IOException {
    String rsync = tool("rsync", folder, "rsync");
    return start(folder, postgres, store, jobs, sources, targets, rsync);
  }

  /** With another rsync. */
  static Installation start(
      Path folder,
      PostgresTestServer postgres,
      Settings.Jobs jobs,
      Map<SourceName, Settings.Source> sources,
      Map<TargetName, Settings.Target> targets,
      String rsync)
      throws IOException {
    return start(folder, postgres, inFolder(folder), jobs, sources, targets, rsync);
  }

  private static Settings.Store inFolder(Path folder) {
    return new Settings.FilesystemStore(folder.resolve("store"));
  }

  private static Installation start(
      Path folder,
      PostgresTestServer postgres,
      Settings.Store store,
      Settings.Jobs jobs,
      Map<SourceName, Settings.Source> sources,
      Map<TargetName, Settings.Target> targets,
      String rsync)
      throws IOException {
    KafkaTestServer kafka = KafkaTestServer.start();
    Settings settings =
        new Settings(
            kafka.settings(),
            store,
            folder.resolve("data"),
            ZoneId.of("Europe/Berlin"),
            jobs,
            new Settings.Restore(Duration.ofSeconds(20)),
            new Settings.Tools(
                tool("pg_dump", folder, postgres.program("pg_dump")),
                postgres.program("pg_dumpall"),
                tool("pg_restore", folder, postgres.program("pg_restore")),
                postgres.program("psql"),
                rsync),
            sources,
            targets);
    ConfigurableApplicationContext services =
        run(
            settings,
            DbDumpConfiguration.class,
            MediaSyncConfiguration.class,
            PackagerConfiguration.class,
            RestoreConfiguration.class);
    return new Installation(folder, kafka, services, new TopicConsole(kafka.bootstrapServers()));
  }

  private static ConfigurableApplicationContext run(Settings settings, Class<?>... configurations) {
    return ServiceProgram.application(settings, configurations).registerShutdownHook(false).run();
  }

  private static String tool(String name, Path folder, String program) throws IOException {
    Path script =
        Files.writeString(
            folder.resolve(name),
            """
            #!/bin/bash
            printf '%%s\\0' "$@" >> "$0.arguments"
            case "$(cat "$0.misbehaviour" 2>/dev/null) $1" in
              'OLD --version') echo '%2$s (PostgreSQL) 9.6.0'; exit 0 ;;
              *' --version') ;;
              DIES_HALFWAY*) %1$s "$@" | head -c 20000; echo '%2$s: error: no luck' >&2; exit 1 ;;
              STALLS*) exec sleep 600 ;;
              FREEZES*) echo $$ >> "$0.frozen"; kill -STOP $$ ;;
              CRAWLS*) exec %1$s --bwlimit=1 "$@" ;;
              WRITES_NOTHING*) exit 0 ;;
              WRITES_GARBAGE*) head -c 20000 /dev/urandom; exit 0 ;;
              STOPS_HALFWAY*) %1$s "$@" | head -c 20000; exit 0 ;;
              OMITS_THE_END*) %1$s "$@" | head -c -10; exit 0 ;;
            esac
            exec %1$s "$@"
            """
                .formatted(program, name));
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    return script.toString();
  }

  void pgDump(Misbehaviour misbehaviour) throws IOException {
    Files.writeString(folder.resolve("pg_dump.misbehaviour"), misbehaviour.name());
  }

  void pgRestore(Misbehaviour misbehaviour) throws IOException {
    Files.writeString(folder.resolve("pg_restore.misbehaviour"), misbehaviour.name());
  }

  void rsync(Misbehaviour misbehaviour) throws IOException {
    Files.writeString(folder.resolve("rsync.misbehaviour"), misbehaviour.name());
  }

  /** Waits until so many processes of a tool have frozen since the beginning; the last is last. */
  List<ProcessHandle> awaitFrozen(String tool, int processes) {
    Path file = folder.resolve(tool + ".frozen");
    return await(processes + " frozen " + tool)
        .atMost(PATIENCE)
        .pollInterval(Duration.ofMillis(20))
        .until(
            () -> Files.exists(file) ? Files.readAllLines(file) : List.<String>of(),
            pids -> pids.size() == processes && isStopped(pids.getLast()))
        .stream()
        .map(pid -> ProcessHandle.of(Long.parseLong(pid)).orElseThrow())
        .toList();
  }

  private static boolean isStopped(String pid) {
    try {
      return Files.readString(Path.of("/proc", pid, "stat")).contains(") T ");
    } catch (IOException e) {
      throw new UncheckedIOException("the process has not waited to be thawed", e);
    }
  }

  boolean isRunning() {
    return services.isRunning();
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
        // Folders go while they are walked through.
        .ignoreExceptionsInstanceOf(UncheckedIOException.class)
        .untilAsserted(() -> {
          assertThat(files(store()))
              .map(file -> store().relativize(file).toString())
              .allMatch(file -> file.matches("(backups|names|slots|scrubs|runs|open|kept)/.+"));
          assertThat(children()).isEmpty();
        });
  }

  /** Waits until nothing is left of restores that failed, and there are no such databases. */
  void assertUntouched(PostgresTestServer postgres, String... databases) {
    await()
        .atMost(PATIENCE)
        .untilAsserted(() -> {
          try (var scratch = Files.newDirectoryStream(folder, ".*")) {
            assertThat(scratch).isEmpty();
          }
          assertThat(files(folder.resolve("data/restore"))).isEmpty();
          assertThat(
                  Commands.run(
                      postgres.program("psql"),
                      "-Atc",
                      "SELECT datname FROM pg_database",
                      postgres.url("postgres")))
              .doesNotContain("restore_")
              .doesNotContain(databases);
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
    List<Path> files = new ArrayList<>();
    try {
      Files.walkFileTree(
          tree,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
              files.add(file);
              return FileVisitResult.CONTINUE;
            }

            // Services tidy up meanwhile.
            @Override
            public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
              if (e instanceof NoSuchFileException) {
                return FileVisitResult.CONTINUE;
              }
              throw e;
            }
          });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Collections.sort(files);
    return files;
  }

  @Override
  public void close() {
    console.close();
    services.close();
    kafka.close();
  }
}
