package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

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
        new PgRestore(tools, postgres.program("pg_restore"), 1),
        new Psql(tools, postgres.program("psql")));
  }
}
