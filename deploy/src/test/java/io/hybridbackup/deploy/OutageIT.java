package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.TerminalFact;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.common.testing.S3TestServer;
import io.hybridbackup.deploy.Installation.Misbehaviour;
import io.hybridbackup.deploy.chaos.FaultProxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Broker and store are away at the same time, for longer than any lease, while every service is at
 * work. For how many seconds: {@code -Dhybrid-backup.test.outage=180}.
 */
@Timeout(900)
class OutageIT {
  private static final Duration OUTAGE =
      Duration.ofSeconds(
          Integer.getInteger(
              "hybrid-backup.test.outage", (int) Installation.LEASE.multipliedBy(2).toSeconds()));
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  @TempDir private Path folder;

  private final AtomicBoolean away = new AtomicBoolean();

  @Test
  void shouldEndEveryRunWellWhenBrokerAndStoreAreBack() throws Exception {
    Path media = Files.createDirectory(folder.resolve("media"));
    Files.writeString(media.resolve("scan"), "what was scanned");
    try (PostgresTestServer postgres = PostgresTestServer.start();
        S3TestServer s3 = S3TestServer.start(folder.resolve("s3"));
        FaultProxy proxy =
            FaultProxy.start(
                s3.endpoint(),
                (request, store) ->
                    away.get() ? Optional.empty() : Optional.of(store.answer(request)))) {
      s3.createBucket("outage");
      postgres.createDatabase("edms");
      sql(postgres, "edms", "CREATE TABLE note AS SELECT 'kept' AS text");
      try (Installation installation =
          Installation.start(
              folder,
              postgres,
              through(proxy, s3),
              // One is all there is: an outage is not to use it up.
              Installation.jobs(1, OUTAGE.plus(Duration.ofMinutes(5))),
              Map.of(
                  new SourceName("database"),
                  new Settings.Source(postgres.settings("edms"), null, null),
                  new SourceName("media"),
                  new Settings.Source(null, new Settings.Media(media, List.of(), false), null)),
              Map.of(
                  new TargetName("standby"),
                  new Settings.Target(postgres.settings("standby"), null)))) {
        // given
        RunId first = installation.console.backup("database");
        BackupCompleted earlier = installation.console.awaitEnd(first, BackupCompleted.class);
        installation.pgRestore(Misbehaviour.FREEZES);
        RunId restore =
            installation.console.restore("database", earlier.archive().value(), "standby");
        List<ProcessHandle> programs = new ArrayList<>(installation.awaitFrozen("pg_restore", 1));
        installation.pgDump(Misbehaviour.FREEZES);
        installation.rsync(Misbehaviour.FREEZES);
        List<RunId> backups =
            List.of(installation.console.backup("database"), installation.console.backup("media"));
        programs.addAll(installation.awaitFrozen("pg_dump", 1));
        programs.addAll(installation.awaitFrozen("rsync", 1));

        // when
        away.set(true);
        installation.kafka.interrupt();
        installation.pgRestore(Misbehaviour.NONE);
        installation.pgDump(Misbehaviour.NONE);
        installation.rsync(Misbehaviour.NONE);

        // then
        await().during(OUTAGE).atMost(OUTAGE.plusSeconds(5)).until(installation::isRunning);
        assertThat(programs).noneMatch(ProcessHandle::isAlive);

        // when
        away.set(false);
        installation.kafka.resume();

        // then
        for (RunId run : backups) {
          BackupCompleted _ = installation.console.awaitEnd(run, BackupCompleted.class, PATIENCE);
          // A snapshot of the database ends with whoever holds it.
          assertThat(installation.console.facts(run, Fact.ComponentFailed.class))
              .allMatch(failed -> failed.code() == FailureCode.INTERRUPTED);
        }
        RestoreCompleted _ =
            installation.console.awaitEnd(restore, RestoreCompleted.class, PATIENCE);
        assertThat(backups)
            .allSatisfy(
                run -> assertThat(installation.console.facts(run, TerminalFact.class)).hasSize(1));
        assertThat(installation.console.facts(restore, TerminalFact.class)).hasSize(1);
        assertThat(sql(postgres, "standby", "SELECT text FROM note")).isEqualTo("kept\n");
      }
    }
  }

  private static Settings.S3Store through(FaultProxy proxy, S3TestServer s3) {
    Settings.S3Store direct = s3.settings("outage", "");
    return new Settings.S3Store(
        direct.bucket(),
        direct.prefix(),
        proxy.endpoint(),
        direct.region(),
        true,
        direct.accessKey(),
        direct.secretKeyFile());
  }

  private static String sql(PostgresTestServer postgres, String database, String statement)
      throws Exception {
    return Commands.run(postgres.program("psql"), "-Atqc", statement, postgres.url(database));
  }
}
