package io.hybridbackup.common.testing;

import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.settings.Settings;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.testcontainers.DockerClientFactory;

/**
 * A real PostgreSQL on the loopback address: of the programs that are installed, else in a
 * container.
 */
public final class PostgresTestServer implements AutoCloseable {
  public static final String HOST = "127.0.0.1";

  /** A superuser that the server trusts. */
  public static final String USER = "hybrid";

  /** A superuser that has to give {@link #PASSWORD}. */
  public static final String GUARDED_USER = "guarded";

  public static final String PASSWORD = "the password of the test server";

  static final String ACCESS =
      """
      local all all trust
      host all guarded all scram-sha-256
      host all all all trust
      host replication all all trust
      """;

  /** Where a server runs. */
  interface Engine {
    int port();

    /** Begins to start; the server answers some time later. */
    void start();

    /** Whether what was started is still there, ready or not. */
    boolean isRunning();

    /** What it has logged, to explain why it does not answer. */
    String log();

    void stop();

    /** Removes everything. */
    void remove();
  }

  private final Engine engine;
  private final @Nullable Path programs;

  private PostgresTestServer(Engine engine, @Nullable Path programs) {
    this.engine = engine;
    this.programs = programs;
  }

  /** Starts an empty server. The caller closes it. */
  public static PostgresTestServer start() {
    Optional<Path> programs = InstalledPostgres.programs();
    if (programs.isEmpty() && !DockerClientFactory.instance().isDockerAvailable()) {
      throw new AssertionError(
          "no PostgreSQL to test with: install it (apt-get install postgresql) or start a Docker"
              + " engine");
    }
    PostgresTestServer server =
        new PostgresTestServer(
            programs.<Engine>map(InstalledPostgres::new).orElseGet(ContainerPostgres::new),
            programs.orElse(null));
    try {
      server.restart();
      server.execute(
          "postgres",
          "SET password_encryption = 'scram-sha-256'; CREATE ROLE "
              + GUARDED_USER
              + " SUPERUSER LOGIN PASSWORD '"
              + PASSWORD
              + "'");
    } catch (Throwable e) {
      server.close();
      throw e;
    }
    return server;
  }

  /**
   * Starts a hot standby of this server, if its programs are installed. The caller closes it first.
   */
  public Optional<PostgresTestServer> startStandby() {
    if (programs == null) {
      return Optional.empty();
    }
    PostgresTestServer standby =
        new PostgresTestServer(InstalledPostgres.standby(programs, port()), programs);
    try {
      standby.restart();
    } catch (Throwable e) {
      standby.close();
      throw e;
    }
    return Optional.of(standby);
  }

  public int port() {
    return engine.port();
  }

  /** How a program is told to use a database of this server. */
  public Settings.Database settings(String database) {
    return new Settings.Database(HOST, port(), database, USER, null);
  }

  /** A client program of the server's own version if that is installed, else of any. */
  public String program(String name) {
    return programs == null ? name : programs.resolve(name).toString();
  }

  /** The address of a database for {@code psql}, {@code pg_dump} and the like. */
  public String url(String database) {
    return "postgresql://%s@%s:%d/%s".formatted(USER, HOST, port(), database);
  }

  /** The caller closes the connection. */
  public Connection connect(String database) throws SQLException {
    return DriverManager.getConnection(
        "jdbc:postgresql://%s:%d/%s?user=%s".formatted(HOST, port(), database, USER));
  }

  public void createDatabase(String database) {
    execute("postgres", "CREATE DATABASE \"" + database + "\"");
  }

  public void execute(String database, String sql) {
    try (Connection connection = connect(database);
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    } catch (SQLException e) {
      throw new AssertionError(sql + ": " + e.getMessage(), e);
    }
  }

  /** Ends every connection and stops answering; what has been committed is kept. */
  public void stop() {
    engine.stop();
  }

  /** Answers again after {@link #stop}, on the same port. */
  public void restart() {
    engine.start();
    try {
      await()
          .atMost(Duration.ofSeconds(60))
          .pollInterval(Duration.ofMillis(50))
          .failFast(() -> !engine.isRunning())
          .until(this::answers);
    } catch (RuntimeException e) {
      throw new AssertionError("PostgreSQL does not start: " + engine.log(), e);
    }
  }

  @Override
  public void close() {
    try {
      engine.stop();
    } finally {
      engine.remove();
    }
  }

  private boolean answers() {
    try (Connection connection = connect("postgres")) {
      return connection.isValid(1);
    } catch (SQLException e) {
      return false;
    }
  }
}
