package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.KafkaTestServer;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.common.testing.TopicConsole;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Very many files, very large ones, and a very large database, with services that have 256 MiB of
 * heap: {@code -Dhybrid-backup.test.files=1000000 -Dhybrid-backup.test.megabytes=10240
 * -Dhybrid-backup.test.dump-megabytes=10000}.
 */
@Timeout(value = 2, unit = TimeUnit.HOURS)
class ScaleIT {
  private static final Logger LOG = LoggerFactory.getLogger(ScaleIT.class);
  private static final int FILES = Integer.getInteger("hybrid-backup.test.files", 5_000);
  private static final int MEGABYTES = Integer.getInteger("hybrid-backup.test.megabytes", 200);
  private static final int DUMP_MEGABYTES =
      Integer.getInteger("hybrid-backup.test.dump-megabytes", 100);
  private static final int MEGABYTE = 1024 * 1024;
  private static final int FILES_A_FOLDER = 1_000;
  private static final long RSS_KIBIBYTES = 512 * 1024;
  private static final Duration PATIENCE = Duration.ofHours(1);

  @TempDir private Path folder;

  private final Map<String, RunningProgram> services = new LinkedHashMap<>();
  private KafkaTestServer kafka;
  private TopicConsole console;

  @BeforeEach
  void startBroker() throws IOException {
    kafka = KafkaTestServer.start();
    console = new TopicConsole(kafka.bootstrapServers());
    Files.createDirectory(folder.resolve("files"));
  }

  /**
   * @param sources and targets, as in the settings
   */
  private void start(String sources, String... names) throws IOException {
    Path config = Files.writeString(folder.resolve("hybrid-backup.yaml"), settings(sources));
    for (String service : names) {
      services.put(
          service,
          RunningProgram.service(service, config, folder.resolve(service + ".log")).awaitReady());
    }
  }

  private void startForFiles() throws IOException {
    start(
        """
          sources:
            files:
              media: { location: "%1$s/files" }
          targets:
            standby:
              media: { location: "%1$s/standby" }
        """
            .formatted(folder),
        "packager",
        "media-sync",
        "restore");
  }

  @AfterEach
  void stop() {
    services.values().forEach(RunningProgram::close);
    console.close();
    kafka.close();
  }

  @Test
  void shouldKeepVeryManyFiles() throws IOException {
    // given
    startForFiles();
    for (int file = 0; file < FILES; file++) {
      if (file % FILES_A_FOLDER == 0) {
        Files.createDirectory(tiny(file).getParent());
      }
      write(file, file);
    }
    BackupCompleted first = backup("files");

    // when
    for (int file = 0; file < FILES / 100; file++) {
      write(file, -file - 1);
    }
    BackupCompleted second = backup("files");
    restore(second);

    // then
    LOG.atWarn()
        .addKeyValue("files", FILES)
        .addKeyValue("first", first.durations())
        .addKeyValue("second", second.durations())
        .addKeyValue("uploaded", second.uploadedBytes())
        .addKeyValue("reused", second.reusedBytes())
        .log("measured");
    assertThat(second.storageBytes()).isEqualTo(FILES * 100L);
    assertThat(
            Commands.run(
                "rsync",
                "-aHAXnc",
                "--delete",
                "--itemize-changes",
                folder.resolve("files") + "/",
                folder.resolve("standby") + "/"))
        .isEmpty();
    assertSmall();
  }

  @Test
  void shouldKeepAVeryLargeFileThatGrows() throws Exception {
    // given
    startForFiles();
    Path large = folder.resolve("files/large");
    append(large, MEGABYTES);
    BackupCompleted first = whileItGrows(large);

    // when
    BackupCompleted second = whileItGrows(large);
    restore(second);

    // then
    LOG.atWarn()
        .addKeyValue("megabytes", MEGABYTES)
        .addKeyValue("first", first.durations())
        .addKeyValue("second", second.durations())
        .addKeyValue("uploaded", second.uploadedBytes())
        .addKeyValue("reused", second.reusedBytes())
        .log("measured");
    Path restored = folder.resolve("standby/large");
    assertThat(Files.size(restored)).isGreaterThan((long) MEGABYTES * MEGABYTE);
    assertThat(
            Commands.run(
                "cmp", "--bytes=" + Files.size(restored), large.toString(), restored.toString()))
        .isEmpty();
    assertThat(second.reusedBytes()).isGreaterThan((MEGABYTES - 8L) * MEGABYTE);
    assertSmall();
  }

