package io.hybridbackup.deploy;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupOutcome;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.manifest.ArchiveManifest;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.settings.SettingsFile;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the page for the worst case says, done by the letter on a new server with the bucket. */
@Timeout(300)
class DisasterRecoveryIT {
  private static final Path PAGE = Path.of("docs/disaster-recovery.md");
  private static final Pattern COMMAND = Pattern.compile("^ {7}(\\S.*)$", Pattern.MULTILINE);
  private static final Pattern CONFIGURATION =
      Pattern.compile("^ {3}```yaml\n(.*?)^ {3}```$", Pattern.MULTILINE | Pattern.DOTALL);
  private static final Pattern OBJECT_STORE =
      Pattern.compile("type: s3\n *s3: .*$", Pattern.MULTILINE);

  @TempDir private static Path folder;
  private static PostgresTestServer old;
  private static BackupCompleted backup;

  @BeforeAll
  static void loseEverythingButTheBucket() throws IOException {
    old = PostgresTestServer.start();
    old.execute(
        "postgres",
        """
        CREATE ROLE edms_owner LOGIN PASSWORD 'secret' CONNECTION LIMIT 20;
        CREATE ROLE clerks NOLOGIN;
        CREATE ROLE "clara K" LOGIN IN ROLE clerks;
        CREATE ROLE head LOGIN;
        CREATE ROLE keeper;
        CREATE ROLE archivist;
        CREATE ROLE backup LOGIN IN ROLE edms_owner, archivist;
        GRANT clerks TO head WITH ADMIN OPTION;
        ALTER ROLE clerks SET work_mem = '8MB';
        COMMENT ON ROLE clerks IS 'those who may read';
        """);
    old.execute(
        "postgres",
        "CREATE DATABASE edms OWNER edms_owner TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'");
    old.execute(
        "postgres",
        """
        COMMENT ON DATABASE edms IS 'what the clerks work with';
        ALTER DATABASE edms SET work_mem = '9MB';
        ALTER ROLE clerks IN DATABASE edms SET search_path = '';
        REVOKE CONNECT ON DATABASE edms FROM PUBLIC;
        GRANT CONNECT ON DATABASE edms TO "clara K" WITH GRANT OPTION;
        """);
    old.execute(
        "edms",
        """
        CREATE TABLE document (id int PRIMARY KEY, title text);
        INSERT INTO document SELECT n, 'Document ' || n FROM generate_series(1, 1000) n;
        ALTER TABLE document OWNER TO edms_owner;
        GRANT SELECT ON document TO clerks;
        GRANT UPDATE ON document TO "clara K" WITH GRANT OPTION;
        CREATE POLICY mine ON document TO head, "clara K" USING (title <> 'TO nobody');
        ALTER DEFAULT PRIVILEGES FOR ROLE keeper GRANT SELECT ON TABLES TO clerks;
        SELECT lo_from_bytea(4711, 'a scan');
        ALTER LARGE OBJECT 4711 OWNER TO archivist;
        """);
    Sample.plant(folder.resolve("storage"));
    try (Installation installation =
        Installation.start(
            Files.createDirectory(folder.resolve("old")),
            old,
            new Settings.Jobs(
                Duration.ofSeconds(5),
                Duration.ofMillis(300),
                Duration.ofMinutes(2),
                1,
                Duration.ofSeconds(30),
                2,
                Settings.WhenBusy.WAIT,
                Duration.ofHours(1),
                true,
                5),
            Map.of(
                new SourceName("edms"),
                new Settings.Source(
                    new Settings.Database(
                        PostgresTestServer.HOST, old.port(), "edms", "backup", null),
                    new Settings.Media(folder.resolve("storage"), List.of(), false),
                    null,
                    Settings.Compression.DEFAULT,
                    null,
                    true)),
            Map.of())) {
      backup =
          installation.console.awaitEnd(installation.console.backup("edms"), BackupCompleted.class);
      Commands.run("mkdir", folder.resolve("bucket").toString());
      Commands.run(
          "cp",
          "-r",
          installation.store().resolve("backups").toString(),
          folder.resolve("bucket").toString());
    }
    assertThat(backup.state()).isEqualTo(BackupOutcome.COMPLETE);
  }

