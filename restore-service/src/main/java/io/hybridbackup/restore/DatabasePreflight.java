package io.hybridbackup.restore;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.Dependent;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.job.ComponentFailure;
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
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Finds out what would keep a database from being restored, before anything is changed. */
final class DatabasePreflight {
  /** The number that PostgreSQL gives the first object which is not its own. */
  private static final int FIRST_USER_OBJECT = 16384;

  /** Where what users make is listed. Its relations are only those that a user makes himself. */
  private static final Map<String, String> CATALOGUES =
      Map.ofEntries(
          Map.entry(
              "pg_class",
              "relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND relpersistence <> 't'"),
          Map.entry("pg_type", "typtype IN ('b', 'c', 'd', 'e', 'r')"),
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

  /**
   * A query for what users have made, as {@code class} and {@code oid}: nothing that is an
   * extension's or a part of something else.
   */
  static final String OBJECTS =
      CATALOGUES.entrySet().stream()
          .map(catalogue ->
              ("SELECT '%1$s'::regclass AS class, oid FROM %1$s o WHERE oid >= %2$d AND %3$s AND NOT"
                      + " EXISTS (SELECT FROM pg_depend d WHERE d.classid = '%1$s'::regclass"
                      + " AND d.objid = o.oid AND d.objsubid = 0 AND d.deptype IN ('e', 'i'))")
                  .formatted(catalogue.getKey(), FIRST_USER_OBJECT, catalogue.getValue()))
          .collect(Collectors.joining(" UNION ALL "));

  private final Postgres postgres;

  DatabasePreflight(Postgres postgres) {
    this.postgres = postgres;
  }

  /**
   * Makes sure that the target can get another name.
   *
   * @param overridden what it may have all the same
   * @return for people: what stays with it then
   */
  List<String> requireExchangeable(
      Connection connection, boolean replacing, Predicate<Dependent> overridden)
      throws SQLException, ComponentFailure {
    requireRight(connection);
    if (DatabaseLock.number(connection, postgres.name()) == null) {
      return List.of();
    }
    requireOwnership(connection);
    if (!replacing) {
      requireNoObjects(postgres);
      return List.of();
    }
    requireSessionsCanBeEnded(connection);
    return dependents(connection, overridden, false);
  }

  /**
   * Makes sure that the target can be overwritten where it is.
   *
   * @param overridden what it may have all the same
   * @return for people: what becomes of that
   */
  List<String> requireOverwritable(Connection connection, Predicate<Dependent> overridden)
      throws SQLException, ComponentFailure {
    requireRightToMakeSchemas(connection);
    requireRightToDrop(connection);
    return dependents(connection, overridden, true);
  }

  private void requireRightToMakeSchemas(Connection connection)
      throws SQLException, ComponentFailure {
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery("SELECT has_database_privilege(current_database(), 'CREATE')")) {
      if (!row.next() || !row.getBoolean(1)) {
        throw ComponentFailure.permanent(
            FailureCode.DATABASE_PERMISSION,
            "user %s may not make schemas in the database %s, which a restore in place needs; run: GRANT CREATE ON DATABASE %s TO %s"
                .formatted(
                    postgres.user(),
                    postgres,
                    DatabaseTarget.quoted(postgres.name()),
                    DatabaseTarget.quoted(postgres.user())),
            null);
      }
    }
  }

