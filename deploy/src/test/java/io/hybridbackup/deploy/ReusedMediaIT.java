package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.DatabaseSnapshotTaken;
import io.hybridbackup.common.event.Fact.TerminalFact;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.PartOutcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.ObjectStores;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.deploy.Installation.Misbehaviour;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A dump that dies after the media have been packed. */
@Timeout(120)
class ReusedMediaIT {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  @TempDir private Path folder;

  @Test
  void shouldReuseWhatIsPackedAndTakeANewSnapshotWhenTheDumpDies() throws Exception {
    Path media = Files.createDirectory(folder.resolve("media"));
    byte[] scan = new byte[1 << 20];
    new Random(1).nextBytes(scan);
    Files.write(media.resolve("scan"), scan);
    try (PostgresTestServer postgres = PostgresTestServer.start()) {
      postgres.createDatabase("edms");
      Settings.Source source =
          new Settings.Source(
              postgres.settings("edms"), new Settings.Media(media, List.of(), false), null);
      try (Installation installation =
              Installation.start(
                  folder,
                  postgres,
                  Installation.jobs(3),
                  Map.of(new SourceName("edms"), source),
                  Map.of());
          ObjectStore store =
              ObjectStores.open(new Settings.FilesystemStore(installation.store()))) {
        Runs runs = new Runs(store);

        // given
        installation.pgDump(Misbehaviour.FREEZES);
        RunId run = installation.console.backup("edms");
        ProcessHandle dump = installation.awaitFrozen("pg_dump", 1).getLast();
        await()
            .atMost(PATIENCE)
            .until(() -> runs.decisions().isMade(RunKeys.part(run, 1, Component.MEDIA)));

        // when
        installation.pgDump(Misbehaviour.NONE);
        assertThat(dump.destroyForcibly()).isTrue();

        // then
        BackupCompleted completed = installation.console.awaitEnd(run, BackupCompleted.class);
        PartOutcome.Committed again =
            (PartOutcome.Committed)
                runs.decisions().find(RunKeys.part(run, 2, Component.MEDIA)).orElseThrow();
        String first = RunKeys.work(run, 1, Component.MEDIA).value() + "/";
        assertThat(again.inventory().reusedBytes()).isGreaterThan(scan.length);
        assertThat(again.inventory().content())
            .anyMatch(
                slice -> slice.object().value().startsWith(first) && slice.bytes() > scan.length);
        assertThat(installation.console.facts(run, DatabaseSnapshotTaken.class))
            .extracting(DatabaseSnapshotTaken::snapshotAt)
            .hasSize(2)
            .doesNotHaveDuplicates();
        assertThat(installation.console.facts(run, TerminalFact.class)).containsExactly(completed);
        installation.assertTidy();
      }
    }
  }
}