  @AfterAll
  static void stop() {
    old.close();
  }

  @Test
  void shouldBringEverythingBackWithTheProgram() throws Exception {
    try (PostgresTestServer server = PostgresTestServer.start()) {
      // given
      Path machine = Files.createDirectory(folder.resolve("with"));
      String configuration =
          CONFIGURATION
              .matcher(section("## With this program"))
              .results()
              .map(block -> block.group(1))
              .collect(joining());
      for (String secret : List.of("s3", "postgres")) {
        Files.writeString(machine.resolve(secret), "secret\n");
        Commands.run("chmod", "600", machine.resolve(secret).toString());
      }
      Path asPrinted =
          Files.writeString(machine.resolve("as-printed.yaml"), adapted(configuration, machine));
      assertThat(SettingsFile.read(asPrinted).objectStore()).isInstanceOf(Settings.S3Store.class);
      Path file =
          Files.writeString(
              machine.resolve("hybrid-backup.yaml"),
              OBJECT_STORE
                  .matcher(adapted(configuration, machine))
                  .replaceAll("type: filesystem\n       directory: " + folder.resolve("bucket"))
                  .replace("5432", Integer.toString(server.port()))
                  .replace("user: postgres", "user: " + PostgresTestServer.USER)
                  .replace(
                      "hybrid-backup:\n",
                      """
                      hybrid-backup:
                           kafka: { bootstrap-servers: "127.0.0.1:%d" }
                           data-directory: data
                      """
                          .formatted(freePort())));

      // when
      String said = follow("## With this program", machine, server, file);

      // then
      assertThat(said).contains("complete: ", "make no roles");
      assertSame(server, machine);
    }
  }

  @Test
  void shouldBringEverythingBackByHand() throws IOException {
    try (PostgresTestServer server = PostgresTestServer.start()) {
      // given
      Path machine = Files.createDirectory(folder.resolve("without"));
      Path archive = folder.resolve("bucket").resolve(backup.archiveKey());
      Files.copy(archive, machine.resolve(archive.getFileName()));
      byte[] beside = Files.readAllBytes(folder.resolve("bucket").resolve(backup.manifest()));

      // when
      String said = follow("## Without this program", machine, server, machine);

      // then
      var database =
          Objects.requireNonNull(ArchiveManifest.parse(beside).manifest().databasePart());
      assertThat(said)
          .contains(database.sha256() + "  database.dump")
          .contains(database.globalsSha256() + "  globals.sql");
      assertSame(server, machine);
    }
  }

  @Test
  void shouldBringTheDatabaseBackByHandWithoutGlobals() throws IOException {
    try (PostgresTestServer server = PostgresTestServer.start()) {
      // given
      Path machine = Files.createDirectory(folder.resolve("no-globals"));
      Path archive = folder.resolve("bucket").resolve(backup.archiveKey());
      Files.copy(archive, machine.resolve(archive.getFileName()));
      String commands =
          commands("## Without this program")
              .lines()
              .filter(line -> !line.contains("globals.sql"))
              .collect(joining("\n"))
              .replace(
                  "sort -u",
                  "sed -E 's/^ (OWNER TO|TO|FROM|ROLE|MAPPING FOR) //; s/, /\\n/g'"
                      + " | grep -v PUBLIC | sort -u | tee /dev/stderr"
                      + " | sed 's/.*/CREATE ROLE &;/' | psql --dbname=postgres");

      // when
      String said = carryOut(commands, machine, server, machine);

      // then
      assertThat(said.lines())
          .contains("\"clara K\"", "archivist", "clerks", "edms_owner", "head", "keeper")
          .doesNotContain("nobody");
      assertSameDatabase(server);
    }
  }

