package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.TestWork;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import java.nio.file.Path;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a database that is replaced was as such, its successor is too. */
@Timeout(120)
class DatabaseTargetIT {
  private static PostgresTestServer postgres;
  private static NativeTools tools;

  @BeforeAll
  static void start() {
    postgres = PostgresTestServer.start();
    tools = new NativeTools();
    postgres.execute(
        "postgres", "CREATE ROLE app; CREATE ROLE reporting LOGIN; CREATE ROLE \"clara K\"");
  }

  @AfterAll
  static void stop() {
    tools.close();
    postgres.close();
  }

  @Test
  void shouldTakeOverSettingsThatWouldKeepASessionFromTakingThemOver() throws Exception {
    // given
    postgres.execute("postgres", "CREATE DATABASE frozen OWNER app");
    for (String setting :
        List.of(
            "DATABASE frozen SET default_transaction_read_only = on",
            "DATABASE frozen SET role = 'app'",
            "DATABASE frozen SET statement_timeout = '1ms'",
            "DATABASE frozen SET lock_timeout = 1",
            "DATABASE frozen SET search_path = \"$user\", 'odd, \"name', public",
            "DATABASE frozen SET temp_tablespaces = ''",
            "DATABASE frozen SET session_preload_libraries = 'auto_explain', '$libdir/x y'",
            "DATABASE frozen SET \"edms.site\" = 'it''s, \"here\"'",
            "ROLE reporting IN DATABASE frozen SET search_path = ''",
            "ROLE reporting IN DATABASE frozen SET role = 'app'",
            "ROLE \"clara K\" IN DATABASE frozen SET work_mem = '7MB'",
            "DATABASE frozen CONNECTION LIMIT 11")) {
      postgres.execute("postgres", "ALTER " + setting);
    }
    postgres.execute(
        "postgres",
        "REVOKE CONNECT ON DATABASE frozen FROM PUBLIC; GRANT CONNECT ON DATABASE frozen TO"
            + " reporting WITH GRANT OPTION; GRANT CREATE ON DATABASE frozen TO \"clara K\"");
    postgres.createDatabase("thawed");
    List<String> warnings = new ArrayList<>();

    // when
    target("frozen").takeOver("thawed", warnings);

    // then
    assertThat(warnings).isEmpty();
    assertThat(about("thawed")).isEqualTo(about("frozen")).contains("7MB", "odd, ");
  }

  @Test
  void shouldKeepTheTablespaceTheCommentAndThatItIsATemplateAndClosed(@TempDir Path folder)
      throws Exception {
    // given
    try (Connection connection = postgres.connect("postgres")) {
      DatabaseTarget.execute(connection, "SET allow_in_place_tablespaces = on");
      DatabaseTarget.execute(connection, "CREATE TABLESPACE \"big disk\" LOCATION ''");
      DatabaseTarget.execute(
          connection, "CREATE DATABASE pattern TABLESPACE \"big disk\" IS_TEMPLATE true");
      DatabaseTarget.execute(connection, "COMMENT ON DATABASE pattern IS 'the clerks'' own'");
      DatabaseTarget.execute(connection, "ALTER DATABASE pattern ALLOW_CONNECTIONS false");
    }
    postgres.createDatabase("source");
    Path dump = folder.resolve("dump");
    Commands.run(
        postgres.program("pg_dump"), "--format=custom", "--file=" + dump, postgres.url("source"));
    RunId run = RunId.ofRequest("/test", "tablespace");
    DatabaseTarget target = target("pattern");
    List<String> warnings = new ArrayList<>();

    // when
    String scratch =
        target.restore(
            dump,
            new DumpSchema("", Set.of(), Set.of(), Set.of()),
            run,
            1,
            RestoreOptions.NONE,
            TestWork.on(run, Component.RESTORE, 1),
            warnings);
    target.takeOver(scratch, warnings);

    // then
    String like =
        "SELECT spcname, shobj_description(d.oid, 'pg_database'), datistemplate FROM pg_database d"
            + " JOIN pg_tablespace t ON t.oid = dattablespace WHERE datname = '%s'";
    assertThat(query(like.formatted(scratch))).isEqualTo("big disk|the clerks' own|t\n");
    assertThat(target.plan(run, scratch).closed()).isTrue();
    assertThat(warnings).singleElement().asString().contains("ALLOW_CONNECTIONS true");

    // when
    target.dropScratch(run, 2);

    // then
    assertThat(query(like.formatted(scratch))).isEmpty();
  }

  /** Owner, connection limit, grants and settings. */
  private static String about(String database) {
    return query(
        """
        SELECT pg_get_userbyid(datdba), datconnlimit, ARRAY(SELECT a::text FROM unnest(datacl) a ORDER BY 1)
          FROM pg_database WHERE datname = '%1$s';
        SELECT setrole, setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase
         WHERE datname = '%1$s' ORDER BY setrole
        """
            .formatted(database));
  }

  private static String query(String sql) {
    return Commands.run(postgres.program("psql"), "-Atc", sql, postgres.url("postgres"));
  }

  private static DatabaseTarget target(String name) {
    return new DatabaseTarget(
        new Postgres(postgres.settings(name)),
        Settings.Target.TEMPLATE,
        new PgRestore(tools, postgres.program("pg_restore"), 1),
        new Psql(tools, postgres.program("psql")));
  }
}
