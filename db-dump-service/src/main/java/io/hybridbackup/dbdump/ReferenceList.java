package io.hybridbackup.dbdump;

import io.hybridbackup.common.archive.EntryPath;
import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.MediaReferences;
import io.hybridbackup.common.job.StoppedException;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.store.Upload;
import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.zip.GZIPOutputStream;
import org.postgresql.core.BaseConnection;
import org.postgresql.core.QueryExecutor;

/** Lists what a database's rows refer to, row by row. */
final class ReferenceList {
  private static final int ROWS_AT_A_TIME = 10_000;
  private static final int BUFFER_BYTES = 64 * 1024;

  private ReferenceList() {}

  /**
   * Puts the paths that a query yields into the store.
   *
   * @param connection its transaction holds the snapshot and may not write
   * @param query as it is configured
   * @param key where nobody else writes
   * @throws ComponentFailure if the query cannot be carried out
   */
  static MediaReferences write(
      Connection connection,
      Postgres postgres,
      String query,
      Work work,
      ObjectStore store,
      ObjectKey key)
      throws ComponentFailure, StoppedException {
    try (Statement statement = connection.createStatement()) {
      // It may take as long as the run may.
      connection.setNetworkTimeout(Runnable::run, 0);
      // The server goes on with a query whose client has gone, and keeps the snapshot for it. The
      // statement could cancel nothing while rows are fetched, or once the connection is broken.
      QueryExecutor session = connection.unwrap(BaseConnection.class).getQueryExecutor();
      AutoCloseable cancellation = work.own(session::sendQueryCancel);
      boolean ended = false;
      try {
        MediaReferences listed = write(statement, query, store, key);
        ended = true;
        return listed;
      } finally {
        work.disown(cancellation);
        if (!ended) {
          session.sendQueryCancel();
        }
      }
    } catch (SQLException e) {
      throw failure(postgres, e);
    } catch (IOException e) {
      throw ComponentFailure.passing(
          FailureCode.INTERNAL, "the list of references could not be stored: " + e.getMessage(), e);
    }
  }

  private static MediaReferences write(
      Statement statement, String query, ObjectStore store, ObjectKey key)
      throws SQLException, IOException {
    try (Upload upload = store.upload(key);
        GZIPOutputStream gzip = new GZIPOutputStream(upload, BUFFER_BYTES);
        DataOutputStream list =
            new DataOutputStream(new BufferedOutputStream(gzip, BUFFER_BYTES))) {
      statement.setFetchSize(ROWS_AT_A_TIME);
      long count = 0;
      try (ResultSet rows = statement.executeQuery(nested(query))) {
        while (rows.next()) {
          byte[] path = rows.getBytes(1);
          if (path != null && path.length > 0) {
            int bytes = Math.min(path.length, EntryPath.LONGEST + 1);
            list.writeInt(bytes);
            list.write(path, 0, bytes);
            count++;
          }
        }
      }
      list.flush();
      gzip.finish();
      StoredObject object = upload.complete();
      return new MediaReferences(count, new Slice(key, object.etag(), 0, object.bytes()));
    }
  }

  /** As a subquery it can be nothing but one query; a comment at its end must not hide the rest. */
  private static String nested(String query) {
    return "SELECT * FROM (" + query.replaceAll("[;\\s]+$", "") + "\n) AS referenced";
  }

  private static ComponentFailure failure(Postgres postgres, SQLException e) {
    String state = e.getSQLState() == null ? "" : e.getSQLState();
    if (state.startsWith("08") || state.startsWith("57P")) {
      return postgres.failure(e);
    }
    String message =
        "the query of media-references fails in database "
            + postgres
            + " ("
            + e.getMessage()
            + "); correct it, or let user "
            + postgres.user()
            + " read what it reads";
    // Classes of what will be the same the next time: data, what may not be done, names and rights.
    return state.matches("(22|25|0A|42).*")
        ? ComponentFailure.permanent(FailureCode.MEDIA_REFERENCES_FAILED, message, e)
        : ComponentFailure.passing(FailureCode.MEDIA_REFERENCES_FAILED, message, e);
  }
}
