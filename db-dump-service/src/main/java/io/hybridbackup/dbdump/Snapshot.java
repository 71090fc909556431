package io.hybridbackup.dbdump;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.job.ComponentFailure;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.time.OffsetDateTime;

/**
 * A view of the database as it was at one instant, T, that pg_dump can share. Works on a hot
 * standby too.
 *
 * @param id for {@code pg_dump --snapshot}
 * @param takenAt T by the server's clock
 * @param lsn the position of the write-ahead log at T; on a standby, of its replay
 * @param tableBytes size of the tables on the server's disk: about what a dump will have
 */
record Snapshot(String id, Instant takenAt, String lsn, long tableBytes) {

  /** Takes a snapshot that lasts until the connection is closed. */
  static Snapshot take(Connection connection, Postgres postgres) throws ComponentFailure {
    try (Statement statement = connection.createStatement()) {
      // Whatever the server's defaults are, the snapshot must outlive the dump.
      statement.execute("SET idle_in_transaction_session_timeout = 0");
      statement.execute("SET statement_timeout = 0");
      // PostgreSQL has this one from version 17 on.
      statement.execute(
          "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'");
      // It must not outlive its client in a long query. From version 14 on, where the system can.
      statement.execute(
          """
          SELECT set_config(name, '10s', false) FROM pg_settings
           WHERE name = 'client_connection_check_interval' AND version() ~ 'linux'
          """);
      connection.setAutoCommit(false);
      connection.setReadOnly(true);
      connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
      try (ResultSet row =
          statement.executeQuery(
              """
              SELECT pg_export_snapshot(),
                     statement_timestamp(),
                     CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                          ELSE pg_current_wal_lsn() END::text,
                     (SELECT coalesce(sum(pg_table_size(c.oid)), 0)
                        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                       WHERE c.relkind IN ('r', 'm')
                         AND n.nspname !~ '^(pg_|information_schema$)')
              """)) {
        row.next();
        return new Snapshot(
            row.getString(1),
            row.getObject(2, OffsetDateTime.class).toInstant(),
            row.getString(3),
            row.getLong(4));
      }
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }
}
