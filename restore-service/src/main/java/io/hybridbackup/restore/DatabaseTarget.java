package io.hybridbackup.restore;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.settings.Settings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The database that is restored to, and the scratch databases beside it. A dump is restored into a
 * scratch database; only when that is whole does it take the target's name.
 */
final class DatabaseTarget {
  private static final int LONGEST_NAME = 63;

  /** How the comment of a restored database begins. */
  private static final String MARK = "restored by hybrid-backup, restore ";

  private static final String NO_SUCH_DATABASE = "3D000";

  private final Postgres postgres;
  private final String template;
  private final PgRestore pgRestore;
  private final Psql psql;
  private final DatabasePreflight preflight;

  /**
   * @param template the database that scratch databases are made from
   */
  DatabaseTarget(Postgres postgres, String template, PgRestore pgRestore, Psql psql) {
    this.postgres = postgres;
    this.template = template;
    this.pgRestore = pgRestore;
    this.psql = psql;
    this.preflight = new DatabasePreflight(postgres);
  }

  /** Its name. */
  @Override
  public String toString() {
    return postgres.name();
  }

  /** The same database, to be overwritten where it is. */
  OverwrittenDatabase inPlace(RunId run, RestoreOptions options) {
    return new OverwrittenDatabase(postgres, pgRestore, psql, run, options);
  }

