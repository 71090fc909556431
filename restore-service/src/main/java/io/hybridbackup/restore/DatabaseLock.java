package io.hybridbackup.restore;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.StoppedException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The right to change which database has the target's name, and who may connect to it. It is an
 * advisory lock of the server and lives as long as its connection, over which all of that is done:
 * a later epoch ends the connection of an earlier one, and nothing that that one still tries gets
 * through.
 */
final class DatabaseLock implements AutoCloseable {
  /** Tells this product's advisory locks from others. */
  private static final String LOCKS = "hybrid-backup restores to ";

  /** How the session is called that is in the target to roll back what is prepared there. */
  private static final String ROLLING_BACK = "hybrid-backup-rolling-back";

  private static final String NOT_ALLOWED = "42501";
  private static final String IN_USE = "55006";
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final Postgres target;
  private final Connection connection;

  /** Inside the target, where nobody else may be any more; there if something is rolled back. */
  private @Nullable Connection within;

  private DatabaseLock(Postgres target, Connection connection) {
    this.target = target;
    this.connection = connection;
  }

  /**
   * Waits for the lock, and ends the connection of whoever holds it.
   *
   * @param connection to another database of the server; becomes the lock's
   * @throws StoppedException if another epoch has taken over
   */
  static DatabaseLock take(Postgres target, Connection connection, Journal journal)
      throws ComponentFailure, InterruptedException {
    DatabaseLock lock = new DatabaseLock(target, connection);
    boolean taken = false;
    try {
      long end = System.nanoTime() + PATIENCE.toNanos();
      journal.requireCharge();
      while (!lock.tryTake()) {
        if (System.nanoTime() > end) {
          throw ComponentFailure.passing(
              FailureCode.TARGET_IN_USE,
              "another restore to " + target + " is at work and does not stop; stop its service",
              null);
        }
        journal.requireCharge();
        lock.endHolders();
        lock.pause();
      }
      lock.endRollingBack();
      // Only now, as nobody can take over from here on without ending this connection.
      journal.requireCharge();
      taken = true;
      return lock;
    } catch (SQLException e) {
      throw target.failure(e);
    } finally {
      if (!taken) {
        lock.close();
      }
    }
  }

  /** The number of the database of that name; null if there is none. */
  static @Nullable Long number(Connection connection, String name) throws SQLException {
    try (PreparedStatement query =
        connection.prepareStatement("SELECT oid FROM pg_database WHERE datname = ?")) {
      query.setString(1, name);
      try (ResultSet row = query.executeQuery()) {
        return row.next() ? row.getLong(1) : null;
      }
    }
  }

  /** Whether the next database has the target's name. */
  boolean isExchanged(Exchange.Databases exchange) throws ComponentFailure {
    try {
      Long named = number(connection, exchange.name());
      return exchange.next() == null
          ? named == null && has(exchange.keptAs(), exchange.previous())
          : exchange.next().equals(named);
    } catch (SQLException e) {
      throw target.failure(e);
    }
  }

  /**
   * Lets nobody connect any more to the target, nor to what takes its place. Nobody has any
   * business there yet: sessions are ended.
   *
   * @param ending whether sessions at the target are ended; else they must end by themselves within
   *     a while
   * @param rollingBack whether prepared transactions will be rolled back; else there must be none
   */
  void block(Exchange.Databases exchange, boolean ending, boolean rollingBack)
      throws ComponentFailure {
    try {
      requireUnchanged(exchange);
      String nextName = exchange.nextName();
      if (nextName != null && has(nextName, exchange.next())) {
        close(nextName, true);
      }
      if (exchange.previous() != null) {
        if (rollingBack && !prepared(connection, exchange.name()).isEmpty()) {
          enter(exchange.name());
        }
        close(exchange.name(), ending);
      }
    } catch (SQLException e) {
      throw target.failure(e);
    }
  }