  @Test
  void shouldKeepAVeryLargeDatabase() throws IOException {
    try (PostgresTestServer postgres = PostgresTestServer.start()) {
      // given
      start(
          """
            sources:
              pages:
                database: %s
            targets:
              standby:
                database: %s
            tools: { pg-dump: "%s", pg-restore: "%s" }
          """
              .formatted(
                  database(postgres, "pages"),
                  database(postgres, "standby"),
                  postgres.program("pg_dump"),
                  postgres.program("pg_restore")),
          "packager",
          "db-dump",
          "restore");
      postgres.createDatabase("pages");
      postgres.execute("pages", "CREATE UNLOGGED TABLE page (n bigint, text text)");
      write(postgres, 1, 1_000 * DUMP_MEGABYTES);
      BackupCompleted first = backup("pages");

      // when
      write(postgres, 1_000 * DUMP_MEGABYTES + 1, 1_010 * DUMP_MEGABYTES);
      BackupCompleted second = backup("pages");
      String expected = content(postgres, "pages");
      postgres.execute("postgres", "DROP DATABASE pages");
      restore(second);

      // then
      LOG.atWarn()
          .addKeyValue("databaseBytes", second.databaseBytes())
          .addKeyValue("archiveBytes", second.archiveBytes())
          .addKeyValue("first", first.durations())
          .addKeyValue("second", second.durations())
          .addKeyValue("uploaded", second.uploadedBytes())
          .addKeyValue("reused", second.reusedBytes())
          .log("measured");
      assertThat(content(postgres, "standby")).isEqualTo(expected);
      assertThat(second.databaseBytes()).isGreaterThan(DUMP_MEGABYTES * 1_000_000L);
      assertThat(second.reusedBytes()).isGreaterThan(first.archiveBytes() * 9 / 10);
      assertSmall();
    }
  }

  /** Rows of a kilobyte that look random and shrink to little more than half. */
  private static void write(PostgresTestServer postgres, int from, int to) {
    String hash = "encode(sha512((n || '%d')::bytea), 'hex')";
    String text =
        IntStream.range(0, 8).mapToObj(hash::formatted).collect(Collectors.joining(" || "));
    postgres.execute(
        "pages",
        "INSERT INTO page SELECT n, %s FROM generate_series(%d, %d) n".formatted(text, from, to));
  }

  private static String content(PostgresTestServer postgres, String database) {
    return Commands.run(
        postgres.program("psql"),
        "-Atc",
        "SELECT count(*), sum(n), sum(hashtextextended(text, n)) FROM page",
        postgres.url(database));
  }

  private static String database(PostgresTestServer postgres, String name) {
    Settings.Database database = postgres.settings(name);
    return "{ host: %s, port: %d, name: %s, user: %s }"
        .formatted(database.host(), database.port(), database.name(), database.user());
  }

  private BackupCompleted backup(String source) {
    return console.awaitEnd(console.backup(source), BackupCompleted.class, PATIENCE);
  }

  private void restore(BackupCompleted backup) {
    RestoreCompleted _ =
        console.awaitEnd(
            console.restore(backup.source(), backup.archive().value(), "standby"),
            RestoreCompleted.class,
            PATIENCE);
  }

  private BackupCompleted whileItGrows(Path large) throws InterruptedException {
    Thread writer =
        Thread.ofPlatform()
            .start(() -> {
              while (!Thread.currentThread().isInterrupted()) {
                append(large, 1);
                try {
                  Thread.sleep(Duration.ofMillis(200));
                } catch (InterruptedException e) {
                  return;
                }
              }
            });
    try {
      return backup("files");
    } finally {
      writer.interrupt();
      writer.join();
    }
  }

  /** The most that each service has had in memory so far. */
  private void assertSmall() throws IOException {
    Map<String, Long> kibibytes = new LinkedHashMap<>();
    for (Map.Entry<String, RunningProgram> service : services.entrySet()) {
      Path status = Path.of("/proc/" + service.getValue().process().pid() + "/status");
      String peak =
          Files.readAllLines(status).stream()
              .filter(line -> line.startsWith("VmHWM:"))
              .findFirst()
              .orElseThrow();
      kibibytes.put(service.getKey(), Long.parseLong(peak.replaceAll("\\D", "")));
    }
    LOG.atWarn().addKeyValue("kibibytes", kibibytes).log("measured");
    assertThat(kibibytes).allSatisfy((_, peak) -> assertThat(peak).isLessThan(RSS_KIBIBYTES));
  }

  private Path tiny(int file) {
    return folder.resolve("files/%06d/%d".formatted(file / FILES_A_FOLDER, file));
  }

  private void write(int file, int content) throws IOException {
    Files.writeString(tiny(file), "%-100d".formatted(content));
  }

  private static void append(Path file, int megabytes) {
    byte[] content = new byte[MEGABYTE];
    try (OutputStream out =
        Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
      Random random = new Random(Files.size(file));
      for (int i = 0; i < megabytes; i++) {
        random.nextBytes(content);
        out.write(content);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String settings(String sources) {
    return """
    hybrid-backup:
      kafka: { bootstrap-servers: "%1$s", partitions: 1 }
      data-directory: "%2$s/data"
      object-store: { type: filesystem, directory: "%2$s/store" }
      jobs: { sweep: 1s, deadline: 1h }
    %3$s\
    """
        .formatted(kafka.bootstrapServers(), folder, sources);
  }
}