  /** Of the kinds of objects that there are everywhere. */
  private void requireRightToDrop(Connection connection) throws SQLException, ComponentFailure {
    try (PreparedStatement query =
            connection.prepareStatement(
                """
                SELECT i.type || ' ' || i.identity, pg_get_userbyid(owner)
                  FROM (%s) o
                  LEFT JOIN pg_class c ON o.class = 'pg_class'::regclass AND c.oid = o.oid
                  LEFT JOIN pg_proc p ON o.class = 'pg_proc'::regclass AND p.oid = o.oid
                  LEFT JOIN pg_type t ON o.class = 'pg_type'::regclass AND t.oid = o.oid
                  LEFT JOIN pg_namespace own ON o.class = 'pg_namespace'::regclass AND own.oid = o.oid
                  LEFT JOIN pg_namespace n ON n.oid IN (relnamespace, pronamespace, typnamespace),
                  coalesce(relowner, proowner, typowner, own.nspowner) owner,
                  pg_identify_object(o.class, o.oid, 0) i
                 WHERE NOT pg_has_role(owner, 'USAGE')
                   AND NOT coalesce(pg_has_role(n.nspowner, 'USAGE'), false)
                 LIMIT 1
                """
                    .formatted(OBJECTS));
        ResultSet found = query.executeQuery()) {
      if (found.next()) {
        throw ComponentFailure.permanent(
            FailureCode.DATABASE_PERMISSION,
            "user %s may not drop %s of the database %s, which a restore in place needs; run: GRANT %s TO %s"
                .formatted(
                    postgres.user(),
                    found.getString(1),
                    postgres,
                    DatabaseTarget.quoted(found.getString(2)),
                    DatabaseTarget.quoted(postgres.user())),
            null);
      }
    }
  }

  /** The schemas that belong to extensions or hold one. */
  static Set<String> schemasOfExtensions(Connection connection) throws SQLException {
    return known(
        connection,
        """
        SELECT nspname FROM pg_namespace n
         WHERE EXISTS (SELECT FROM pg_extension WHERE extnamespace = n.oid)
            OR EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid
                          AND d.deptype = 'e')
        """);
  }

  /**
   * Makes sure that the target itself has what the dump names and a restore in place does not make.
   *
   * @param owners whether owners and grants are restored
   * @param showingGlobals the command that shows how roles can be made; null if there is none
   */
  void requireThere(
      Connection connection, DumpSchema dump, boolean owners, @Nullable String showingGlobals)
      throws SQLException, ComponentFailure {
    requireRoles(connection, dump, owners, showingGlobals);
    requireAll(
        dump.extensions(),
        octets(connection, "extname", "pg_extension"),
        "extensions",
        "the database",
        "make them there (CREATE EXTENSION); a restore in place keeps extensions and makes none");
  }

  /**
   * Makes sure that the server has what the dump names.
   *
   * @param owners whether owners and grants are restored, if the user may do that
   * @param extensions whether extensions are made
   * @param showingGlobals the command that shows how roles can be made; null if there is none
   */
  void requireWanted(
      Connection connection,
      DumpSchema dump,
      boolean owners,
      boolean extensions,
      @Nullable String showingGlobals)
      throws SQLException, ComponentFailure {
    requireRoles(connection, dump, owners && isSuperuser(connection), showingGlobals);
    if (extensions) {
      requireExtensions(connection, dump.extensions());
    }
  }

  /** Makes sure that a new database can be made from that one, and then has what the dump names. */
  void requireTemplate(Connection connection, String name, DumpSchema dump)
      throws SQLException, ComponentFailure {
    try (PreparedStatement query =
        connection.prepareStatement(
            """
            SELECT datistemplate OR pg_has_role(datdba, 'USAGE'), pg_encoding_to_char(encoding),
                   datcollate, datctype
              FROM pg_database WHERE datname = ?
            """)) {
      query.setString(1, name);
      try (ResultSet row = query.executeQuery()) {
        if (!row.next()) {
          throw ComponentFailure.permanent(
              FailureCode.DATABASE_MISSING,
              "there is no database %s on the server of %s, which the target has for its template; make it, and in it the extensions that are to be there"
                  .formatted(name, postgres),
              null);
        }
        if (!row.getBoolean(1)) {
          throw ComponentFailure.permanent(
              FailureCode.DATABASE_PERMISSION,
              "user %s may not make databases from %s; run: ALTER DATABASE %s IS_TEMPLATE true"
                  .formatted(postgres.user(), name, DatabaseTarget.quoted(name)),
              null);
        }
        requireSame(name, "ENCODING", row.getString(2), dump);
        requireSame(name, "LOCALE", row.getString(3), dump);
        requireSame(name, "LC_COLLATE", row.getString(3), dump);
        requireSame(name, "LC_CTYPE", row.getString(4), dump);
      }
    }
    Postgres template = postgres.sibling(name);
    try (Connection within = template.connect()) {
      requireNothingBut(within, template);
      requireAll(
          dump.extensions(),
          octets(within, "extname", "pg_extension"),
          "extensions",
          "the template " + name + " of",
          "make them there (CREATE EXTENSION), as a superuser where they are not trusted");
    }
  }

