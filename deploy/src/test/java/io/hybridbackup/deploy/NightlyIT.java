package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupOutcome;
import io.hybridbackup.common.event.Fact.ComponentFailed;
import io.hybridbackup.common.event.Fact.DatabaseSnapshotTaken;
import io.hybridbackup.common.event.Fact.MediaPrepared;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.common.testing.RestlessTree;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Backups that build upon one another, night after night, and what becomes of a bad base. */
@Timeout(600)
class NightlyIT {
  private static final int NIGHTS = 30;
  private static final int PAGES = 30_000;

  /** Ends the names of sources that have files and no database. */
  private static final String FILES = "-files";

  @TempDir private static Path folder;
  private static PostgresTestServer postgres;
  private static Installation installation;

  @BeforeAll
  static void start() throws IOException {
    postgres = PostgresTestServer.start();
    Sample.createDatabase(postgres, "edms");
    Sample.createLargeDatabase(postgres, "pages", PAGES);
    Files.createDirectory(folder.resolve("files"));
    Path scans = Files.createDirectory(folder.resolve("scans"));
    Random random = new Random(1);
    byte[] scan = new byte[500_000];
    for (int i = 0; i < 40; i++) {
      random.nextBytes(scan);
      Files.write(scans.resolve("scan-%02d.jpg".formatted(i)), scan);
    }
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
            sources(),
            Map.of());
  }

  private static Map<SourceName, Settings.Source> sources() {
    Map<SourceName, Settings.Source> sources = new LinkedHashMap<>();
    sources.put(
        new SourceName("edms"),
        new Settings.Source(postgres.settings("edms"), media("files"), null));
    for (String base : List.of("damaged", "pruned", "overwritten")) {
      sources.put(
          new SourceName(base), new Settings.Source(postgres.settings("pages"), null, null));
      sources.put(new SourceName(base + FILES), new Settings.Source(null, media("scans"), null));
    }
    return sources;
  }

  @AfterAll
  static void stop() {
    installation.close();
    postgres.close();
  }

  private static Settings.Media media(String name) {
    return new Settings.Media(folder.resolve(name), List.of(), false);
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

  @ParameterizedTest
  @ValueSource(strings = {"damaged", "damaged" + FILES})
  void shouldMakeEverythingAnewWhereTheBaseIsFoundDamaged(String source) throws IOException {
    // given
    Path base = archive(backUp(source));
    corrupt(base, Files.size(base) / 2);

    // when
    BackupCompleted completed = backUp(source);

    // then
    assertThat(completed.state()).isEqualTo(BackupOutcome.COMPLETE_WITH_WARNINGS);
    assertThat(completed.warnings()).anyMatch(warning -> warning.contains("is damaged"));
    assertThat(completed.warnings())
        .anyMatch(warning -> warning.contains(base.getFileName().toString()));
    assertThat(completed.reusedBytes()).isZero();
    assertThat(failures(completed.backupId())).containsExactly(FailureCode.BASE_CHANGED);
    assertReadable(archive(completed));
    assertThat(installation.backups(source)).anyMatch(name -> name.endsWith(".damaged"));

    // when
    BackupCompleted next = backUp(source);

    // then
    assertThat(next.state()).isEqualTo(BackupOutcome.COMPLETE);
    assertThat(next.reusedBytes()).isPositive();
  }

  @ParameterizedTest
  @ValueSource(strings = {"pruned", "pruned" + FILES})
  void shouldMakeEverythingAnewWhereTheBaseIsDeletedMeanwhile(String source) throws IOException {
    // given
    Path base = archive(backUp(source));

    // when
    RunId run = installation.console.backup(source);
    awaitBegun(run, source);
    Files.delete(base);

    // then
    assertMadeAnew(run);
  }

  @ParameterizedTest
  @ValueSource(strings = {"overwritten", "overwritten" + FILES})
  void shouldMakeEverythingAnewWhereTheBaseIsOverwrittenMeanwhile(String source)
      throws IOException {
    // given
    Path base = archive(backUp(source));

    // when
    RunId run = installation.console.backup(source);
    Path other = Files.write(folder.resolve(source), new byte[(int) Files.size(base)]);
    awaitBegun(run, source);
    Files.move(other, base, StandardCopyOption.ATOMIC_MOVE);

    // then
    assertMadeAnew(run);
  }

  private static void awaitBegun(RunId run, String source) {
    Fact _ =
        source.endsWith(FILES)
            ? installation.console.await(run, MediaPrepared.class)
            : installation.console.await(run, DatabaseSnapshotTaken.class);
  }

  private static void assertMadeAnew(RunId run) throws IOException {
    BackupCompleted completed = installation.console.awaitEnd(run, BackupCompleted.class);
    assertThat(completed.reusedBytes()).isZero();
    assertThat(completed.origin().attempt()).isEqualTo(2);
    assertReadable(archive(completed));
  }

  private static void assertReadable(Path archive) {
    Commands.run("gzip", "-t", archive.toString());
  }

  private static List<FailureCode> failures(RunId run) {
    return installation.console.facts(run, ComponentFailed.class).stream()
        .map(ComponentFailed::code)
        .toList();
  }

  /** Changes a byte where nothing but the content shows it. */
  private static void corrupt(Path file, long offset) throws IOException {
    FileTime modified = Files.getLastModifiedTime(file);
    try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
      open.seek(offset);
      int value = open.read();
      open.seek(offset);
      open.write(value ^ 1);
    }
    Files.setLastModifiedTime(file, modified);
  }

  private static BackupCompleted backUp(String source) {
    return installation.console.awaitEnd(
        installation.console.backup(source), BackupCompleted.class);
  }

  private static Path archive(BackupCompleted completed) {
    return installation.store().resolve(completed.archiveKey());
  }
}
