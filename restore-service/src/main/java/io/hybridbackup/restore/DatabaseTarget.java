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
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The database that is restored to, and the scratch databases beside it. A dump is restored into a
 * scratch database; only when that is whole does it take the target's name.
 */
final class DatabaseTarget {
  private static final Pattern CREATE =
      Pattern.compile("^CREATE DATABASE .*? WITH TEMPLATE = template0(.*);$", Pattern.MULTILINE);

  /** What of it is taken over: nothing that could be anything but a property of the text in it. */
  private static final Pattern PROPERTY =
      Pattern.compile(
          " (ENCODING|LOCALE_PROVIDER|LOCALE|LC_COLLATE|LC_CTYPE|ICU_LOCALE|ICU_RULES|BUILTIN_LOCALE)"
              + " = ('(?:[^']|'')*'|\\w+)");

  private static final String REPLACED = "replaced";
  private static final String IN_USE = "55006";
  private static final String NO_SUCH_DATABASE = "3D000";
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** The number that PostgreSQL gives the first object which is not its own. */
  private static final int FIRST_USER_OBJECT = 16384;

  /** Where what users make is listed. Its relations are only those that a user makes himself. */
  private static final Map<String, String> CATALOGUES =
      Map.ofEntries(
          Map.entry(
              "pg_class",
              "relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND relpersistence <> 't'"),
          Map.entry("pg_type", "typtype IN ('d', 'e', 'r')"),
          Map.entry("pg_proc", "true"),
          Map.entry("pg_namespace", "nspname <> 'public' AND nspname !~ '^pg_(toast_)?temp_'"),
          Map.entry("pg_extension", "extname <> 'plpgsql'"),
          Map.entry("pg_publication", "true"),
          Map.entry("pg_foreign_data_wrapper", "true"),
          Map.entry("pg_foreign_server", "true"),
          Map.entry("pg_event_trigger", "true"),
          Map.entry("pg_default_acl", "true"),
          Map.entry("pg_cast", "true"),
          Map.entry("pg_operator", "true"),
          Map.entry("pg_opclass", "true"),
          Map.entry("pg_opfamily", "true"),
          Map.entry("pg_collation", "true"),
          Map.entry("pg_conversion", "true"),
          Map.entry("pg_language", "true"),
          Map.entry("pg_am", "true"),
          Map.entry("pg_transform", "true"),
          Map.entry("pg_statistic_ext", "true"),
          Map.entry("pg_ts_config", "true"),
          Map.entry("pg_ts_dict", "true"),
          Map.entry("pg_ts_parser", "true"),
          Map.entry("pg_ts_template", "true"));

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
   * @param dumpedBy version of the pg_dump that made the dump
   */
  void requireEmpty(String dumpedBy) throws ComponentFailure, InterruptedException {
    String version = Postgres.toolVersion(tools, pgRestore);
    try (Connection connection = maintenance()) {
      String server = connection.getMetaData().getDatabaseProductVersion();
      Postgres.requireReadable(pgRestore, version, dumpedBy);
      postgres.requireAtLeast(pgRestore, version, server);
      requireRight(connection);
      if (comment(connection).isEmpty()) {
        return;
      }
      requireOwnership(connection);
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
    requireNoObjects(postgres);
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
      create(connection, scratch, dump, work);
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
    run(new ToolCommand(pgRestore, arguments, postgres.toolEnvironment()), line -> {}, work);
    return scratch;
  }

  private void run(ToolCommand command, Consumer<String> line, Work work)
      throws ComponentFailure, InterruptedException {
    try (ToolProcess process = tools.start(command)) {
      work.own(process);
      try {
        process.awaitLines(line);
      } finally {
        work.disown(process);
      }
    } catch (ToolException e) {
      throw failure(e);
    }
  }

  /** Only a connection that broke off can be better the next time. */
  private ComponentFailure failure(ToolException e) {
    ComponentFailure failure = postgres.failure(e);
    boolean connection =
        Stream.of("could not connect", "connection to server", "server closed", "terminating")
            .anyMatch(e.errors()::contains);
    return failure.retryable() && !connection
        ? ComponentFailure.permanent(
            FailureCode.TOOL_FAILED,
            failure.getMessage()
                + "; make what is missing (roles, extensions), or restore into another server",
            e)
        : failure;
  }

  /**
   * Makes the scratch database like the empty one that it will replace, if there is one.
   *
   * @param warnings is told what could not be as it was
   */
  void prepareSwap(String scratch, List<String> warnings) throws ComponentFailure {
    // A connection of its own, since it takes on the settings for a moment.
    try (Connection connection = maintenance()) {
      if (comment(connection).isPresent()) {
        takeOver(connection, scratch, warnings);
      }
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  /** Gives the scratch database the target's name, in place of the empty one if there is one. */
  void swapIn(String scratch, RunId run) throws ComponentFailure {
    String replaced = scratchPrefix(run) + REPLACED;
    try (Connection connection = maintenance()) {
      boolean exists = comment(connection).isPresent();
      if (exists) {
        requireNoObjects(postgres);
      }
      List<String> renames = new ArrayList<>();
      if (exists) {
        renames.add(rename(postgres.name(), replaced));
      }
      renames.add(rename(scratch, postgres.name()));
      transact(connection, renames);
      if (exists) {
        requireStillEmpty(connection, scratch, replaced);
      }
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  /** Whoever kept the target busy until the swap may have put something into it. */
  private void requireStillEmpty(Connection connection, String scratch, String replaced)
      throws ComponentFailure, SQLException {
    try {
      requireNoObjects(postgres.sibling(replaced));
    } catch (ComponentFailure e) {
      transact(
          connection, List.of(rename(postgres.name(), scratch), rename(replaced, postgres.name())));
      throw e;
    }
  }

  /**
   * Drops every scratch database of a restore, and the empty one that it replaced.
   *
   * @throws ComponentFailure also if that one is not empty after all; it is kept then
   */
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
        if (scratch.endsWith(REPLACED)) {
          requireNoObjects(postgres.sibling(scratch));
        }
        execute(connection, "DROP DATABASE IF EXISTS " + quoted(scratch) + " WITH (FORCE)");
      }
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  /** Renames in one transaction, as soon as nobody is connected to any of the databases. */
  private void transact(Connection connection, List<String> renames)
      throws SQLException, ComponentFailure {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      connection.setAutoCommit(false);
      try {
        for (String statement : renames) {
          execute(connection, statement);
        }
        connection.commit();
        return;
      } catch (SQLException e) {
        connection.rollback();
        if (!IN_USE.equals(e.getSQLState())) {
          throw e;
        }
        if (System.nanoTime() > end) {
          throw ComponentFailure.permanent(
              FailureCode.TARGET_NOT_EMPTY,
              "somebody is connected to the database " + postgres + "; end the connection: " + e,
              e);
        }
      } finally {
        connection.setAutoCommit(true);
      }
      pause(connection);
    }
  }

  private static String rename(String from, String to) {
    return "ALTER DATABASE " + quoted(from) + " RENAME TO " + quoted(to);
  }

  /** Lets others end their connections for a moment. */
  private static void pause(Connection connection) throws SQLException {
    execute(connection, "SELECT pg_sleep(0.2)");
  }

  /**
   * The new database gets the settings, the grants and, last, the owner of the one that it
   * replaces.
   *
   * @param warnings is told of what only somebody else may set or grant
   */
  private void takeOver(Connection connection, String scratch, List<String> warnings)
      throws SQLException {
    String owner = null;
    List<String> statements = new ArrayList<>();
    try (PreparedStatement query =
        connection.prepareStatement(
            """
            WITH target AS (SELECT * FROM pg_database WHERE datname = ?)
            SELECT true, format('ALTER DATABASE %I OWNER TO %I', ?, pg_get_userbyid(datdba))
              FROM target
            UNION ALL
            SELECT false, format('ALTER DATABASE %I CONNECTION LIMIT %s', ?, datconnlimit)
              FROM target WHERE datconnlimit >= 0
            UNION ALL
            SELECT false, format('SELECT set_config(%1$L, %2$L, false); ALTER %3$s SET %1$I FROM CURRENT',
                                 split_part(setting, '=', 1),
                                 substr(setting, strpos(setting, '=') + 1),
                                 CASE WHEN s.setrole = 0 THEN format('DATABASE %I', ?)
                                      ELSE format('ROLE %I IN DATABASE %I',
                                                  pg_get_userbyid(s.setrole), ?) END)
              FROM target JOIN pg_db_role_setting s ON s.setdatabase = target.oid,
                   unnest(s.setconfig) setting
            UNION ALL
            SELECT false, format('REVOKE ALL ON DATABASE %I FROM PUBLIC', ?)
              FROM target WHERE datacl IS NOT NULL
            UNION ALL
            SELECT false, format('GRANT %s ON DATABASE %I TO %s%s', privilege_type, ?,
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
          if (rows.getBoolean(1)) {
            owner = rows.getString(2);
          } else {
            statements.add(rows.getString(2));
          }
        }
      }
    }
    for (String statement : statements) {
      try {
        execute(connection, statement);
      } catch (SQLException e) {
        warnings.add(
            "of the replaced database this could not be kept: "
                + statement
                + " ("
                + e.getMessage()
                + ")");
      }
    }
    if (owner != null) {
      execute(connection, owner);
    }
  }

  /** A database with the encoding and the locale of the one that was dumped. */
  private void create(Connection connection, String scratch, Path dump, Work work)
      throws SQLException, ComponentFailure, InterruptedException {
    StringBuilder properties = new StringBuilder("TEMPLATE = template0");
    StringBuilder schema = new StringBuilder();
    run(
        ToolCommand.of(
            pgRestore,
            "--create",
            "--schema-only",
            "--no-tablespaces",
            "--file=-",
            dump.toString()),
        line -> schema.append(line).append('\n'),
        work);
    Matcher created = CREATE.matcher(schema);
    if (created.find()) {
      Matcher property = PROPERTY.matcher(created.group(1));
      while (property.find()) {
        properties.append(property.group());
      }
    }
    execute(connection, "CREATE DATABASE " + quoted(scratch) + " WITH " + properties);
  }

  private static void requireNoObjects(Postgres database) throws ComponentFailure {
    String query =
        CATALOGUES.entrySet().stream()
            .map(catalogue ->
                "SELECT '%1$s' FROM %1$s o WHERE oid >= %2$d AND %3$s AND NOT EXISTS (SELECT FROM"
                        .formatted(catalogue.getKey(), FIRST_USER_OBJECT, catalogue.getValue())
                    + " pg_depend d WHERE d.classid = '%s'::regclass".formatted(catalogue.getKey())
                    + " AND d.objid = o.oid AND d.deptype = 'e')")
            .collect(
                Collectors.joining(
                    " UNION ALL ",
                    "",
                    // Large objects have the numbers that their makers choose.
                    " UNION ALL SELECT 'pg_largeobject_metadata' FROM pg_largeobject_metadata"
                        + " LIMIT 1"));
    try (Connection connection = database.connect();
        Statement statement = connection.createStatement();
        ResultSet found = statement.executeQuery(query)) {
      if (found.next()) {
        throw ComponentFailure.permanent(
            FailureCode.TARGET_NOT_EMPTY,
            "the target database "
                + database
                + " is not empty (there is something in "
                + found.getString(1)
                + "), and nothing is restored over existing data; drop it or name another target; a"
                + " database that is new has what template1 has",
            null);
      }
    } catch (SQLException e) {
      throw database.failure(e);
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

  private void requireOwnership(Connection connection) throws SQLException, ComponentFailure {
    try (PreparedStatement query =
        connection.prepareStatement(
            "SELECT pg_has_role(current_user, datdba, 'USAGE'), pg_get_userbyid(datdba)"
                + " FROM pg_database WHERE datname = ?")) {
      query.setString(1, postgres.name());
      try (ResultSet row = query.executeQuery()) {
        if (row.next() && !row.getBoolean(1)) {
          throw ComponentFailure.permanent(
              FailureCode.DATABASE_PERMISSION,
              "the database "
                  + postgres
                  + " belongs to "
                  + row.getString(2)
                  + ", and user "
                  + postgres.user()
                  + " may not replace it; drop it, or run: GRANT "
                  + quoted(row.getString(2))
                  + " TO "
                  + quoted(postgres.user()),
              null);
        }
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
    Connection connection;
    try {
      connection = postgres.sibling("postgres").connect();
    } catch (ComponentFailure e) {
      if (!(e.getCause() instanceof SQLException cause)
          || !NO_SUCH_DATABASE.equals(cause.getSQLState())) {
        throw e;
      }
      connection = postgres.sibling("template1").connect();
    }
    try {
      // A frozen epoch may hold a lock on what is to be renamed or dropped.
      execute(connection, "SET lock_timeout = '30s'");
      return connection;
    } catch (SQLException e) {
      throw postgres.failure(e);
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