  private void requireSame(String template, String property, String has, DumpSchema dump)
      throws ComponentFailure {
    Optional<String> wants = dump.property(property);
    if (wants.isPresent() && !wants.get().equals(has)) {
      throw ComponentFailure.permanent(
          FailureCode.TOOL_FAILED,
          "the dump wants a database with %s %s, and the template %s on the server of %s has %s; make that anew: CREATE DATABASE %s TEMPLATE template0%s"
              .formatted(
                  property,
                  wants.get(),
                  template,
                  postgres,
                  has,
                  DatabaseTarget.quoted(template),
                  dump.properties()),
          null);
    }
  }

  /** Of an extension's schema the dump's own is left out. */
  private static void requireNothingBut(Connection connection, Postgres template)
      throws SQLException, ComponentFailure {
    try (Statement statement = connection.createStatement();
        ResultSet found =
            statement.executeQuery(
                "SELECT i.type || ' ' || i.identity FROM ("
                    + OBJECTS
                    + ") o, pg_identify_object(o.class, o.oid, 0) i"
                    + " WHERE class NOT IN ('pg_namespace'::regclass, 'pg_extension'::regclass)"
                    + " OR class = 'pg_namespace'::regclass AND NOT EXISTS"
                    + " (SELECT FROM pg_extension WHERE extnamespace = o.oid) LIMIT 1")) {
      if (found.next()) {
        throw ComponentFailure.permanent(
            FailureCode.TARGET_NOT_EMPTY,
            "the template %s has more in it than extensions and their schemas (%s), and so would every database that is restored; drop that"
                .formatted(template, found.getString(1)),
            null);
      }
    }
  }

  private void requireRoles(
      Connection connection, DumpSchema dump, boolean owners, @Nullable String showingGlobals)
      throws SQLException, ComponentFailure {
    Set<String> known = octets(connection, "rolname", "pg_roles");
    String remedy = "make them (" + (showingGlobals == null ? "CREATE ROLE" : showingGlobals) + ")";
    requireAll(
        dump.bound(), known, "roles for its policies or user mappings", "the server of", remedy);
    if (owners) {
      requireAll(
          dump.roles(),
          known,
          "roles",
          "the server of",
          remedy + ", or ask for owners to be left out (--no-owner)");
    }
  }

  private void requireExtensions(Connection connection, Set<String> wanted)
      throws SQLException, ComponentFailure {
    requireAll(
        wanted,
        octets(connection, "name", "pg_available_extensions"),
        "extensions",
        "the server of",
        "install their packages on the server");
    if (!isSuperuser(connection)) {
      requireAll(
          wanted,
          octets(connection, "name", "pg_available_extension_versions WHERE trusted"),
          "extensions that user " + postgres.user() + " may make",
          "the server of",
          "as these are not trusted, make them in a database that the target names as its template"
              + " (targets.NAME.template), or restore as a superuser");
    }
  }

  private void requireAll(
      Set<String> wanted, Set<String> known, String what, String where, String remedy)
      throws ComponentFailure {
    Set<String> missing = new TreeSet<>(wanted);
    missing.removeAll(known);
    if (!missing.isEmpty()) {
      throw ComponentFailure.permanent(
          FailureCode.DATABASE_PERMISSION,
          "the dump wants %s which %s %s does not have: %s; %s"
              .formatted(
                  what, where, postgres, DumpSchema.text(String.join(", ", missing)), remedy),
          null);
    }
  }

