package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.hybridbackup.common.archive.ArchiveReader;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupFailed;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Media that are staged as hard links to the files of an application at work. */
@Timeout(300)
class LinkStagingIT {
  private static final Logger LOG = LoggerFactory.getLogger(LinkStagingIT.class);
  private static final int BACKUPS = 3;

  @TempDir private static Path folder;
  private static PostgresTestServer postgres;
  private static Installation installation;

  @BeforeAll
  static void start() throws IOException {
    postgres = PostgresTestServer.start();
    Map<SourceName, Settings.Source> sources = new HashMap<>();
    for (String name : List.of("live", "fenced", "mounted", "broken", "switched")) {
      Files.createDirectory(folder.resolve(name));
      postgres.createDatabase(name);
      sources.put(new SourceName(name), source(name, Settings.Staging.LINK));
    }
    sources.put(new SourceName("switched-back"), source("switched", Settings.Staging.COPY));
    installation =
        Installation.start(
            folder,
            postgres,
            Installation.jobs(3),
            sources,
            Map.of(),
            troubled(folder.resolve("fenced"), folder.resolve("broken")));
  }

  private static Settings.Source source(String name, Settings.Staging staging) {
    return new Settings.Source(
        postgres.settings(name),
        new Settings.Media(folder.resolve(name), List.of("/cache/"), false, staging),
        null);
  }

  @AfterAll
  static void stop() {
    installation.close();
    postgres.close();
  }

  /**
   * An rsync before whose second pass files and folders of one source go, and whose first pass of
   * another is killed at its end.
   */
  private static String troubled(Path changing, Path broken) throws IOException {
    Path script =
        Files.writeString(
            folder.resolve("rsync"),
            """
            #!/bin/bash
            case "$*" in
              *%1$s/*pass-000002*)
                cd %1$s && rm -rf doomed folder/doomed doomed-folder kind && echo new > kind
                touch -d 2026-01-11 folder ;;
              *--link-dest=%2$s/*)
                if [ ! -e "$0.killed" ]; then
                  rsync "$@" && touch "$0.killed" && kill -KILL $$
                fi ;;
            esac
            exec rsync "$@"
            """
                .formatted(changing, broken));
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    return script.toString();
  }

  @Test
  void shouldLeaveTheFilesOfAnApplicationAtWorkAloneAndHaveThemAllWhenItRests() throws Exception {
    // given
    Path files = folder.resolve("live");
    InPlaceWriter writer = new InPlaceWriter(files, new Random(1));
    writer.fill();
    Files.createDirectories(files.resolve("cache"));
    Files.writeString(files.resolve("cache/excluded"), "excluded");

    // when
    try (InPlaceWriter.Running running = writer.start()) {
      for (int n = 0; n < BACKUPS; n++) {
        backUp("live");
      }
      LOG.info("{} backups during {} changes", BACKUPS, running.changes());
    }

    // then
    writer.assertUntouched();
    assertThat(Files.getAttribute(files.resolve("cache/excluded"), "unix:nlink")).isEqualTo(1);

    // when
    Files.createDirectories(files.resolve("empty"));
    Files.createLink(files.resolve("second name"), files.resolve("file-0"));
    Files.createSymbolicLink(files.resolve("absolute"), Path.of("/etc"));
    Files.createSymbolicLink(files.resolve("relative"), Path.of("../elsewhere"));
    Commands.run("mkfifo", files.resolve("fifo").toString());
    Files.setPosixFilePermissions(files, PosixFilePermissions.fromString("rwxrwx--x"));
    BackupCompleted quiet = backUp("live");

    // then
    Path unpacked = unpack(quiet);
    assertThat(
            Commands.run(
                "rsync",
                "-aHAXnc",
                "--delete",
                "--itemize-changes",
                "--exclude=/cache/",
                files + "/",
                unpacked.resolve("storage") + "/"))
        .isEmpty();
    assertThat(unpacked.resolve("storage/cache")).doesNotExist();
    assertThat(quiet.warnings()).noneMatch(text -> text.contains("was written to"));
    assertThat(staged("live")).containsExactly("filled");
    installation.assertTidy();
  }

