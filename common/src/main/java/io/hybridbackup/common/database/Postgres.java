package io.hybridbackup.common.database;

import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.process.ToolCommand;
import io.hybridbackup.common.process.ToolException;
import io.hybridbackup.common.settings.Settings;
import java.io.IOException;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.postgresql.ds.PGSimpleDataSource;

/** A configured database, and how to reach it. */
public final class Postgres {
  private static final Pattern VERSION = Pattern.compile("(\\d+)(\\.\\d+)*");
  private static final int CONNECT_SECONDS = 10;
  private static final int ANSWER_SECONDS = 600;

  private final Settings.Database database;

  public Postgres(Settings.Database database) {
    this.database = database;
  }

  /** The database's name on its server. */
  public String name() {
    return database.name();
  }

  public String user() {
    return database.user();
  }

  /** {@code name on host:port}, for messages. */
  @Override
  public String toString() {
    return database.name() + " on " + database.host() + ":" + database.port();
  }

  /** Another database on the same server, as the same user. */
  public Postgres sibling(String name) {
    return new Postgres(
        new Settings.Database(
            database.host(), database.port(), name, database.user(), database.passwordFile()));
  }

  /**
   * Connects. The caller closes the connection.
   *
   * @throws ComponentFailure that names the cause and the cure
   */
  public Connection connect() throws ComponentFailure {
    PGSimpleDataSource source = new PGSimpleDataSource();
    source.setServerNames(new String[] {database.host()});
    source.setPortNumbers(new int[] {database.port()});
    source.setDatabaseName(database.name());
    source.setUser(database.user());
    password().ifPresent(source::setPassword);
    source.setApplicationName("hybrid-backup");
    source.setConnectTimeout(CONNECT_SECONDS);
    source.setLoginTimeout(2 * CONNECT_SECONDS);
    source.setTcpKeepAlive(true);
    // Hardly a statement of ours takes longer; a host that has vanished would never say so.
    source.setSocketTimeout(ANSWER_SECONDS);
    try {
      return source.getConnection();
    } catch (SQLException e) {
      throw failure(e);
    }
  }

  /**
   * What a native client program needs to reach the database: nothing of it shows in its arguments.
   */
  public Map<String, String> toolEnvironment() throws ComponentFailure {
    Map<String, String> environment = new HashMap<>();
    environment.put("PGHOST", database.host());
    environment.put("PGPORT", Integer.toString(database.port()));
    environment.put("PGUSER", database.user());
    environment.put("PGDATABASE", database.name());
    environment.put("PGAPPNAME", "hybrid-backup");
    environment.put("PGCONNECT_TIMEOUT", Integer.toString(CONNECT_SECONDS));
    password().ifPresent(password -> environment.put("PGPASSWORD", password));
    return environment;
  }

  /** What an error of the server or of the way to it means for a run. */
  public ComponentFailure failure(SQLException e) {
    String state = e.getSQLState() == null ? "" : e.getSQLState();
    String said = String.valueOf(e.getMessage());
    if (has(e, UnknownHostException.class)) {
      return ComponentFailure.permanent(
          FailureCode.DATABASE_UNREACHABLE,
          "the host " + database.host() + " is not known; correct the host of database " + name(),
          e);
    }
    return switch (state) {
      case "28P01", "28000", "08004" ->
          ComponentFailure.permanent(
              FailureCode.DATABASE_AUTHENTICATION,
              "the server does not let user "
                  + user()
                  + " into database "
                  + this
                  + " ("
                  + said
                  + "); check user, password-file and pg_hba.conf",
              e);
      case "3D000" ->
          ComponentFailure.permanent(
              FailureCode.DATABASE_MISSING,
              "there is no database " + this + "; create it or correct its name",
              e);
      case "42501" ->
          ComponentFailure.permanent(
              FailureCode.DATABASE_PERMISSION,
              "user " + user() + " may not do that in database " + this + " (" + said + ")",
              e);
      case "53100" -> full(said, e);
      default ->
          state.startsWith("08") || state.startsWith("57P")
              ? ComponentFailure.passing(
                  FailureCode.DATABASE_UNREACHABLE,
                  "the database "
                      + this
                      + " does not answer ("
                      + said
                      + "); check that the server runs and accepts connections there",
                  e)
              : ComponentFailure.passing(
                  FailureCode.INTERNAL, "the database " + this + " says: " + said, e);
    };
  }