  /** Carries out every command of a section of the page, in a folder of its own. */
  private static String follow(
      String heading, Path machine, PostgresTestServer server, Path configuration)
      throws IOException {
    return carryOut(commands(heading), machine, server, configuration);
  }

  private static String commands(String heading) throws IOException {
    return COMMAND
        .matcher(CONFIGURATION.matcher(section(heading)).replaceAll(""))
        .results()
        .map(line -> line.group(1))
        .collect(joining("\n"));
  }

  private static String carryOut(
      String commands, Path machine, PostgresTestServer server, Path configuration)
      throws IOException {
    Path script =
        Files.writeString(
            machine.resolve("commands"),
            """
            set -eu
            trap 'for job in $(jobs -p); do kill "$job"; wait "$job" || true; done' EXIT
            cd '%s'
            exec 2>&1
            """
                    .formatted(machine)
                + adapted(commands, machine)
                + "\n");
    Path psql = Path.of(server.program("psql"));
    String path = System.getenv("PATH");
    String said =
        Commands.run(
            Map.of(
                "PATH",
                psql.isAbsolute() ? psql.getParent() + ":" + path : path,
                "PGHOST",
                PostgresTestServer.HOST,
                "PGPORT",
                Integer.toString(server.port()),
                "PGUSER",
                PostgresTestServer.USER,
                RunningProgram.CONFIG,
                configuration.toString()),
            List.of("timeout", "200", "bash", script.toString()));
    assertThat(said.lines().filter(line -> line.contains("ERROR:")))
        .allMatch(line -> line.matches(".*role \"(hybrid|guarded)\" already exists"));
    return said;
  }

  /** What is called differently here than on the page. */
  private static String adapted(String text, Path machine) {
    return text.replace("deploy/hybrid-backup", System.getProperty("hybrid-backup.test.program"))
        .replace("/app/storage", machine.resolve("app").toString())
        .replace("/run/secrets", machine.toString())
        .replace("backup_20260111_020000", backup.archive().value());
  }

  private static String section(String heading) throws IOException {
    String page = Files.readString(PAGE);
    int from = page.indexOf(heading + "\n");
    assertThat(from).isPositive();
    return page.substring(from, page.indexOf("\n## ", from));
  }

  private static void assertSame(PostgresTestServer server, Path machine) {
    String globals = globals(server);
    assertThat(globals).isEqualTo(globals(old)).contains("GRANT clerks TO \"clara K\"", "work_mem");
    Sample.assertSameFiles(folder.resolve("storage"), machine.resolve("app"));
    assertSameDatabase(server);
  }

  /** With all that belongs to it as such. */
  private static void assertSameDatabase(PostgresTestServer server) {
    assertThat(asSuch(server))
        .isEqualTo(asSuch(old))
        .contains("LATIN1", "REVOKE CONNECT", "\"clara K\" WITH GRANT", "9MB", "clerks work with")
        .contains("ALTER ROLE clerks IN DATABASE edms SET search_path");
    assertThat(Sample.dump(server, "edms"))
        .isEqualTo(Sample.dump(old, "edms"))
        .contains("ALTER TABLE public.document OWNER TO edms_owner")
        .contains("GRANT SELECT ON TABLE public.document TO clerks");
    assertThat(
            Commands.run(
                server.program("psql"),
                "-Atc",
                "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'edms'",
                server.url("postgres")))
        .isEqualTo("edms_owner\n");
  }

  private static String asSuch(PostgresTestServer server) {
    return Commands.run(server.program("pg_dump"), "--create", "--schema-only", server.url("edms"))
        .lines()
        .filter(line -> line.matches("[A-Z].* DATABASE .*;"))
        .collect(joining("\n"));
  }

  private static String globals(PostgresTestServer server) {
    return Commands.run(
            server.program("pg_dumpall"),
            "--globals-only",
            "--no-role-passwords",
            "--dbname=" + server.url("postgres"))
        .lines()
        .filter(line -> !line.matches("\\\\(un)?restrict .*"))
        .collect(joining("\n"));
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