  @Test
  void shouldKeepAndMarkWhatWentBetweenThePasses() throws IOException {
    // given
    Path files = folder.resolve("fenced");
    for (String path : List.of("doomed", "folder/doomed", "doomed-folder/file", "kind/file")) {
      Files.createDirectories(files.resolve(path).resolveSibling("."));
      Files.writeString(files.resolve(path), path);
    }

    // when
    BackupCompleted completed = backUp("fenced");

    // then
    assertThat(files.resolve("doomed")).doesNotExist();
    Path storage = unpack(completed).resolve("storage");
    for (String path : List.of("doomed", "folder/doomed", "doomed-folder/file")) {
      assertThat(storage.resolve(path)).hasContent(path);
    }
    assertThat(storage.resolve("kind")).hasContent("new");
    assertThat(Files.getLastModifiedTime(storage.resolve("folder")))
        .isEqualTo(Files.getLastModifiedTime(files.resolve("folder")));
    assertThat(
            Manifest.parse(Files.readAllBytes(installation.store().resolve(completed.manifest())))
                .consistency()
                .vanished())
        .isEqualTo(4);
    try (FilesystemObjectStore store = new FilesystemObjectStore(installation.store())) {
      ArchiveReader.open(store, store.find(new ObjectKey(completed.archiveKey())).orElseThrow())
          .part(Component.MEDIA)
          .entries(entry ->
              assertThat(entry.vanished())
                  .as(entry.path().toString())
                  .isEqualTo(entry.path().toString().contains("doomed")));
    }
  }

  @Test
  void shouldBeginAnewWhereAPassIsKilledAndLeaveNothingOfAServiceThatWas() throws IOException {
    // given
    Path file = Files.writeString(folder.resolve("broken/file"), "file");
    for (String pass : List.of("pass-000004", "pass-000007.incomplete")) {
      Path left = Files.createDirectories(folder.resolve("data/staging/broken").resolve(pass));
      Files.createLink(left.resolve("linked long ago"), file);
    }

    // when
    BackupCompleted completed = backUp("broken");

    // then
    assertThat(completed.origin().attempt()).isEqualTo(2);
    assertThat(files(unpack(completed).resolve("storage"))).containsExactly("file");
    assertThat(staged("broken")).containsExactly("filled");
    assertThat(Files.getAttribute(file, "unix:nlink")).isEqualTo(1);
  }

  @Test
  void shouldStageAnewWhenCopiesBecomeLinksAndLinksBecomeCopies() throws IOException {
    // given
    Path file = Files.writeString(folder.resolve("switched/file"), "file");
    Path links = folder.resolve("data/staging/switched");
    Path copies = folder.resolve("data/staging/switched-back");
    backUp("switched-back");
    assertThat(copies.resolve("tree/file")).hasContent("file");

    // when
    Files.move(copies, links);
    Files.writeString(folder.resolve("switched/another"), "another");
    BackupCompleted linked = backUp("switched");

    // then
    assertThat(files(unpack(linked).resolve("storage"))).containsExactly("another", "file");
    assertThat(staged("switched")).containsExactly("filled");
    assertThat(Files.getAttribute(file, "unix:nlink")).isEqualTo(1);

    // when
    Path _ =
        Files.createLink(Files.createDirectory(links.resolve("pass-000001")).resolve("x"), file);
    Files.move(links, copies);
    Files.writeString(file, "changed in place");
    BackupCompleted copied = backUp("switched-back");

    // then
    Path storage = unpack(copied).resolve("storage");
    assertThat(files(storage)).containsExactly("another", "file");
    assertThat(storage.resolve("file")).hasContent("changed in place");
    assertThat(staged("switched-back")).contains("tree").noneMatch(name -> name.startsWith("pass"));
    assertThat(Files.getAttribute(file, "unix:nlink")).isEqualTo(1);
  }

  private static List<String> files(Path tree) {
    return Commands.run("ls", tree.toString()).lines().toList();
  }

  @Test
  void shouldSayWhatToDoWhereTheFilesAreOnAnotherFilesystem() throws IOException {
    assumeTrue(Commands.root(), "only root can mount a small disk");
    // given
    Files.delete(folder.resolve("mounted"));
    try (SmallDisk _ = SmallDisk.mount(folder.resolve("mounted"))) {
      Files.writeString(folder.resolve("mounted/file"), "file");

      // when
      BackupFailed failed =
          installation.console.awaitEnd(installation.console.backup("mounted"), BackupFailed.class);

      // then
      assertThat(failed.code()).isEqualTo(FailureCode.MEDIA_PERMISSION);
      assertThat(failed.message())
          .contains(folder.resolve("mounted").toString(), "data-directory", "staging: copy");
      assertThat(staged("mounted")).isEmpty();
    }
  }

  /** What is left in the staging folder, but for locks. */
  private static List<String> staged(String source) {
    return Commands.run("ls", folder.resolve("data/staging").resolve(source).toString())
        .lines()
        .filter(name -> !name.endsWith("lock"))
        .toList();
  }

  private static BackupCompleted backUp(String source) {
    return installation.console.awaitEnd(
        installation.console.backup(source), BackupCompleted.class);
  }

  private static Path unpack(BackupCompleted completed) throws IOException {
    Path unpacked = Files.createDirectory(folder.resolve("unpacked-" + completed.source()));
    Commands.run(
        "tar",
        "--xattrs",
        "--xattrs-include=*",
        "--acls",
        "--numeric-owner",
        "-xpzf",
        installation.store().resolve(completed.archiveKey()).toString(),
        "-C",
        unpacked.toString());
    return unpacked;
  }
}