  /**
   * Makes sure that the restore can succeed.
   *
   * @param warnings is told what does not go over to the new database
   * @return what the dump wants of the server
   */
  DumpSchema check(ArchivedDump dump, RestoreOptions options, Work work, List<String> warnings)
      throws ComponentFailure, IOException, InterruptedException {
    try (Connection connection = maintenance()) {
      String server = connection.getMetaData().getDatabaseProductVersion();
      pgRestore.requireFit(postgres, dump.dumpedBy(), server);
      warnings.addAll(
          preflight.requireExchangeable(connection, options.replaces(), options::overrides));
      DumpSchema schema = pgRestore.schema(dump.content(), postgres, work);
      if (!options.selects()) {
        preflight.requireWanted(
            connection, schema, !options.leavesOwnersOut(), !hasTemplate(), dump.showingGlobals());
      }
      if (hasTemplate()) {
        preflight.requireTemplate(connection, template, schema);
      }
      return schema;
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  private boolean hasTemplate() {
    return !template.equals(Settings.Target.TEMPLATE);
  }

  static String ownersLeftOut(Postgres postgres) {
    return "everything in the database belongs to "
        + postgres.user()
        + " now, and grants were left out: only a superuser can restore them";
  }

  /** Makes sure that the target can get another name, whatever is in it. */
  void checkExchange() throws ComponentFailure {
    try (Connection connection = maintenance()) {
      List<String> _ = preflight.requireExchangeable(connection, true, dependent -> false);
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  /**
   * Restores a dump, or what is asked for of it, into a new scratch database.
   *
   * @param schema of the dump
   * @param warnings is told what could not be as it was
   * @return the scratch database's name
   */
  String restore(
      Path dump,
      DumpSchema schema,
      RunId run,
      int epoch,
      RestoreOptions options,
      Work work,
      List<String> warnings)
      throws ComponentFailure, IOException, InterruptedException {
    Postgres scratch = postgres.sibling(scratchPrefix(run) + epoch);
    boolean owners = !options.leavesOwnersOut();
    try (Connection connection = maintenance()) {
      String name = quoted(scratch.name());
      execute(
          connection,
          "CREATE DATABASE "
              + name
              + " WITH TEMPLATE = "
              + quoted(template)
              + schema.properties()
              + tablespace(connection, warnings));
      execute(connection, "REVOKE CONNECT ON DATABASE " + name + " FROM PUBLIC");
      execute(connection, "COMMENT ON DATABASE " + name + " IS " + literal(mark(run)));
      if (owners && !DatabasePreflight.isSuperuser(connection)) {
        owners = false;
        warnings.add(ownersLeftOut(postgres));
      }
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
    ChosenObjects chosen = new ChosenObjects(options);
    if (options.selects()) {
      chosen.makeSchemas(scratch);
    }
    // Nobody waits for its single commits: all of them are on disk before it gets its name.
    set(scratch.name(), "SET synchronous_commit = off");
    if (hasTemplate() && !options.selects()) {
      List<String> present =
          schemasOfExtensions(scratch).stream().map(own -> "SCHEMA - " + own).toList();
      pgRestore.fillUp(scratch, dump, present, owners, work);
    } else {
      pgRestore.fill(scratch, dump, chosen, owners, work);
    }
    set(scratch.name(), "RESET synchronous_commit");
    if (options.selects()) {
      chosen.requireRestored(scratch);
    }
    return scratch.name();
  }

  private static Set<String> schemasOfExtensions(Postgres scratch) throws ComponentFailure {
    try (Connection connection = scratch.connect()) {
      return DatabasePreflight.schemasOfExtensions(connection);
    } catch (SQLException e) {
      throw scratch.failure(e);
    }
  }

  /** The one of the database that is to be replaced, as CREATE DATABASE has it. */
  private String tablespace(Connection connection, List<String> warnings) throws SQLException {
    try (PreparedStatement query =
        connection.prepareStatement(
            """
            SELECT quote_ident(spcname), has_tablespace_privilege(t.oid, 'CREATE')
              FROM pg_tablespace t JOIN pg_database d ON d.dattablespace = t.oid
             WHERE d.datname = ?
               AND t.oid <> (SELECT dattablespace FROM pg_database WHERE datname = 'template0')
            """)) {
      query.setString(1, postgres.name());
      try (ResultSet row = query.executeQuery()) {
        if (!row.next()) {
          return "";
        }
        if (row.getBoolean(2)) {
          return " TABLESPACE = " + row.getString(1);
        }
        warnings.add(
            "the database is in the server's default tablespace now, and not in %s: user %s may not make anything there; run GRANT CREATE ON TABLESPACE %s TO %s before the next restore"
                .formatted(
                    row.getString(1), postgres.user(), row.getString(1), quoted(postgres.user())));
        return "";
      }
    }
  }

  private void set(String name, String setting) throws ComponentFailure {
    try (Connection connection = maintenance()) {
      execute(connection, "ALTER DATABASE " + quoted(name) + " " + setting);
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  /**
   * Makes the scratch database like the one that it will replace, if there is one.
   *
   * @param warnings is told what could not be as it was
   */
  void takeOver(String scratch, List<String> warnings) throws ComponentFailure {
    try (Connection connection = maintenance()) {
      execute(connection, "GRANT CONNECT ON DATABASE " + quoted(scratch) + " TO PUBLIC");
      if (DatabaseLock.number(connection, postgres.name()) != null) {
        takeOver(connection, scratch, warnings);
        if (isClosed(connection)) {
          warnings.add(
              "nobody can connect to the new database, as nobody could to the replaced one; if that is not meant, run: ALTER DATABASE %s ALLOW_CONNECTIONS true"
                  .formatted(quoted(postgres.name())));
        }
      }
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  /**
   * The restores that have scratch databases on the server, or have marked this one.
   *
   * @param marked whether to look for marks as well, if there is such a database
   */
  Set<RunId> restores(boolean marked) throws ComponentFailure {
    try (Connection connection = maintenance()) {
      Set<RunId> runs =
          runs(
              connection,
              "SELECT substr(datname, 9, 26) FROM pg_database"
                  + " WHERE datname ~ '^restore_[a-z2-7]{26}_[0-9]{1,9}$'");
      if (marked && DatabaseLock.number(connection, postgres.name()) != null) {
        try (Connection within = postgres.connect()) {
          runs.addAll(
              runs(
                  within,
                  "SELECT substr(nspname, 9) FROM pg_namespace"
                      + " WHERE nspname ~ '^restore_[a-z2-7]{26}$'"));
        }
      }
      return runs;
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  private static Set<RunId> runs(Connection connection, String query) throws SQLException {
    Set<RunId> runs = new HashSet<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(query)) {
      while (rows.next()) {
        runs.add(new RunId(rows.getString(1)));
      }
    }
    return runs;
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
    // Templates cannot be dropped, and what is to replace one, or was replaced, is one.
    try (PreparedStatement query =
        connection.prepareStatement(
            "SELECT FROM pg_database WHERE datname = ? AND datistemplate")) {
      query.setString(1, name);
      try (ResultSet template = query.executeQuery()) {
        if (template.next()) {
          execute(connection, "ALTER DATABASE " + quoted(name) + " IS_TEMPLATE false");
        }
      }
    }
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
          next,
          isClosed(connection));
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
   * The new database gets the settings, the grants, the comment and, last, the owner of the one
   * that it replaces. Settings are written down, as pg_dump does it, and never set here: one that
   * forbids to write or takes on a role would keep the rest from being taken over. Those that are
   * lists are kept with each item quoted, and taken only as items.
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
            SELECT false, format('ALTER DATABASE %I IS_TEMPLATE true', ?)
              FROM target WHERE datistemplate
            UNION ALL
            SELECT false, format('COMMENT ON DATABASE %I IS %L', ?, comment)
              FROM target, shobj_description(target.oid, 'pg_database') comment
             WHERE NOT starts_with(comment, ?)
            UNION ALL
            SELECT false, format('ALTER %s SET %I TO %s',
                                 CASE WHEN s.setrole = 0 THEN format('DATABASE %I', ?)
                                      ELSE format('ROLE %I IN DATABASE %I',
                                                  pg_get_userbyid(s.setrole), ?) END,
                                 name,
                                 CASE WHEN name IN ('search_path', 'temp_tablespaces',
                                                    'local_preload_libraries',
                                                    'session_preload_libraries')
                                      THEN listed ELSE quote_literal(value) END)
              FROM target JOIN pg_db_role_setting s ON s.setdatabase = target.oid,
                   unnest(s.setconfig) setting,
                   split_part(setting, '=', 1) name,
                   substr(setting, strpos(setting, '=') + 1) value,
                   LATERAL (SELECT coalesce(string_agg(quote_literal(
                                     CASE WHEN item[1] LIKE '"%'
                                          THEN replace(substr(item[1], 2, length(item[1]) - 2),
                                                       '""', '"')
                                          ELSE item[1] END), ', '), quote_literal('')) listed
                              FROM regexp_matches(value, '"(?:[^"]|"")*"|[^",[:space:]]+', 'g') item)
                           items
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
      for (int parameter = 2; parameter <= 10; parameter++) {
        query.setString(parameter, scratch);
      }
      query.setString(6, MARK);
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

  /** Whether there is such a database to which nobody may connect. */
  private boolean isClosed(Connection connection) throws SQLException {
    try (PreparedStatement query =
        connection.prepareStatement(
            "SELECT FROM pg_database WHERE datname = ? AND NOT datallowconn")) {
      query.setString(1, postgres.name());
      try (ResultSet closed = query.executeQuery()) {
        return closed.next();
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
      // What the journal says afterwards is on disk.
      execute(
          connection,
          "SELECT set_config('synchronous_commit', 'on', false)"
              + " WHERE current_setting('synchronous_commit') = 'off'");
      return connection;
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  private static String mark(RunId run) {
    return MARK + run;
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
