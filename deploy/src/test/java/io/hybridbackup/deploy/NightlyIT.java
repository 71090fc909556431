package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.common.testing.RestlessTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Backups that build upon one another, night after night. */
@Timeout(600)
class NightlyIT {
  private static final int NIGHTS = 30;

  @TempDir private static Path folder;
  private static PostgresTestServer postgres;
  private static Installation installation;

  @BeforeAll
  static void start() throws IOException {
    postgres = PostgresTestServer.start();
    Sample.createDatabase(postgres, "edms");
    Files.createDirectory(folder.resolve("files"));
    installation =
        Installation.start(
            folder,
            postgres,
            new Settings.Jobs(
                Duration.ofSeconds(5),
                Duration.ofMillis(300),
                Duration.ofMinutes(5),
                3,
                Duration.ofSeconds(30),
                4,
                Settings.WhenBusy.WAIT,
                Duration.ofHours(1),
                true,
                100),
            Map.of(
                new SourceName("edms"),
                new Settings.Source(
                    postgres.settings("edms"),
                    new Settings.Media(folder.resolve("files"), List.of(), false),
                    null)),
            Map.of());
  }

  @AfterAll
  static void stop() {
    installation.close();
    postgres.close();
  }

  @Test
  void shouldHoldThirtyNightsEachWholeAndNoneOfAnother() throws IOException {
    // given
    Random random = new Random(30);
    RestlessTree tree = new RestlessTree(folder.resolve("files"), 30);
    Path last = archive(backUp("edms"));
    long reused = 0;

    for (int night = 1; night <= NIGHTS; night++) {
      // when
      tree.change();
      change(random, night);
      BackupCompleted completed = backUp("edms");
      reused += completed.reusedBytes();
      Files.delete(last);

      // then
      assertThat(completed.warnings()).isEmpty();
      last = archive(completed);
      assertHoldsSource(last, "night_" + night);
    }
    assertThat(reused).isGreaterThan(NIGHTS * 10_000_000L);
  }

  private static void change(Random random, int night) {
    String statement =
        switch (random.nextInt(4)) {
          case 0 ->
              "INSERT INTO archive.document (department, title, state)"
                  + " SELECT 1 + n % 20, 'Night "
                  + night
                  + " № ' || n, 'draft' FROM generate_series(1, 300) n";
          case 1 -> "UPDATE archive.document SET state = 'draft' WHERE id % 97 = " + night;
          case 2 -> "DELETE FROM archive.document WHERE id % 113 = " + night;
          default -> "ALTER TABLE archive.document ADD COLUMN night_" + night + " int DEFAULT 7";
        };
    postgres.execute("edms", statement);
  }

  /** Unpacked and restored with nothing but tar and pg_restore. */
  private static void assertHoldsSource(Path archive, String name) throws IOException {
    Path unpacked = Files.createDirectory(folder.resolve("by-hand"));
    Commands.run(
        "tar",
        "--xattrs",
        "--xattrs-include=*",
        "--acls",
        "--numeric-owner",
        "-xpzf",
        archive.toString(),
        "-C",
        unpacked.toString());
    Sample.assertSameFiles(folder.resolve("files"), unpacked.resolve("storage"));
    assertThat(RestlessTree.linkCounts(unpacked.resolve("storage")))
        .isEqualTo(RestlessTree.linkCounts(folder.resolve("files")));
    postgres.createDatabase(name);
    Commands.run(
        postgres.program("pg_restore"),
        "--dbname=" + postgres.url(name),
        unpacked.resolve("database.dump").toString());
    // A restored table may keep its rows in another order: in which pages they have room.
    assertThat(sorted(Sample.dump(postgres, name)))
        .isEqualTo(sorted(Sample.dump(postgres, "edms")));
    postgres.execute("postgres", "DROP DATABASE " + name);
    Commands.run("rm", "-rf", unpacked.toString());
  }

  private static List<String> sorted(String dump) {
    return dump.lines().sorted().toList();
  }

  private static BackupCompleted backUp(String source) {
    return installation.console.awaitEnd(
        installation.console.backup(source), BackupCompleted.class);
  }

  private static Path archive(BackupCompleted completed) {
    return installation.store().resolve(completed.archiveKey());
  }
}