  private void close(String name, boolean ending) throws SQLException, ComponentFailure {
    allowConnections(name, false);
    long end = System.nanoTime() + PATIENCE.toNanos();
    for (List<String> users = sessions(name, ending);
        !users.isEmpty();
        users = sessions(name, ending)) {
      if (System.nanoTime() > end) {
        throw ComponentFailure.permanent(
            ending ? FailureCode.DATABASE_PERMISSION : FailureCode.TARGET_NOT_EMPTY,
            "sessions of "
                + users
                + " are connected to database "
                + name
                + " and do not end; stop them",
            null);
      }
      pause();
    }
  }

  /** Prepared transactions can only be rolled back from within their database. */
  private void enter(String name) throws SQLException, ComponentFailure {
    if (within == null) {
      // An earlier try may have got further.
      allowConnections(name, true);
      within = target.connect();
      DatabaseTarget.execute(within, "SET application_name = '" + ROLLING_BACK + "'");
    }
  }

  /** The prepared transactions of the database of that name, as SQL writes them. */
  static List<String> prepared(Connection connection, String name) throws SQLException {
    List<String> transactions = new ArrayList<>();
    try (PreparedStatement query =
        connection.prepareStatement(
            "SELECT quote_literal(gid) FROM pg_prepared_xacts WHERE database = ?")) {
      query.setString(1, name);
      try (ResultSet rows = query.executeQuery()) {
        while (rows.next()) {
          transactions.add(rows.getString(1));
        }
      }
    }
    return transactions;
  }

  /**
   * What has been rolled back stays so, whatever comes after it: it is the last thing before the
   * names change.
   *
   * @return what has been
   */
  private List<String> rollBackPrepared(String name) throws SQLException {
    Connection inside = within;
    if (inside == null) {
      return List.of();
    }
    List<String> transactions = prepared(connection, name);
    for (String transaction : transactions) {
      DatabaseTarget.execute(inside, "ROLLBACK PREPARED " + transaction);
    }
    inside.close();
    within = null;
    return transactions;
  }

  /** Both names change at once. */
  void exchange(Exchange.Databases exchange) throws ComponentFailure {
    List<String> rolledBack = List.of();
    try {
      requireUnchanged(exchange);
      rolledBack = rollBackPrepared(exchange.name());
      connection.setAutoCommit(false);
      if (exchange.previous() != null) {
        rename(exchange.name(), exchange.keptAs());
      }
      if (exchange.next() != null) {
        String nextName = String.valueOf(exchange.nextName());
        if (!has(nextName, exchange.next())) {
          throw ComponentFailure.permanent(
              FailureCode.DATABASE_MISSING,
              "the database " + nextName + ", which was to take the target's name, has gone",
              null);
        }
        rename(nextName, exchange.name());
        allowConnections(exchange.name(), !exchange.closed());
      }
      connection.commit();
    } catch (SQLException e) {
      throw IN_USE.equals(e.getSQLState())
          ? ComponentFailure.permanent(
              FailureCode.TARGET_NOT_EMPTY,
              "database "
                  + exchange.name()
                  + " cannot be exchanged while somebody is connected to it, or to what takes its"
                  + " place; end the connection: "
                  + e
                  + (rolledBack.isEmpty() ? "" : "; rolled back there were by then " + rolledBack),
              e)
          : target.failure(e);
    } finally {
      settle();
    }
  }

  /** Lets everybody connect to the target again who could before. */
  void unblock(Exchange.Databases exchange) throws ComponentFailure {
    try {
      if (has(exchange.name(), exchange.previous())) {
        allowConnections(exchange.name(), !exchange.closed());
      }
    } catch (SQLException e) {
      throw target.failure(e);
    }
  }

  /** Lets the lock go. */
  @Override
  public void close() {
    try (Connection inside = within) {
      connection.close();
    } catch (SQLException e) {
      throw new IllegalStateException("a connection could not be closed", e);
    }
  }

  private boolean tryTake() throws SQLException {
    try (PreparedStatement query = connection.prepareStatement("SELECT pg_try_advisory_lock(?)")) {
      query.setLong(1, key());
      try (ResultSet row = query.executeQuery()) {
        return row.next() && row.getBoolean(1);
      }
    }
  }

