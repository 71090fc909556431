package io.hybridbackup.restore;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.job.ComponentFailure;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.stream.Stream;

/** What a request chooses of a database; everything if it says nothing. */
record ChosenObjects(RestoreOptions options) {
  /**
   * As pg_restore takes them: each in one argument with its option, so that no name can be taken
   * for another option.
   */
  List<String> arguments() {
    return Stream.concat(
            schemas().stream().map(schema -> "--schema=" + schema),
            tables().stream().map(table -> "--table=" + table))
        .toList();
  }

  List<String> tables() {
    return options.tables() == null ? List.of() : options.tables();
  }

  List<String> schemas() {
    if (options.schemas() != null) {
      return options.schemas();
    }
    return options.selects() ? List.of("public") : List.of();
  }

  /** pg_restore makes what is in a schema, but not the schema. */
  void makeSchemas(Postgres database) throws ComponentFailure {
    try (Connection connection = database.connect()) {
      for (String schema : schemas()) {
        DatabaseTarget.execute(
            connection, "CREATE SCHEMA IF NOT EXISTS " + DatabaseTarget.quoted(schema));
      }
    } catch (SQLException e) {
      throw database.failure(e);
    }
  }

  /** pg_restore says nothing of what it does not find. */
  void requireRestored(Postgres database) throws ComponentFailure {
    try (Connection connection = database.connect()) {
      for (String table : tables()) {
        requireAny(
            connection,
            "SELECT FROM pg_class WHERE relname = ? AND oid >= 16384 AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')",
            table,
            "table");
      }
      if (options.tables() == null) {
        for (String schema : schemas()) {
          requireAny(
              connection,
              """
              SELECT FROM pg_namespace n
               WHERE nspname = ? AND nspname !~ '^(pg_|information_schema$)' AND (EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid)
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
}
