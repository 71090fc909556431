package io.hybridbackup.restore;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.TestWork;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class PgRestoreIT {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  @TempDir private static Path folder;
  private static PostgresTestServer postgres;

  @BeforeAll
  static void start() {
    postgres = PostgresTestServer.start();
  }

  @AfterAll
  static void stop() {
    postgres.close();
  }

  @Test
  void shouldLeaveNoWorkerBehindWhenItsServiceIsKilled() throws Exception {
    assumeTrue(NativeTools.find("setsid").isPresent(), "setsid (util-linux) is not installed");
    // given
    postgres.createDatabase("source");
    for (String table : List.of("one", "other")) {
      postgres.execute(
          "source",
          """
          CREATE TABLE %s (number int CHECK (
            pg_sleep(coalesce(current_setting('test.sleep', true), '0')::float)::text = ''));
          INSERT INTO %1$s VALUES (7)
          """
              .formatted(table));
    }
    Path dump = dump("source");
    postgres.createDatabase("scratch");
    postgres.execute("postgres", "ALTER DATABASE scratch SET test.sleep = 60");
    Process service =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Filling.class.getName(),
                Integer.toString(postgres.port()),
                postgres.program("pg_restore"),
                dump.toString())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("service.log").toFile())
            .start();
    try {
      await().atMost(PATIENCE).until(() -> readers(dump).size() == 3);

      // when
      service.destroyForcibly();

      // then
      await().atMost(PATIENCE).untilAsserted(() -> assertThat(readers(dump)).isEmpty());
      postgres.execute("postgres", "DROP DATABASE scratch WITH (FORCE)");
    } finally {
      service.destroyForcibly();
    }
  }

  @Test
  void shouldLetNobodyElseConnectToADatabaseThatIsBeingFilled() throws Exception {
    // given
    postgres.createDatabase("plain");
    Path dump = dump("plain");
    RunId run = RunId.ofRequest("/test", "plain");
    Work work = TestWork.on(run, Component.RESTORE, 1);
    List<String> warnings = new ArrayList<>();
    try (NativeTools tools = new NativeTools()) {
      DatabaseTarget target = target(tools);
      DumpSchema schema = check(tools, dump, RestoreOptions.NONE);

      // when
      String scratch = target.restore(dump, schema, run, 1, RestoreOptions.NONE, work, warnings);

      // then
      assertThat(mayConnect(scratch)).isFalse();
      target.takeOver(scratch, warnings);
      assertThat(mayConnect(scratch)).isTrue();
    }
  }

  @Test
  void shouldNeedTheRolesOfPoliciesAndUserMappingsWithoutOwnersToo() throws Exception {
    // given
    postgres.execute("postgres", "CREATE ROLE clerk; CREATE ROLE \"the stranger\"");
    postgres.createDatabase("guarded");
    postgres.execute(
        "guarded",
        """
        CREATE TABLE page (number int);
        CREATE POLICY mine ON page TO clerk USING (number > 0);
        CREATE FOREIGN DATA WRAPPER plain;
        CREATE SERVER far FOREIGN DATA WRAPPER plain;
        CREATE USER MAPPING FOR "the stranger" SERVER far;
        """);
    Path dump = dump("guarded");
    postgres.execute("postgres", "DROP DATABASE guarded");
    postgres.execute("postgres", "DROP ROLE clerk, \"the stranger\"");
    RestoreOptions noOwner =
        new RestoreOptions(null, true, null, null, null, null, null, null, null, null);

    // when, then
    try (NativeTools tools = new NativeTools()) {
      assertThatThrownBy(() -> check(tools, dump, noOwner))
          .isInstanceOf(ComponentFailure.class)
          .hasMessageContaining("policies or user mappings")
          .hasMessageContaining("clerk, the stranger; make them (CREATE ROLE)")
          .hasMessageNotContainingAny("--no-owner");
      postgres.execute("postgres", "CREATE ROLE clerk; CREATE ROLE \"the stranger\"");
      assertThat(check(tools, dump, noOwner).bound()).contains("clerk");
    }
  }

  /** Such a server's databases share their roles, whose names have the octets of their makers. */
  @Test
  void shouldKnowTheRolesOfADatabaseInAnotherEncoding() throws Exception {
    // given
    postgres.execute("postgres", "CREATE ROLE \"zoë\"");
    postgres.execute(
        "postgres",
        "CREATE DATABASE old TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
    postgres.execute(
        "old",
        """
        CREATE ROLE "mü\\ller";
        CREATE TABLE size (number int);
        ALTER TABLE size OWNER TO "mü\\ller";
        GRANT SELECT ON size TO "zoÃ«"
        """);
    Path dump = dump("old");
    RunId run = RunId.ofRequest("/test", "old");
    List<String> warnings = new ArrayList<>();
    try (NativeTools tools = new NativeTools()) {
      // when
      DumpSchema schema = check(tools, dump, RestoreOptions.NONE);
      String scratch =
          target(tools)
              .restore(
                  dump,
                  schema,
                  run,
                  1,
                  RestoreOptions.NONE,
                  TestWork.on(run, Component.RESTORE, 1),
                  warnings);

      // then
      assertThat(warnings).isEmpty();
      try (Connection connection = postgres.connect(scratch);
          Statement statement = connection.createStatement();
          ResultSet row =
              statement.executeQuery(
                  "SELECT pg_get_userbyid(relowner), relacl::text FROM pg_class WHERE relname = 'size'")) {
        assertThat(row.next()).isTrue();
        assertThat(row.getString(1)).isEqualTo("mü\\ller");
        assertThat(row.getString(2)).contains("zoÃ«");
      }

      // when
      postgres.execute("postgres", "DROP DATABASE old");
      postgres.execute("postgres", "DROP DATABASE " + scratch);
      postgres.execute("postgres", "DROP ROLE \"zoë\"");

      // then
      assertThatThrownBy(() -> check(tools, dump, RestoreOptions.NONE))
          .hasMessageContaining("roles which the server of edms")
          .hasMessageContaining("does not have: zoë;");
      dropOddRoles();
      assertThatThrownBy(() -> check(tools, dump, RestoreOptions.NONE))
          .hasMessageContaining("does not have: mü\\ller, zoÃ«;");
    }
  }

  /** No database in UTF-8 can name them. */
  private static void dropOddRoles() {
    postgres.execute(
        "postgres",
        "CREATE DATABASE old TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
    postgres.execute("old", "DROP ROLE \"mü\\ller\"");
    postgres.execute("postgres", "DROP DATABASE old");
  }

  @Test
  void shouldTakeExtensionsThatItMayNotMakeFromTheOperatorsTemplate() throws Exception {
    // given
    String extensions =
        "CREATE SCHEMA tools; CREATE EXTENSION bloom SCHEMA tools; CREATE EXTENSION \"uuid-ossp\"";
    postgres.createDatabase("extended");
    postgres.execute("extended", extensions);
    postgres.execute(
        "extended",
        """
        CREATE TABLE page (number int);
        INSERT INTO page VALUES (7);
        CREATE INDEX known ON page USING bloom (number);
        COMMENT ON EXTENSION bloom IS 'ours'
        """);
    Path dump = dump("extended");
    postgres.execute("postgres", "CREATE ROLE plain_user LOGIN CREATEDB");
    postgres.createDatabase("pattern");
    List<String> warnings = new ArrayList<>();
    try (NativeTools tools = new NativeTools()) {
      // then
      DatabaseTarget without = target(tools, "plain_user", Settings.Target.TEMPLATE);
      assertThatThrownBy(() -> check(without, dump, RestoreOptions.NONE))
          .hasMessageContaining("extensions that user plain_user may make")
          .hasMessageContaining("does not have: bloom; ")
          .hasMessageContaining("targets.NAME.template");
      DatabaseTarget target = target(tools, "plain_user", "pattern");
      assertThatThrownBy(() -> check(target, dump, RestoreOptions.NONE))
          .hasMessageContaining("run: ALTER DATABASE \"pattern\" IS_TEMPLATE true");
      postgres.execute("postgres", "ALTER DATABASE pattern IS_TEMPLATE true");
      assertThatThrownBy(() -> check(target, dump, RestoreOptions.NONE))
          .hasMessageContaining("extensions which the template pattern of edms")
          .hasMessageContaining("does not have: bloom, uuid-ossp; make them there");
      postgres.execute("pattern", extensions + "; CREATE TABLE stray ()");
      assertThatThrownBy(() -> check(target, dump, RestoreOptions.NONE))
          .hasMessageContaining("(table public.stray)");
      postgres.execute("pattern", "DROP TABLE stray");
      assertThatThrownBy(
              () -> check(target(tools, "plain_user", "nowhere"), dump, RestoreOptions.NONE))
          .hasMessageContaining("there is no database nowhere");
      postgres.execute(
          "postgres",
          "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C' IS_TEMPLATE true");
      assertThatThrownBy(
              () -> check(target(tools, "plain_user", "latin"), dump, RestoreOptions.NONE))
          .hasMessageContaining("with ENCODING UTF8, and the template latin")
          .hasMessageContaining("CREATE DATABASE \"latin\" TEMPLATE template0 ENCODING = 'UTF8'");

      // when
      RunId run = RunId.ofRequest("/test", "extended");
      String scratch =
          target.restore(
              dump,
              check(target, dump, RestoreOptions.NONE),
              run,
              1,
              RestoreOptions.NONE,
              TestWork.on(run, Component.RESTORE, 1),
              warnings);

      // then
      assertThat(
              Commands.run(
                  postgres.program("psql"),
                  "-Atc",
                  "SELECT amname, (SELECT number FROM page) FROM pg_class c JOIN pg_am a ON a.oid ="
                      + " relam WHERE relname = 'known'",
                  postgres.url(scratch)))
          .isEqualTo("bloom|7\n");
    }
  }

  private static DumpSchema check(NativeTools tools, Path dump, RestoreOptions options)
      throws Exception {
    return check(target(tools), dump, options);
  }

  private static DumpSchema check(DatabaseTarget target, Path dump, RestoreOptions options)
      throws Exception {
    return target.check(
        new ArchivedDump("15.0", out -> Files.copy(dump, out), null),
        options,
        TestWork.on(RunId.ofRequest("/test", "check"), Component.RESTORE, 1),
        new ArrayList<>());
  }

  private static DatabaseTarget target(NativeTools tools) {
    return target(tools, PostgresTestServer.USER, Settings.Target.TEMPLATE);
  }

  private static DatabaseTarget target(NativeTools tools, String user, String template) {
    return new DatabaseTarget(
        new Postgres(
            new Settings.Database(PostgresTestServer.HOST, postgres.port(), "edms", user, null)),
        template,
        new PgRestore(tools, postgres.program("pg_restore"), 1),
        new Psql(tools, postgres.program("psql")));
  }

  private static boolean mayConnect(String database) throws SQLException {
    try (Connection connection = postgres.connect("postgres");
        Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT has_database_privilege('public', '" + database + "', 'CONNECT')")) {
      assertThat(row.next()).isTrue();
      return row.getBoolean(1);
    }
  }

  /** A service that fills the database {@code scratch}. */
  static final class Filling {
    private Filling() {}

    static void main(String[] arguments) throws Exception {
      Postgres database =
          new Postgres(
              new Settings.Database(
                  PostgresTestServer.HOST,
                  Integer.parseInt(arguments[0]),
                  "scratch",
                  PostgresTestServer.USER,
                  null));
      try (NativeTools tools = new NativeTools()) {
        new PgRestore(tools, arguments[1], 2)
            .fill(
                database,
                Path.of(arguments[2]),
                new ChosenObjects(RestoreOptions.NONE),
                true,
                TestWork.on(RunId.ofRequest("/test", "filling"), Component.RESTORE, 1));
      }
    }
  }

  private static Path dump(String database) {
    Path dump = folder.resolve(database + ".dump");
    Commands.run(
        postgres.program("pg_dump"),
        "--format=custom",
        "--compress=0",
        "--file=" + dump,
        postgres.url(database));
    return dump;
  }

  /** The pg_restore that reads the dump, and its workers. */
  private static List<Path> readers(Path dump) throws IOException {
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (Path process : processes) {
        if (isReader(process, dump)) {
          found.add(process);
        }
      }
    }
    return found;
  }

  private static boolean isReader(Path process, Path dump) {
    try {
      return Files.readString(process.resolve("comm")).strip().equals("pg_restore")
          && Files.readString(process.resolve("cmdline"), ISO_8859_1).contains(dump.toString());
    } catch (IOException e) {
      // It has ended meanwhile.
      return false;
    }
  }
}
