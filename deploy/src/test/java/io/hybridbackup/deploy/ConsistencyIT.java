package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.archive.ArchiveReader;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupFailed;
import io.hybridbackup.common.event.Fact.BackupOutcome;
import io.hybridbackup.common.event.Fact.BackupStarted;
import io.hybridbackup.common.event.Fact.ComponentFailed;
import io.hybridbackup.common.event.Fact.DatabaseSnapshotTaken;
import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.manifest.References;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether database and files of a backup agree while an application works. How many backups of each
 * application: {@code -Dhybrid-backup.test.backups=50}.
 */
@Timeout(1800)
class ConsistencyIT {
  private static final Logger LOG = LoggerFactory.getLogger(ConsistencyIT.class);
  private static final int BACKUPS = Integer.getInteger("hybrid-backup.test.backups", 3);
  private static final Duration LONGER_THAN_THE_WINDOW = Duration.ofSeconds(15);
  private static final String QUERY = "SELECT path FROM upload";

  @TempDir private static Path folder;
  private static PostgresTestServer postgres;
  private static Installation installation;

  @BeforeAll
  static void start() throws IOException {
    postgres = PostgresTestServer.start();
    Map<SourceName, Settings.Source> sources = new HashMap<>();
    source(sources, "patient", null);
    source(sources, "hasty", new Settings.ReferenceQuery(QUERY, false));
    source(sources, "unfenced", null);
    source(sources, "listed", new Settings.ReferenceQuery(QUERY + " -- all;", false));
    source(sources, "strict", new Settings.ReferenceQuery(QUERY + ";", true));
    source(sources, "mistaken", new Settings.ReferenceQuery("SELECT path FROM uploads", false));
    source(
        sources, "writing", new Settings.ReferenceQuery("SELECT nextval('counter')::text", false));
    postgres.execute("writing", "CREATE SEQUENCE counter");
    installation =
        Installation.start(
            folder,
            postgres,
            Installation.jobs(3),
            sources,
            Map.of(target("patient"), settings("patient"), target("hasty"), settings("hasty")),
            withoutFinalPassOf(folder.resolve("unfenced")));
  }

  @AfterAll
  static void stop() {
    installation.close();
    postgres.close();
  }

  private static void source(
      Map<SourceName, Settings.Source> sources,
      String name,
      Settings.@Nullable ReferenceQuery references)
      throws IOException {
    Files.createDirectory(folder.resolve(name));
    postgres.createDatabase(name);
    LiveWriter.createTable(postgres, name);
    sources.put(
        new SourceName(name),
        new Settings.Source(
            postgres.settings(name),
            new Settings.Media(folder.resolve(name), List.of(LiveWriter.UPLOADING), false),
            null,
            Settings.Compression.DEFAULT,
            references,
            false));
  }

  /** Where backups of that source are restored to. */
  private static TargetName target(String source) {
    return new TargetName("restored-" + source);
  }

  private static Settings.Target settings(String source) {
    String name = target(source).value();
    return new Settings.Target(
        postgres.settings(name), new Settings.Media(folder.resolve(name), List.of(), false));
  }

  /** An rsync that leaves one source's pass after the snapshot out. */
  private static String withoutFinalPassOf(Path source) throws IOException {
    Path script =
        Files.writeString(
            folder.resolve("rsync"),
            """
            #!/bin/bash
            case "$*" in
              *--force*%s/*) exit 0 ;;
            esac
            exec rsync "$@"
            """
                .formatted(source));
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    return script.toString();
  }

  @Test
  void shouldHaveEveryFileOfEveryRowWhereFilesOutliveTheirRows() throws Exception {
    // given
    try (LiveWriter writer = write("patient", LONGER_THAN_THE_WINDOW)) {
      for (int n = 0; n < BACKUPS; n++) {
        // when
        BackupCompleted completed = backUp("patient");

        // then
        assertThat(completed.warnings()).isEmpty();
        assertThat(completed.state()).isEqualTo(BackupOutcome.COMPLETE);
        assertThat(misses(completed)).isEmpty();
        assertThat(missesOnceRestored(completed)).isEmpty();
      }
      LOG.info("{} backups at {} operations a second: no miss", BACKUPS, writer.rate());
    }
  }

