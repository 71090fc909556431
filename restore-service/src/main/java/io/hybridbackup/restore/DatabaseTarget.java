package io.hybridbackup.restore;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.process.ToolCommand;
import io.hybridbackup.common.process.ToolException;
import io.hybridbackup.common.process.ToolProcess;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The database that is restored to, and the scratch databases beside it. A dump is restored into a
 * scratch database; only when that is whole does it take the target's name.
 */
final class DatabaseTarget {
  private static final Pattern CREATE =
      Pattern.compile("^CREATE DATABASE .*? WITH (TEMPLATE = template0.*);$", Pattern.MULTILINE);
  private static final String IN_USE = "55006";
  private static final String NO_SUCH_DATABASE = "3D000";
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** Counts what a user has made in a database; what belongs to extensions does not count. */
  private static final String COUNT_OBJECTS =
      """
      SELECT (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname !~ '^(pg_|information_schema$)'
                 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid
                                    AND d.classid = 'pg_class'::regclass AND d.deptype = 'e'))
           + (SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
               WHERE n.nspname !~ '^(pg_|information_schema$)'
                 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid
                                    AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'))
           + (SELECT count(*) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
               WHERE n.nspname !~ '^(pg_|information_schema$)' AND t.typtype IN ('d', 'e', 'r')
                 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = t.oid
                                    AND d.classid = 'pg_type'::regclass AND d.deptype = 'e'))
           + (SELECT count(*) FROM pg_namespace n
               WHERE n.nspname !~ '^(pg_|information_schema$|public$)'
                 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = n.oid
                                    AND d.classid = 'pg_namespace'::regclass AND d.deptype = 'e'))
           + (SELECT count(*) FROM pg_largeobject_metadata)
      """;

  private final Postgres postgres;
  private final NativeTools tools;
  private final String pgRestore;
  private final int jobs;

  DatabaseTarget(Postgres postgres, NativeTools tools, String pgRestore, int jobs) {
    this.postgres = postgres;
    this.tools = tools;
    this.pgRestore = pgRestore;
    this.jobs = jobs;
  }

