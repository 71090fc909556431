package io.hybridbackup.dbdump;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.MediaReferences;
import io.hybridbackup.common.job.TestWork;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.testing.PostgresTestServer;
import java.io.DataInputStream;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class ReferenceListIT {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  /** Sooner than the server finds out by itself that its client has gone. */
  private static final Duration SOON = Duration.ofSeconds(5);

  private static final String STUCK = "SELECT 'path' FROM pg_sleep(600)";

  /** The first rows come at once. */
  private static final String STUCK_LATER =
      "SELECT 'path' FROM generate_series(1, 10000) UNION ALL " + STUCK;

  private static PostgresTestServer server;

  @BeforeAll
  static void start() {
    server = PostgresTestServer.start();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @Test
  void shouldWaitLongerForTheQueryThanForAnyOtherAnswer() throws Exception {
    // given
    try (Listing listing = new Listing()) {
      listing.connection.setNetworkTimeout(Runnable::run, 1000);

      // when
      MediaReferences listed = listing.write("SELECT 'path' FROM pg_sleep(3)");

      // then
      assertThat(listed.count()).isEqualTo(1);
    }
    await().atMost(SOON).untilAsserted(() -> assertThat(sessions()).isEmpty());
  }

  @Test
  void shouldKeepOfWhatCanBeNoPathNoMoreThanItTakesToSeeThat() throws Exception {
    // given
    try (Listing listing = new Listing()) {

      // when
      MediaReferences listed =
          listing.write("SELECT repeat('x', n) FROM unnest(ARRAY[4104, 4105, 9000000]) AS n");

      // then
      assertThat(listed.count()).isEqualTo(3);
      try (DataInputStream list =
          new DataInputStream(new GZIPInputStream(listing.store.open(listed.list())))) {
        for (int bytes : new int[] {4104, 4105, 4105}) {
          assertThat(list.readInt()).isEqualTo(bytes);
          assertThat(list.readNBytes(bytes)).hasSize(bytes).containsOnly('x');
        }
        assertThat(list.read()).isEqualTo(-1);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {STUCK, STUCK_LATER})
  void shouldLetTheSnapshotGoWhenTheWorkIsStopped(String query) throws Exception {
    // given
    Listing listing = new Listing();
    CompletableFuture<Throwable> end = listing.start(query);

    // when
    TestWork.stop(listing.work);

    // then
    await().atMost(SOON).untilAsserted(() -> assertThat(sessions()).isEmpty());
    assertThat(end.get()).isInstanceOf(ComponentFailure.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {STUCK, STUCK_LATER})
  void shouldLetTheSnapshotGoWhenTheConnectionBreaks(String query) throws Exception {
    // given
    Listing listing = new Listing();
    CompletableFuture<Throwable> end = listing.start(query);

    // when
    listing.connection.abort(Runnable::run);

    // then
    await().atMost(SOON).untilAsserted(() -> assertThat(sessions()).isEmpty());
    assertThat(end.get()).isInstanceOf(ComponentFailure.class);
  }

  @Test
  void shouldLetTheSnapshotGoWhenTheServiceDies() throws Exception {
    // given
    try (Listing listing = new Listing()) {
      CompletableFuture<Void> query =
          CompletableFuture.runAsync(() ->
              assertThatThrownBy(() -> listing.connection.createStatement().execute(STUCK))
                  .isInstanceOf(SQLException.class));
      awaitQuery();

      // when
      listing.connection.abort(Runnable::run);

      // then
      await().atMost(PATIENCE).untilAsserted(() -> assertThat(sessions()).isEmpty());
      query.get();
    }
  }

  /** A snapshot, and the work that it is for. */
  private static final class Listing implements AutoCloseable {
    private final RunId run = RunId.ofRequest("/test", "1");
    private final Work work = TestWork.on(run, Component.DATABASE, 1);
    private final Postgres postgres = new Postgres(server.settings("postgres"));
    private final Connection connection;
    private final InMemoryObjectStore store = new InMemoryObjectStore(InstantSource.system(), true);

    Listing() throws Exception {
      connection = work.own(postgres.connect());
      Snapshot _ = Snapshot.take(connection, postgres);
    }

    MediaReferences write(String query) throws Exception {
      return ReferenceList.write(
          connection, postgres, query, work, store, new ObjectKey("references"));
    }

    /** Waits until the server is at it; gives how it ends. */
    CompletableFuture<Throwable> start(String query) {
      CompletableFuture<Throwable> end =
          CompletableFuture.supplyAsync(() -> {
            try {
              return new AssertionError("the query has ended: " + write(query));
            } catch (Exception e) {
              return e;
            }
          });
      awaitQuery();
      return end;
    }

    @Override
    public void close() throws SQLException {
      connection.close();
    }
  }

  private static void awaitQuery() {
    await().atMost(PATIENCE).untilAsserted(() -> assertThat(sessions()).containsExactly("PgSleep"));
  }

  /** What the sessions at the server wait for that are ours. */
  private static List<String> sessions() throws SQLException {
    List<String> found = new ArrayList<>();
    try (Connection connection = server.connect("postgres");
        Statement statement = connection.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT coalesce(wait_event, '') FROM pg_stat_activity"
                    + " WHERE application_name = 'hybrid-backup'")) {
      while (rows.next()) {
        found.add(rows.getString(1));
      }
    }
    return found;
  }
}