  @Test
  void shouldMissFilesWithoutTheFence() throws Exception {
    // given
    try (LiveWriter writer = write("unfenced", LONGER_THAN_THE_WINDOW)) {
      int misses = 0;
      for (int n = 0; n < BACKUPS; n++) {
        // when
        misses += misses(backUp("unfenced")).size();
      }

      // then
      assertThat(misses).isPositive();
      LOG.info(
          "{} backups without the fence at {} operations a second: {} misses",
          BACKUPS,
          writer.rate(),
          misses);
    }
  }

  @Test
  void shouldListEveryMissWhereFilesGoWithTheirRows() throws Exception {
    // given
    try (LiveWriter writer = write("hasty", Duration.ZERO)) {
      int misses = 0;
      long rows = 0;
      int voided = 0;
      for (int n = 0; n < BACKUPS; n++) {
        // when
        BackupCompleted completed = backUp("hasty");

        // then
        References references = Objects.requireNonNull(completed.references());
        List<String> found = misses(completed);
        assertThat(listed(completed)).containsExactlyInAnyOrderElementsOf(found);
        assertThat(references.missing()).isEqualTo(found.size());
        assertThat(missesOnceRestored(completed)).containsExactlyInAnyOrderElementsOf(found);
        misses += found.size();
        rows += references.referenced();
        voided += completed.origin().attempt() - 1;
      }
      LOG.info(
          "{} backups at {} operations a second: {} of {} rows miss their file, all listed; {}"
              + " attempts voided",
          BACKUPS,
          writer.rate(),
          misses,
          rows,
          voided);
    }
  }

  @Test
  void shouldTryOnceMoreAndThenSayWhichFilesAreMissing() throws IOException {
    // given
    Path files = folder.resolve("listed");
    Files.createDirectories(files.resolve("a/b"));
    Files.writeString(files.resolve("a/b/смета №1"), "there");
    Files.writeString(files.resolve("space and \"quotes\""), "there");
    Files.createSymbolicLink(files.resolve("link"), Path.of("a/b"));
    List<String> there =
        List.of(
            "a/b/смета №1",
            "/a/b/смета №1",
            "./a//b/./смета №1",
            files + "/a/b/смета №1",
            "space and \"quotes\"",
            "link",
            ".",
            "/",
            "");
    List<String> missing =
        List.of(
            "a/b",
            "gone",
            "a/gone",
            "a/b/смета №1/x",
            "link/смета №1",
            "../listed/a",
            "a/b/смета №2");
    for (String path : there) {
      insert("listed", path);
    }
    for (String path : missing) {
      insert("listed", path);
    }
    for (int n = 0; n < References.NAMED; n++) {
      insert("listed", "more/" + n);
    }

    // when
    BackupCompleted completed = backUp("listed");

    // then
    assertThat(completed.state()).isEqualTo(BackupOutcome.COMPLETE_WITH_WARNINGS);
    assertThat(completed.warnings()).anyMatch(text -> text.contains("107 of 115 paths"));
    References references = Objects.requireNonNull(completed.references());
    assertThat(references.referenced()).isEqualTo(115);
    assertThat(references.missing()).isEqualTo(107);
    assertThat(references.paths()).hasSize(References.NAMED).containsAll(missing);
    assertThat(listed(completed)).hasSize(107).containsAll(missing).contains("more/99");
    assertThat(
            Manifest.parse(Files.readAllBytes(installation.store().resolve(completed.manifest())))
                .consistency()
                .references())
        .isEqualTo(references);
    RunId run = completed.backupId();
    assertThat(installation.console.facts(run, BackupStarted.class)).hasSize(2);
    assertThat(installation.console.facts(run, DatabaseSnapshotTaken.class))
        .extracting(DatabaseSnapshotTaken::snapshotAt)
        .doesNotHaveDuplicates()
        .hasSize(2);
    assertThat(installation.console.facts(run, ComponentFailed.class))
        .extracting(ComponentFailed::code)
        .containsExactly(FailureCode.MEDIA_REFERENCES_MISSING);
    installation.assertTidy();
  }