  /** What the failure of a native client program means for a run. */
  public ComponentFailure failure(ToolException e) {
    String said = e.errors();
    if (e.exitCode() == ToolException.NOT_STARTED) {
      return ComponentFailure.permanent(
          FailureCode.TOOL_MISSING,
          e.program() + " cannot be run: " + said + "; install the PostgreSQL client programs",
          e);
    }
    if (said.contains("server version mismatch")) {
      return ComponentFailure.permanent(
          FailureCode.TOOL_TOO_OLD,
          e.program() + " is older than the server of " + this + ": " + said,
          e);
    }
    // What they write themselves goes through a pipe, or not to a disk.
    if (said.contains("No space left on device")) {
      return full(said, e);
    }
    if (said.contains("permission denied")) {
      return ComponentFailure.permanent(
          FailureCode.DATABASE_PERMISSION,
          e.program()
              + " may not read or write everything in database "
              + this
              + " as user "
              + user()
              + ": "
              + said,
          e);
    }
    return ComponentFailure.passing(
        FailureCode.TOOL_FAILED,
        e.getMessage()
            + " (database "
            + this
            + "); check the disk and the version of "
            + e.program()
            + ", then ask again",
        e);
  }

  private ComponentFailure full(String said, Exception cause) {
    return ComponentFailure.permanent(
        FailureCode.DISK_FULL,
        "the disk of the server of database " + this + " is full (" + said + "); free some there",
        cause);
  }

  /**
   * The version of a native client program, such as {@code 15.18}.
   *
   * @throws ComponentFailure if it cannot be run
   */
  public static String toolVersion(NativeTools tools, String program)
      throws ComponentFailure, InterruptedException {
    try {
      String said = tools.run(ToolCommand.of(program, "--version"));
      Matcher version = VERSION.matcher(said);
      if (!version.find()) {
        throw ComponentFailure.permanent(
            FailureCode.TOOL_FAILED, program + " --version says nothing useful: " + said, null);
      }
      return version.group();
    } catch (ToolException e) {
      throw ComponentFailure.permanent(
          FailureCode.TOOL_MISSING,
          e.getMessage() + "; install the PostgreSQL client programs (postgresql-client)",
          e);
    }
  }

  /**
   * Refuses a client program that is older than the server it is to work with.
   *
   * @param serverVersion such as {@code 15.18}
   * @throws ComponentFailure that says which version to install
   */
  public void requireAtLeast(String program, String toolVersion, String serverVersion)
      throws ComponentFailure {
    int tool = major(toolVersion);
    int server = major(serverVersion);
    if (tool < server) {
      throw ComponentFailure.permanent(
          FailureCode.TOOL_TOO_OLD,
          program
              + " "
              + toolVersion
              + " cannot work with the PostgreSQL "
              + serverVersion
              + " server of database "
              + this
              + "; install postgresql-client-"
              + server
              + " or name a newer program under hybrid-backup.tools",
          null);
    }
  }

  /**
   * Refuses a pg_restore that is older than the pg_dump whose dump it is to read.
   *
   * @throws ComponentFailure that says which version to install
   */
  public static void requireReadable(String program, String toolVersion, String dumpedBy)
      throws ComponentFailure {
    if (major(toolVersion) < major(dumpedBy)) {
      throw ComponentFailure.permanent(
          FailureCode.TOOL_TOO_OLD,
          program
              + " "
              + toolVersion
              + " cannot read what pg_dump "
              + dumpedBy
              + " has written; install postgresql-client-"
              + major(dumpedBy)
              + " or name a newer program under hybrid-backup.tools",
          null);
    }
  }

  private static int major(String version) {
    Matcher matcher = VERSION.matcher(version);
    return matcher.find() ? Integer.parseInt(matcher.group(1)) : 0;
  }

  private Optional<String> password() throws ComponentFailure {
    Path file = database.passwordFile();
    if (file == null) {
      return Optional.empty();
    }
    try {
      List<String> lines = Files.readAllLines(file);
      if (lines.isEmpty() || lines.getFirst().isBlank()) {
        throw ComponentFailure.permanent(
            FailureCode.DATABASE_AUTHENTICATION,
            "the password file " + file + " is empty; put the password on its first line",
            null);
      }
      return Optional.of(lines.getFirst().strip());
    } catch (IOException e) {
      throw ComponentFailure.permanent(
          FailureCode.DATABASE_AUTHENTICATION,
          "the password file " + file + " cannot be read (" + e + "); correct password-file",
          e);
    }
  }

  private static boolean has(Throwable error, Class<?> type) {
    for (Throwable one = error; one != null; one = one.getCause()) {
      if (type.isInstance(one)) {
        return true;
      }
    }
    return false;
  }
}