  /**
   * Makes sure that the restore can succeed and would overwrite nothing.
   *
   * @param dumpedFrom version of the server that the dump is of
   * @return whether the database is there
   */
  boolean requireEmpty(String dumpedFrom) throws ComponentFailure, InterruptedException {
    String version = Postgres.toolVersion(tools, pgRestore);
    try (Connection connection = maintenance()) {
      String server = connection.getMetaData().getDatabaseProductVersion();
      postgres.requireAtLeast(pgRestore, version, dumpedFrom);
      requireRight(connection);
      if (comment(connection).isEmpty()) {
        return false;
      }
      postgres.requireAtLeast(pgRestore, version, server);
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
    requireNoObjects();
    return true;
  }

  /** Whether the target is the database that this restore has put there. */
  boolean isRestoredBy(RunId run) throws ComponentFailure {
    try (Connection connection = maintenance()) {
      return comment(connection).filter(mark(run)::equals).isPresent();
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  /**
   * Restores a dump into a new scratch database.
   *
   * @param warnings is told what could not be as it was
   * @return the scratch database's name
   */
  String restore(Path dump, RunId run, int epoch, Work work, List<String> warnings)
      throws ComponentFailure, InterruptedException {
    String scratch = scratchPrefix(run) + epoch;
    boolean privileged;
    try (Connection connection = maintenance()) {
      create(connection, scratch, dump);
      execute(connection, "COMMENT ON DATABASE " + quoted(scratch) + " IS " + literal(mark(run)));
      privileged = isSuperuser(connection);
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "--no-password",
                "--exit-on-error",
                "--jobs=" + jobs,
                "--dbname=dbname='" + scratch + "'"));
    if (!privileged) {
      arguments.addAll(List.of("--no-owner", "--no-privileges"));
      warnings.add(
          "everything in the database belongs to "
              + postgres.user()
              + " now, and grants were left out: only a superuser can restore them");
    }
    arguments.add(dump.toString());
    try (ToolProcess process =
        tools.start(new ToolCommand(pgRestore, arguments, postgres.toolEnvironment()))) {
      work.own(process);
      try {
        process.awaitLines(line -> {});
      } finally {
        work.disown(process);
      }
    } catch (ToolException e) {
      throw postgres.failure(e);
    }
    return scratch;
  }

  /** Gives the scratch database the target's name, in place of the empty one if there is one. */
  void swapIn(String scratch, RunId run) throws ComponentFailure, InterruptedException {
    String replaced = scratchPrefix(run) + "replaced";
    try (Connection connection = maintenance()) {
      boolean exists = comment(connection).isPresent();
      if (exists) {
        requireNoObjects();
        takeOver(connection, scratch);
      }
      long end = System.nanoTime() + PATIENCE.toNanos();
      while (!rename(connection, exists, scratch, replaced, System.nanoTime() > end)) {
        pause(connection);
      }
      if (exists) {
        execute(connection, "DROP DATABASE " + quoted(replaced));
      }
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  /** Drops every scratch database of a restore. */
  void dropScratch(RunId run) throws ComponentFailure {
    try (Connection connection = maintenance()) {
      List<String> found = new ArrayList<>();
      try (PreparedStatement query =
          connection.prepareStatement(
              "SELECT datname FROM pg_database WHERE starts_with(datname, ?)")) {
        query.setString(1, scratchPrefix(run));
        try (ResultSet rows = query.executeQuery()) {
          while (rows.next()) {
            found.add(rows.getString(1));
          }
        }
      }
      for (String scratch : found) {
        execute(connection, "DROP DATABASE IF EXISTS " + quoted(scratch) + " WITH (FORCE)");
      }
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  private boolean rename(
      Connection connection, boolean exists, String scratch, String replaced, boolean last)
      throws SQLException, ComponentFailure {
    connection.setAutoCommit(false);
    try {
      if (exists) {
        execute(
            connection,
            "ALTER DATABASE " + quoted(postgres.name()) + " RENAME TO " + quoted(replaced));
      }
      execute(
          connection,
          "ALTER DATABASE " + quoted(scratch) + " RENAME TO " + quoted(postgres.name()));
      connection.commit();
      return true;
    } catch (SQLException e) {
      connection.rollback();
      if (!IN_USE.equals(e.getSQLState())) {
        throw e;
      }
      if (last) {
        throw ComponentFailure.permanent(
            FailureCode.TARGET_NOT_EMPTY,
            "somebody is connected to the database " + postgres + "; end the connection: " + e,
            e);
      }
      return false;
    } finally {
      connection.setAutoCommit(true);
    }
  }

  /** Lets others end their connections for a moment. */
  private static void pause(Connection connection) throws SQLException {
    execute(connection, "SELECT pg_sleep(0.2)");
  }

  /** The new database has the owner, the settings and the grants of the one that it replaces. */
  private void takeOver(Connection connection, String scratch) throws SQLException {
    List<String> statements = new ArrayList<>();
    try (PreparedStatement query =
        connection.prepareStatement(
            """
            WITH target AS (SELECT * FROM pg_database WHERE datname = ?)
            SELECT format('ALTER DATABASE %1$I OWNER TO %2$I', ?, pg_get_userbyid(datdba))
              FROM target
            UNION ALL
            SELECT format('ALTER DATABASE %1$I CONNECTION LIMIT %2$s', ?, datconnlimit)
              FROM target WHERE datconnlimit >= 0
            UNION ALL
            SELECT format('ALTER %1$s SET %2$I TO %3$s',
                          CASE WHEN s.setrole = 0 THEN format('DATABASE %I', ?)
                               ELSE format('ROLE %I IN DATABASE %I',
                                           pg_get_userbyid(s.setrole), ?) END,
                          split_part(setting, '=', 1),
                          CASE WHEN split_part(setting, '=', 1) IN
                                    ('search_path', 'session_preload_libraries',
                                     'local_preload_libraries', 'temp_tablespaces')
                               THEN substr(setting, strpos(setting, '=') + 1)
                               ELSE quote_literal(substr(setting, strpos(setting, '=') + 1)) END)
              FROM target JOIN pg_db_role_setting s ON s.setdatabase = target.oid,
                   unnest(s.setconfig) setting
            UNION ALL
            SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', ?)
              FROM target WHERE datacl IS NOT NULL
            UNION ALL
            SELECT format('GRANT %1$s ON DATABASE %2$I TO %3$s%4$s', privilege_type, ?,
                          CASE WHEN grantee = 0 THEN 'PUBLIC'
                               ELSE quote_ident(pg_get_userbyid(grantee)) END,
                          CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
              FROM target, aclexplode(target.datacl) WHERE grantee <> datdba
            """)) {
      query.setString(1, postgres.name());
      for (int parameter = 2; parameter <= 7; parameter++) {
        query.setString(parameter, scratch);
      }
      try (ResultSet rows = query.executeQuery()) {
        while (rows.next()) {
          statements.add(rows.getString(1));
        }
      }
    }
    for (String statement : statements) {
      execute(connection, statement);
    }
  }

  /** A database with the encoding and the locale of the one that was dumped. */
  private void create(Connection connection, String scratch, Path dump)
      throws SQLException, ComponentFailure, InterruptedException {
    String properties;
    try {
      Matcher created =
          CREATE.matcher(
              tools.run(
                  ToolCommand.of(
                      pgRestore,
                      "--create",
                      "--schema-only",
                      "--no-tablespaces",
                      "--file=-",
                      dump.toString())));
      properties = created.find() ? created.group(1) : "TEMPLATE = template0";
    } catch (ToolException e) {
      throw postgres.failure(e);
    }
    execute(connection, "CREATE DATABASE " + quoted(scratch) + " WITH " + properties);
  }

  private void requireNoObjects() throws ComponentFailure {
    try (Connection connection = postgres.connect();
        Statement statement = connection.createStatement();
        ResultSet count = statement.executeQuery(COUNT_OBJECTS)) {
      count.next();
      if (count.getLong(1) > 0) {
        throw ComponentFailure.permanent(
            FailureCode.TARGET_NOT_EMPTY,
            "the target database "
                + postgres
                + " is not empty, and nothing is restored over existing data; drop it or name"
                + " another target",
            null);
      }
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  private void requireRight(Connection connection) throws SQLException, ComponentFailure {
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user")) {
      if (!row.next() || !row.getBoolean(1)) {
        throw ComponentFailure.permanent(
            FailureCode.DATABASE_PERMISSION,
            "user "
                + postgres.user()
                + " may not create databases, which a restore to "
                + postgres
                + " needs; run: ALTER ROLE "
                + quoted(postgres.user())
                + " CREATEDB",
            null);
      }
    }
  }

  private static boolean isSuperuser(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")) {
      return row.next() && row.getBoolean(1);
    }
  }

  /** The comment on the target; empty if there is no such database. */
  private Optional<String> comment(Connection connection) throws SQLException {
    try (PreparedStatement query =
        connection.prepareStatement(
            "SELECT coalesce(shobj_description(oid, 'pg_database'), '')"
                + " FROM pg_database WHERE datname = ?")) {
      query.setString(1, postgres.name());
      try (ResultSet row = query.executeQuery()) {
        return row.next() ? Optional.of(row.getString(1)) : Optional.empty();
      }
    }
  }

  /** A connection to a database of the server that is not the target. */
  private Connection maintenance() throws ComponentFailure {
    try {
      return postgres.sibling("postgres").connect();
    } catch (ComponentFailure e) {
      if (e.getCause() instanceof SQLException cause
          && NO_SUCH_DATABASE.equals(cause.getSQLState())) {
        return postgres.sibling("template1").connect();
      }
      throw e;
    }
  }

  private static String mark(RunId run) {
    return "restored by hybrid-backup, restore " + run;
  }

  private static String scratchPrefix(RunId run) {
    return "restore_" + run + "_";
  }

  private static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static String quoted(String name) {
    return '"' + name.replace("\"", "\"\"") + '"';
  }

  private static String literal(String text) {
    return "'" + text.replace("'", "''") + "'";
  }
}
