package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.TestWork;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.testing.PostgresTestServer;
import java.sql.Connection;
import java.time.InstantSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class DatabaseLockIT {
  private final Runs runs = new Runs(new InMemoryObjectStore(InstantSource.system(), true));

  @Test
  void shouldNotTakeTheLockOfAnotherTargetWhoseNameHasTheSameHashCode() throws Exception {
    // given
    assertThat("edmsAa").hasSameHashCodeAs("edmsBB");
    try (PostgresTestServer server = PostgresTestServer.start();
        Connection one = server.connect("postgres");
        Connection other = server.connect("postgres");
        DatabaseLock first = take(server, "edmsAa", one)) {
      // when
      try (DatabaseLock second = take(server, "edmsBB", other)) {
        // then
        assertThat(first).isNotSameAs(second);
        assertThat(one.isValid(1)).isTrue();
      }

      // when
      try (Connection again = server.connect("postgres");
          DatabaseLock _ = take(server, "edmsAa", again)) {
        // then
        assertThat(one.isValid(1)).isFalse();
      }
    }
  }

  private DatabaseLock take(PostgresTestServer server, String name, Connection connection)
      throws Exception {
    RunId run = RunId.ofRequest("/test", name + connection);
    Journal journal = new Journal(runs.decisions(), run, TestWork.on(run, Component.RESTORE, 1));
    journal.take();
    return DatabaseLock.take(new Postgres(server.settings(name)), connection, journal);
  }
}