  @Test
  void shouldCountReferencesWhereNoneIsMissingAndFailWhereASourceIsStrict() throws IOException {
    // given
    Files.writeString(folder.resolve("strict/there"), "there");
    insert("strict", "there");

    // when
    BackupCompleted completed = backUp("strict");

    // then
    assertThat(completed.state()).isEqualTo(BackupOutcome.COMPLETE);
    assertThat(completed.references()).isEqualTo(new References(1, 0, List.of()));

    // when
    insert("strict", "not there");
    RunId run = installation.console.backup("strict");

    // then
    BackupFailed failed = installation.console.awaitEnd(run, BackupFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.MEDIA_REFERENCES_MISSING);
    assertThat(failed.message()).contains("1 of 2 paths", "not there");
    assertThat(installation.console.facts(run, BackupStarted.class)).hasSize(2);
    installation.assertTidy();
  }

  @Test
  void shouldNameWhatIsWrongWithAQuery() {
    for (String source : List.of("mistaken", "writing")) {
      // when
      RunId run = installation.console.backup(source);

      // then
      BackupFailed failed = installation.console.awaitEnd(run, BackupFailed.class);
      assertThat(failed.code()).isEqualTo(FailureCode.MEDIA_REFERENCES_FAILED);
      assertThat(failed.message())
          .contains("media-references", source.equals("mistaken") ? "uploads" : "read-only")
          .contains("correct it");
      assertThat(installation.console.facts(run, BackupStarted.class)).hasSize(1);
    }
    installation.assertTidy();
  }

  private static LiveWriter write(String source, Duration grace) throws Exception {
    return LiveWriter.start(postgres, source, folder.resolve(source), grace);
  }

  private static void insert(String source, String path) {
    postgres.execute(
        source, "INSERT INTO upload VALUES ('" + path.replace("'", "''") + "', 0, '')");
  }

  private static BackupCompleted backUp(String source) {
    return installation.console.awaitEnd(
        installation.console.backup(source), BackupCompleted.class);
  }

  /** The missing paths that the archive's index lists. */
  private static List<String> listed(BackupCompleted completed) throws IOException {
    List<String> listed = new ArrayList<>();
    try (FilesystemObjectStore store = new FilesystemObjectStore(installation.store())) {
      ArchiveReader.open(store, store.find(new ObjectKey(completed.archiveKey())).orElseThrow())
          .part(Component.MEDIA)
          .missing(path -> listed.add(path.toString().replaceFirst("storage/", "")));
    }
    return listed;
  }

  /** Unpacks the archive with tar and pg_restore: the paths of the rows whose file is not right. */
  private static List<String> misses(BackupCompleted completed) throws IOException {
    Path unpacked = Files.createDirectory(folder.resolve("unpacked-" + completed.source()));
    Commands.run(
        "tar",
        "-xzf",
        installation.store().resolve(completed.archiveKey()).toString(),
        "-C",
        unpacked.toString());
    String rows =
        Commands.run(
            postgres.program("pg_restore"),
            "--data-only",
            "--table=upload",
            "--file=-",
            unpacked.resolve("database.dump").toString());
    List<String> misses = misses(rows, unpacked.resolve("storage"));
    assertThat(rows).contains("COPY public.upload");
    Commands.run("rm", "-rf", unpacked.toString());
    return misses;
  }

  /** As {@link #misses(BackupCompleted)}, with what the restore service makes of the archive. */
  private static List<String> missesOnceRestored(BackupCompleted completed) throws IOException {
    String target = target(completed.source()).value();
    RunId run =
        installation.console.restore(completed.source(), completed.archive().value(), target);
    installation.console.awaitEnd(run, RestoreCompleted.class);
    String rows =
        Commands.run(postgres.program("psql"), "-c", "COPY upload TO STDOUT", postgres.url(target));
    assertThat(rows).contains("writer-");
    List<String> misses = misses(rows, folder.resolve(target));
    postgres.execute("postgres", "DROP DATABASE \"" + target + "\"");
    Commands.run("rm", "-r", folder.resolve(target).toString());
    return misses;
  }

  private static List<String> misses(String rows, Path storage) throws IOException {
    List<String> misses = new ArrayList<>();
    for (String row : rows.lines().filter(line -> line.startsWith("writer-")).toList()) {
      String[] columns = row.split("\t", -1);
      Path file = storage.resolve(columns[0]);
      byte[] content = Files.exists(file) ? Files.readAllBytes(file) : null;
      if (content == null
          || content.length != Long.parseLong(columns[1])
          || !LiveWriter.sha256(content).equals(columns[2])) {
        misses.add(columns[0]);
      }
    }
    return misses;
  }
}
