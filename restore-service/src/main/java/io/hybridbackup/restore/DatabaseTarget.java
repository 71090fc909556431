package io.hybridbackup.restore;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.process.ToolCommand;
import io.hybridbackup.common.process.ToolException;
import io.hybridbackup.common.process.ToolProcess;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

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

  private static final Pattern ROLE =
      Pattern.compile(
          "^(?:ALTER .* OWNER TO|(?:GRANT|REVOKE) .* (?:TO|FROM)) (\"(?:[^\"]|\"\")+\"|(?!PUBLIC)\\w+)"
              + "(?: WITH GRANT OPTION)?;$",
          Pattern.MULTILINE);

  private static final Pattern EXTENSION =
      Pattern.compile(
          "^CREATE EXTENSION IF NOT EXISTS (\"(?:[^\"]|\"\")+\"|\\w+)", Pattern.MULTILINE);

  private static final int LONGEST_NAME = 63;
  private static final String NO_SUCH_DATABASE = "3D000";

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
   * Makes sure that the restore can succeed.
   *
   * @param dumpedBy version of the pg_dump that made the dump
   * @param replacing whether the target may be in use; else it has to be empty or not there
   */
  void check(String dumpedBy, boolean replacing) throws ComponentFailure, InterruptedException {
    String version = Postgres.toolVersion(tools, pgRestore);
    try (Connection connection = maintenance()) {
      String server = connection.getMetaData().getDatabaseProductVersion();
      Postgres.requireReadable(pgRestore, version, dumpedBy);
      postgres.requireAtLeast(pgRestore, version, server);
      requireExchangeable(connection, replacing);
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  /** Makes sure that the target can get another name, whatever is in it. */
  void checkExchange() throws ComponentFailure {
    try (Connection connection = maintenance()) {
      requireExchangeable(connection, true);
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  private void requireExchangeable(Connection connection, boolean replacing)
      throws SQLException, ComponentFailure {
    requireRight(connection);
    if (comment(connection).isEmpty()) {
      return;
    }
    requireOwnership(connection);
    if (!replacing) {
      requireNoObjects(postgres);
      return;
    }
    requireSessionsCanBeEnded(connection);
    requireNoDependents(connection);
  }

  /**
   * Restores a dump, or what is asked for of it, into a new scratch database.
   *
   * @param warnings is told what could not be as it was
   * @return the scratch database's name
   */
  String restore(
      Path dump, RunId run, int epoch, RestoreOptions options, Work work, List<String> warnings)
      throws ComponentFailure, InterruptedException {
    String scratch = scratchPrefix(run) + epoch;
    boolean privileged;
    try (Connection connection = maintenance()) {
      create(connection, scratch, dump, options, work);
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
    if (options.leavesOwnersOut()) {
      arguments.addAll(List.of("--no-owner", "--no-privileges"));
    } else if (!privileged) {
      arguments.addAll(List.of("--no-owner", "--no-privileges"));
      warnings.add(
          "everything in the database belongs to "
              + postgres.user()
              + " now, and grants were left out: only a superuser can restore them");
    }
    // Each in one argument with its option, so that no name can be taken for another option.
    schemas(options).forEach(schema -> arguments.add("--schema=" + schema));
    tables(options).forEach(table -> arguments.add("--table=" + table));
    if (options.selects()) {
      makeSchemas(scratch, options);
    }
    arguments.add(dump.toString());
    ToolCommand command = new ToolCommand(pgRestore, arguments, postgres.toolEnvironment());
    try (ToolProcess process = tools.start(command)) {
      work.own(process);
      try {
        String _ = process.await();
      } finally {
        work.disown(process);
      }
    } catch (ToolException e) {
      throw failure(e);
    }
    requireSelected(scratch, options);
    return scratch;
  }

  private static List<String> tables(RestoreOptions options) {
    return options.tables() == null ? List.of() : options.tables();
  }

  private static List<String> schemas(RestoreOptions options) {
    if (options.schemas() != null) {
      return options.schemas();
    }
    return options.selects() ? List.of("public") : List.of();
  }

  /** pg_restore makes what is in a schema, but not the schema. */
  private void makeSchemas(String scratch, RestoreOptions options) throws ComponentFailure {
    Postgres database = postgres.sibling(scratch);
    try (Connection connection = database.connect()) {
      for (String schema : schemas(options)) {
        execute(connection, "CREATE SCHEMA IF NOT EXISTS " + quoted(schema));
      }
    } catch (SQLException e) {
      throw database.failure(e);
    }
  }

  /** pg_restore says nothing of what it does not find. */
  private void requireSelected(String scratch, RestoreOptions options) throws ComponentFailure {
    Postgres database = postgres.sibling(scratch);
    if (!options.selects()) {
      return;
    }
    try (Connection connection = database.connect()) {
      for (String table : tables(options)) {
        requireAny(
            connection,
            "SELECT FROM pg_class WHERE relname = ? AND relnamespace::regnamespace::text !~ '^pg_'",
            table,
            "table");
      }
      if (options.tables() == null) {
        for (String schema : schemas(options)) {
          requireAny(
              connection,
              """
              SELECT FROM pg_namespace n
               WHERE nspname = ? AND (EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid)
                  OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = n.oid)
                  OR EXISTS (SELECT FROM pg_type WHERE typnamespace = n.oid))
              """,
              schema,
              "schema");
        }
      }
    } catch (SQLException e) {
      throw database.failure(e);
    }
  }

  private static void requireAny(Connection connection, String sql, String name, String kind)
      throws SQLException, ComponentFailure {
    try (PreparedStatement query = connection.prepareStatement(sql)) {
      query.setString(1, name);
      try (ResultSet row = query.executeQuery()) {
        if (!row.next()) {
          throw ComponentFailure.permanent(
              FailureCode.NOTHING_TO_DO,
              "the dump has nothing in the %s '%s'; write its name exactly, without quotes"
                  .formatted(kind, name),
              null);
        }
      }
    }
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
   * Makes the scratch database like the one that it will replace, if there is one.
   *
   * @param warnings is told what could not be as it was
   */
  void takeOver(String scratch, List<String> warnings) throws ComponentFailure {
    // A connection of its own, since it takes on the settings for a moment.
    try (Connection connection = maintenance()) {
      if (comment(connection).isPresent()) {
        takeOver(connection, scratch, warnings);
      }
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  /**
   * Drops the scratch databases of a restore.
   *
   * @param before only those of epochs before this one
   */
  void dropScratch(RunId run, int before) throws ComponentFailure {
    String prefix = scratchPrefix(run);
    try (Connection connection = maintenance()) {
      List<String> found = new ArrayList<>();
      try (PreparedStatement query =
          connection.prepareStatement(
              "SELECT datname FROM pg_database WHERE starts_with(datname, ?)")) {
        query.setString(1, prefix);
        try (ResultSet rows = query.executeQuery()) {
          while (rows.next()) {
            found.add(rows.getString(1));
          }
        }
      }
      for (String scratch : found) {
        String epoch = scratch.substring(prefix.length());
        if (epoch.matches("\\d{1,9}") && Integer.parseInt(epoch) < before) {
          drop(connection, scratch);
        }
      }
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  /** Removes what a restore has replaced, unless something else has that name by now. */
  void removeKept(Exchange.Databases exchange) throws ComponentFailure {
    try (Connection connection = maintenance()) {
      Long kept = DatabaseLock.number(connection, exchange.keptAs());
      if (kept != null && kept.equals(exchange.previous())) {
        drop(connection, exchange.keptAs());
      }
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  private static void drop(Connection connection, String name) throws SQLException {
    execute(connection, "DROP DATABASE IF EXISTS " + quoted(name) + " WITH (FORCE)");
  }

  /**
   * How the database is to be exchanged for another one.
   *
   * @param next the one that takes its place; null if none does
   */
  Exchange.Databases plan(RunId run, @Nullable String next) throws ComponentFailure {
    try (Connection connection = maintenance()) {
      String suffix = "_before_" + run;
      return new Exchange.Databases(
          postgres.name(),
          DatabaseLock.number(connection, postgres.name()),
          shortened(postgres.name(), LONGEST_NAME - suffix.length()) + suffix,
          next == null ? null : DatabaseLock.number(connection, next),
          next);
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  /** The server counts the bytes of a name, not the characters. */
  private static String shortened(String name, int bytes) {
    String shortened = name;
    while (shortened.getBytes(StandardCharsets.UTF_8).length > bytes) {
      shortened = shortened.substring(0, shortened.length() - 1);
    }
    return shortened;
  }

  /**
   * Takes the lock on the target's name. Whoever holds it, an earlier epoch that was frozen, loses
   * its connection. The caller closes it.
   */
  DatabaseLock lock(Journal journal) throws ComponentFailure, InterruptedException {
    return DatabaseLock.take(postgres, maintenance(), journal);
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
  private void create(
      Connection connection, String scratch, Path dump, RestoreOptions options, Work work)
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
    if (!options.selects()) {
      requireRoles(connection, schema, options);
      requireExtensions(connection, schema);
    }
    Matcher created = CREATE.matcher(schema);
    if (created.find()) {
      Matcher property = PROPERTY.matcher(created.group(1));
      while (property.find()) {
        properties.append(property.group());
      }
    }
    execute(connection, "CREATE DATABASE " + quoted(scratch) + " WITH " + properties);
  }

  /** Names everybody who owns something or may do something, and is not there. */
  private void requireRoles(Connection connection, CharSequence schema, RestoreOptions options)
      throws SQLException, ComponentFailure {
    if (options.leavesOwnersOut() || !isSuperuser(connection)) {
      return;
    }
    requireAll(
        named(ROLE, schema),
        known(connection, "SELECT rolname FROM pg_roles"),
        "roles",
        "make them (CREATE ROLE), or ask for owners to be left out (--no-owner)");
  }

  private void requireExtensions(Connection connection, CharSequence schema)
      throws SQLException, ComponentFailure {
    Set<String> wanted = named(EXTENSION, schema);
    requireAll(
        wanted,
        known(connection, "SELECT name FROM pg_available_extensions"),
        "extensions",
        "install their packages on the server");
    if (!isSuperuser(connection)) {
      requireAll(
          wanted,
          known(connection, "SELECT name FROM pg_available_extension_versions WHERE trusted"),
          "extensions that user " + postgres.user() + " may make",
          "restore as a superuser, as these are not trusted");
    }
  }

  private void requireAll(Set<String> wanted, Set<String> known, String what, String remedy)
      throws ComponentFailure {
    Set<String> missing = new TreeSet<>(wanted);
    missing.removeAll(known);
    if (!missing.isEmpty()) {
      throw ComponentFailure.permanent(
          FailureCode.DATABASE_PERMISSION,
          "the dump wants %s which the server of %s does not have: %s; %s"
              .formatted(what, postgres, String.join(", ", missing), remedy),
          null);
    }
  }

  private static Set<String> known(Connection connection, String sql) throws SQLException {
    Set<String> known = new TreeSet<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      while (rows.next()) {
        known.add(rows.getString(1));
      }
    }
    return known;
  }

  /** The names at the places that the pattern finds, without quotes. */
  private static Set<String> named(Pattern pattern, CharSequence schema) {
    Set<String> names = new TreeSet<>();
    Matcher matcher = pattern.matcher(schema);
    while (matcher.find()) {
      String name = matcher.group(1);
      names.add(
          name.startsWith("\"")
              ? name.substring(1, name.length() - 1).replace("\"\"", "\"")
              : name);
    }
    return names;
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
                + "); ask for it to be replaced (--replace), drop it or name another target; a"
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

  private void requireSessionsCanBeEnded(Connection connection)
      throws SQLException, ComponentFailure {
    try (PreparedStatement query =
        connection.prepareStatement(
            """
            SELECT DISTINCT quote_ident(coalesce(s.usename, '?'))
              FROM pg_stat_activity s, pg_roles me
             WHERE s.datname = ? AND me.rolname = current_user AND NOT me.rolsuper
               AND s.backend_type IS DISTINCT FROM 'autovacuum worker'
               AND NOT (pg_has_role(s.usesysid, 'USAGE')
                        OR (pg_has_role('pg_signal_backend', 'USAGE')
                            AND NOT (SELECT rolsuper FROM pg_roles WHERE oid = s.usesysid)))
            """)) {
      query.setString(1, postgres.name());
      try (ResultSet row = query.executeQuery()) {
        if (row.next()) {
          throw ComponentFailure.permanent(
              FailureCode.DATABASE_PERMISSION,
              "sessions of "
                  + row.getString(1)
                  + " are connected to "
                  + postgres
                  + ", and user "
                  + postgres.user()
                  + " may not end them; stop them yourself, or run: GRANT pg_signal_backend TO "
                  + quoted(postgres.user())
                  + " (which does not do for superusers)",
              null);
        }
      }
    }
  }

  /** What refers to the database by its number stays with it when it gets another name. */
  private void requireNoDependents(Connection connection) throws SQLException, ComponentFailure {
    try (PreparedStatement query =
        connection.prepareStatement(
            """
            SELECT 'prepared transaction ' || gid || '; commit or roll it back'
              FROM pg_prepared_xacts WHERE database = ?
            UNION ALL
            SELECT 'logical replication slot ' || slot_name || '; drop it with its subscriber'
              FROM pg_replication_slots WHERE database = ?
            UNION ALL
            SELECT 'subscription ' || subname || '; drop it'
              FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = ?
            """)) {
      for (int parameter = 1; parameter <= 3; parameter++) {
        query.setString(parameter, postgres.name());
      }
      try (ResultSet row = query.executeQuery()) {
        if (row.next()) {
          throw ComponentFailure.permanent(
              FailureCode.TARGET_IN_USE,
              "the target database " + postgres + " has a " + row.getString(1),
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

  static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  static String quoted(String name) {
    return '"' + name.replace("\"", "\"\"") + '"';
  }

  private static String literal(String text) {
    return "'" + text.replace("'", "''") + "'";
  }
}