  /** Another for every name, as far as 64 bits can be: whoever has the same one is ended. */
  private long key() {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256")
              .digest((LOCKS + target.name()).getBytes(StandardCharsets.UTF_8));
      return ByteBuffer.wrap(hash).getLong();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  private void endHolders() throws SQLException {
    try (PreparedStatement query =
        connection.prepareStatement(
            """
            SELECT pg_terminate_backend(pid) FROM pg_locks
             WHERE locktype = 'advisory' AND objsubid = 1 AND granted
               AND (classid::bigint << 32) | objid::bigint = ?
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """)) {
      query.setLong(1, key());
      boolean _ = query.execute();
    }
  }

  /** An earlier epoch may have been frozen on its way. */
  private void endRollingBack() throws SQLException {
    try (PreparedStatement query =
        connection.prepareStatement(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = ? AND application_name = ? AND usename = current_user
            """)) {
      query.setString(1, target.name());
      query.setString(2, ROLLING_BACK);
      boolean _ = query.execute();
    }
  }

  private void requireUnchanged(Exchange.Databases exchange) throws SQLException, ComponentFailure {
    Long named = number(connection, exchange.name());
    boolean unchanged =
        exchange.previous() == null ? named == null : exchange.previous().equals(named);
    if (!unchanged) {
      throw ComponentFailure.permanent(
          FailureCode.TARGET_NOT_EMPTY,
          "the target database "
              + target
              + " is another one than when the restore began; ask again",
          null);
    }
  }

  private boolean has(String name, @Nullable Long number) throws SQLException {
    return number != null && number.equals(number(connection, name));
  }

  /**
   * Who is connected. Only autovacuum has no user, which is all that others than superusers see of
   * it, and a renaming ends it.
   */
  private List<String> sessions(String name, boolean ending) throws SQLException {
    List<Integer> processes = new ArrayList<>();
    List<String> users = new ArrayList<>();
    try (PreparedStatement query =
        connection.prepareStatement(
            """
            SELECT pid, coalesce(usename, '?') FROM pg_stat_activity
             WHERE datname = ? AND usesysid IS NOT NULL
               AND NOT (? AND application_name = ?)
            """)) {
      query.setString(1, name);
      query.setBoolean(2, within != null);
      query.setString(3, ROLLING_BACK);
      try (ResultSet rows = query.executeQuery()) {
        while (rows.next()) {
          processes.add(rows.getInt(1));
          users.add(rows.getString(2));
        }
      }
    }
    if (ending) {
      for (int process : processes) {
        end(process);
      }
    }
    return users;
  }

  private void end(int process) throws SQLException {
    try (PreparedStatement call = connection.prepareStatement("SELECT pg_terminate_backend(?)")) {
      call.setInt(1, process);
      boolean _ = call.execute();
    } catch (SQLException e) {
      // It may still end by itself; who it is will be said if not.
      if (!NOT_ALLOWED.equals(e.getSQLState())) {
        throw e;
      }
    }
  }

  private void allowConnections(String name, boolean allowed) throws SQLException {
    DatabaseTarget.execute(
        connection,
        "ALTER DATABASE " + DatabaseTarget.quoted(name) + " ALLOW_CONNECTIONS " + allowed);
  }

  private void rename(String from, String to) throws SQLException {
    DatabaseTarget.execute(
        connection,
        "ALTER DATABASE "
            + DatabaseTarget.quoted(from)
            + " RENAME TO "
            + DatabaseTarget.quoted(to));
  }

  /** Gives up what has not been committed. */
  private void settle() throws ComponentFailure {
    try {
      if (!connection.isClosed() && !connection.getAutoCommit()) {
        connection.rollback();
        connection.setAutoCommit(true);
      }
    } catch (SQLException e) {
      throw target.failure(e);
    }
  }

  private void pause() throws SQLException {
    DatabaseTarget.execute(connection, "SELECT pg_sleep(0.1)");
  }
}
