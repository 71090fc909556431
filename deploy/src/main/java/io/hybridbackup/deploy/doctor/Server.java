package io.hybridbackup.deploy.doctor;

import java.sql.Connection;
import java.sql.SQLException;

/** A PostgreSQL server. */
final class Server {
  private Server() {}

  /** Such as {@code 15.18}; distributions add their own to the number. */
  static String version(Connection connection) throws SQLException {
    return connection.getMetaData().getDatabaseProductVersion().split(" ", 2)[0];
  }
}