  /** Names as {@link DumpSchema} has them, valid in the database's encoding or not. */
  private static Set<String> octets(Connection connection, String name, String from)
      throws SQLException {
    Set<String> octets = new TreeSet<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT decode(replace(%s, '\\', '\\\\'), 'escape') FROM %s"
                    .formatted(name, from))) {
      while (rows.next()) {
        octets.add(new String(rows.getBytes(1), ISO_8859_1));
      }
    }
    return octets;
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

  private static void requireNoObjects(Postgres database) throws ComponentFailure {
    // Large objects have the numbers that their makers choose.
    String query =
        "SELECT class FROM ("
            + OBJECTS
            + ") o UNION ALL SELECT 'pg_largeobject_metadata'::regclass FROM pg_largeobject_metadata"
            + " LIMIT 1";
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
                + DatabaseTarget.quoted(postgres.user())
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
                  + DatabaseTarget.quoted(row.getString(2))
                  + " TO "
                  + DatabaseTarget.quoted(postgres.user()),
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
               AND s.usesysid IS NOT NULL
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
                  + DatabaseTarget.quoted(postgres.user())
                  + " (which does not do for superusers)",
              null);
        }
      }
    }
  }

  /**
   * What refers to the database by its number stays with it when it gets another name, and there
   * when it is overwritten.
   */
  private List<String> dependents(
      Connection connection, Predicate<Dependent> overridden, boolean inPlace)
      throws SQLException, ComponentFailure {
    List<String> staying = new ArrayList<>();
    try (PreparedStatement query =
        connection.prepareStatement(
            """
            SELECT 'prepared-transactions', 'prepared transaction ' || gid, 'commit or roll it back',
                   owner <> current_user
              FROM pg_prepared_xacts WHERE database = ?
            UNION ALL
            SELECT 'replication-slots', 'logical replication slot ' || slot_name,
                   'drop it with its subscriber', false
              FROM pg_replication_slots WHERE database = ?
            UNION ALL
            SELECT 'subscriptions', 'subscription ' || subname, 'drop it', false
              FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = ?
            """)) {
      for (int parameter = 1; parameter <= 3; parameter++) {
        query.setString(parameter, postgres.name());
      }
      try (ResultSet row = query.executeQuery()) {
        while (row.next()) {
          Dependent dependent = Dependent.ofLabel(row.getString(1));
          if (!overridden.test(dependent)) {
            throw ComponentFailure.permanent(
                FailureCode.TARGET_IN_USE,
                "the target database %s has a %s; %s, or go on in spite of it (--override %s)"
                    .formatted(postgres, row.getString(2), row.getString(3), dependent.label()),
                null);
          }
          if (row.getBoolean(4) && !isSuperuser(connection)) {
            throw ComponentFailure.permanent(
                FailureCode.DATABASE_PERMISSION,
                "the target database %s has a %s, which only a superuser or the user that prepared it may roll back; %s"
                    .formatted(postgres, row.getString(2), row.getString(3)),
                null);
          }
          staying.add(
              row.getString(2)
                  + (inPlace ? afterOverwriting(dependent) : afterExchanging(dependent)));
        }
      }
    }
    return staying;
  }

  private static String afterExchanging(Dependent dependent) {
    return switch (dependent) {
      case PREPARED_TRANSACTIONS -> " has been rolled back";
      case REPLICATION_SLOTS ->
          " stays with the database that was replaced; drop it and make a new one";
      case SUBSCRIPTIONS ->
          " stays with the database that was replaced, which cannot be removed while it has one";
    };
  }

  private static String afterOverwriting(Dependent dependent) {
    return switch (dependent) {
      case PREPARED_TRANSACTIONS -> " has been rolled back";
      case REPLICATION_SLOTS ->
          " stays, and its subscriber does not notice that everything is another; drop both and"
              + " make them anew";
      case SUBSCRIPTIONS ->
          " stays, and brings nothing for the new tables; run: ALTER SUBSCRIPTION ... REFRESH"
              + " PUBLICATION";
    };
  }

  /** The subscriptions of the database. */
  static Set<String> subscriptions(Connection connection) throws SQLException {
    return known(
        connection,
        """
        SELECT subname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
         WHERE d.datname = current_database()
        """);
  }

  static boolean isSuperuser(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")) {
      return row.next() && row.getBoolean(1);
    }
  }
}
