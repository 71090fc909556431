package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.archive.ArchiveLayout;
import io.hybridbackup.common.archive.Compressor;
import io.hybridbackup.common.archive.MediaPart;
import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.archive.PartObjects;
import io.hybridbackup.common.archive.ProgressListener;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.manifest.ArchiveManifest;
import io.hybridbackup.common.manifest.Consistency;
import io.hybridbackup.common.manifest.DatabasePart;
import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.manifest.StoragePart;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.ObjectStores;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.testing.S3TestServer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What reads archives, by its launcher, with real pipes and files; no broker runs. */
@Timeout(300)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ArchiveCommandsIT {
  private static final String NAME = "backup_20260111_020000";
  private static final Instant TIME = Instant.parse("2026-01-11T01:00:00Z");
  private static final byte[] DUMP = "a dump\n".getBytes(StandardCharsets.UTF_8);

  private Path folder;
  private Path tree;
  private S3TestServer server;
  private byte[] manifest;

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Outcome(int exitCode, byte[] output, String errors) {
    String text() {
      return new String(output, StandardCharsets.UTF_8);
    }
  }

  @BeforeAll
  void compose(@TempDir Path temporary) throws IOException {
    folder = temporary;
    tree = folder.resolve("tree");
    Sample.plant(tree);
    Files.writeString(tree.resolve("\u001b[31mred"), "red");
    server = S3TestServer.start(folder.resolve("server"));
    server.createBucket("backups");
    Settings.S3Store s3 = server.settings("backups", "");
    try (ObjectStore onS3 = ObjectStores.open(s3);
        ObjectStore onDisk =
            ObjectStores.open(new Settings.FilesystemStore(folder.resolve("store")))) {
      manifest = archive(onDisk);
      archive(onS3);
    }
    Files.writeString(
        folder.resolve("disk.yaml"),
        "hybrid-backup: { zone: UTC, object-store: { type: filesystem, directory: store } }");
    Files.writeString(
        folder.resolve("s3.yaml"),
        """
        hybrid-backup:
          object-store:
            type: s3
            s3: { bucket: backups, endpoint: "%s", region: %s, access-key: %s, secret-key-file: "%s" }
        """
            .formatted(s3.endpoint(), s3.region(), s3.accessKey(), s3.secretKeyFile()));
  }

  @AfterAll
  void stop() {
    server.close();
  }

  private byte[] archive(ObjectStore store) throws IOException {
    PartInventory database;
    PartInventory media;
    try (Compressor compressor = Compressor.open(2);
        PartObjects databaseObjects =
            new PartObjects(store, ObjectKey.of("work", "database"), 8 << 20);
        PartObjects mediaObjects = new PartObjects(store, ObjectKey.of("work", "media"), 8 << 20)) {
      database =
          io.hybridbackup.common.archive.DatabasePart.write(
              new ByteArrayInputStream(DUMP),
              null,
              TIME,
              List.of(),
              databaseObjects,
              compressor,
              ProgressListener.NONE);
      media =
          MediaPart.write(
              tree,
              path -> false,
              MediaPart.Missing.NONE,
              MediaPart.Earlier.NONE,
              mediaObjects,
              compressor,
              ProgressListener.NONE);
    }
    Manifest inner =
        new Manifest(
            OffsetDateTime.parse("2026-01-11T02:00:00+01:00"),
            null,
            "hybrid-backup test",
            RunId.ofRequest("/test", "1"),
            new SourceName("edms"),
            new ArchiveName(NAME),
            1,
            new DatabasePart(database.sha256(), DUMP.length, "15.8", "15.8", TIME, "0/1", null),
            new StoragePart(media.files(), 1, media.unpackedBytes(), media.sha256()),
            new Consistency(false, null, TIME, 1, 0, null, null),
            Map.of(),
            List.of());
    ArchiveLayout.Composition composition =
        ArchiveLayout.compose(inner.toJson(), TIME, List.of(database, media), 1);
    ObjectKey key = ObjectKey.of("backups", "edms", NAME + ".tar.gz");
    StoredObject object = store.compose(key, composition.pieces());
    byte[] outer =
        new ArchiveManifest(
                inner,
                new ArchiveManifest.Archive(
                    key.name(), key, object.bytes(), composition.crc64nvme()))
            .toJson();
    store.create(ObjectKey.of("backups", "edms", NAME + ".manifest.json"), outer);
    return outer;
  }

  private Outcome run(String... arguments) throws Exception {
    return runWith("disk.yaml", arguments);
  }

  private Outcome runWith(String config, String... arguments) throws Exception {
    String program = System.getProperty("hybrid-backup.test.program");
    assertThat(program).as("a system property that the build sets").isNotNull();
    List<String> command = new ArrayList<>(List.of(program));
    command.addAll(List.of(arguments));
    command.addAll(List.of("--config", folder.resolve(config).toString()));
    return process(command);
  }

  private Outcome process(List<String> command) throws Exception {
    Path output = Files.createTempFile(folder, "output", "");
    Path errors = Files.createTempFile(folder, "errors", "");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectOutput(output.toFile())
            .redirectError(errors.toFile())
            .directory(folder.toFile());
    builder.environment().put("LC_ALL", "C.UTF-8");
    Process process = builder.start();
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).as("%s ends", command).isTrue();
    return new Outcome(process.exitValue(), Files.readAllBytes(output), Files.readString(errors));
  }

  @Test
  void shouldListFilesAndNeverShowControlCharacters() throws Exception {
    // when
    Outcome outcome = run("files", NAME);

    // then
    assertThat(outcome.errors).isEmpty();
    assertThat(outcome.exitCode).isZero();
    assertThat(outcome.text().lines())
        .anyMatch(line -> line.matches("-rw-r--r-- 0/0 +\\d+ 2026-01-11 01:00:00 manifest.json"))
        .anyMatch(line -> line.matches("-rw------- 0/0 +7 2026-01-11 01:00:00 database.dump"))
        .anyMatch(line -> line.endsWith(" storage/\\033[31mred"))
        .anyMatch(line -> line.endsWith(" storage/a\\nline break"))
        .anyMatch(line -> line.endsWith(" storage/смета №1 😀.txt"))
        .anyMatch(line -> line.endsWith(" storage/a link -> letters/1.txt"))
        .anyMatch(
            line -> line.startsWith("drwxr-s--- ") && line.endsWith(" storage/an empty folder/"));
    assertThat(outcome.text().codePoints())
        .noneMatch(character -> Character.isISOControl(character) && character != '\n');
  }

  @Test
  void shouldListWhatMatchesForPrograms() throws Exception {
    // when
    Outcome outcome =
        run("files", "latest", "--source", "edms", "storage/letters/1?.txt", "--json");

    // then
    assertThat(outcome.text().lines())
        .hasSize(10)
        .allSatisfy(line ->
            assertThat(Json.mapper().readTree(line).path("path").asString())
                .matches("storage/letters/1\\d.txt"));
  }

  @Test
  void shouldEndQuietlyWhenNobodyReadsAnyMore() throws Exception {
    // when
    Outcome outcome =
        process(
            List.of(
                "bash",
                "-c",
                "(sleep 0.1; \"$0\" files \"$1\" --json --config \"$2\"; echo $? >&2) | true",
                System.getProperty("hybrid-backup.test.program", ""),
                NAME,
                folder.resolve("disk.yaml").toString()));

    // then
    assertThat(outcome.errors.strip()).isEqualTo("141");
  }

  @Test
  void shouldSayThatTheOutputCannotBeWritten() throws Exception {
    // when
    Outcome outcome =
        process(
            List.of(
                "bash",
                "-c",
                "\"$0\" cat \"$1\" database.dump --config \"$2\" >/dev/full",
                System.getProperty("hybrid-backup.test.program", ""),
                NAME,
                folder.resolve("disk.yaml").toString()));

    // then
    assertThat(outcome.exitCode).isEqualTo(1);
    assertThat(outcome.errors).contains("could not write the output");
  }

  @Test
  void shouldPrintAFileFromEitherStore() throws Exception {
    for (String config : List.of("disk.yaml", "s3.yaml")) {
      // when
      Outcome large = runWith(config, "cat", NAME, "storage/the same scan.pdf");
      Outcome odd = runWith(config, "cat", NAME, "storage/\\033[31mred");
      Outcome dump = runWith(config, "cat", NAME, "database.dump");

      // then
      assertThat(large.output).isEqualTo(Files.readAllBytes(tree.resolve("scan 1.pdf")));
      assertThat(odd.text()).isEqualTo("red");
      assertThat(dump.output).isEqualTo(DUMP);
    }
  }

  @Test
  void shouldSayWhatToPrintInstead() throws Exception {
    // when
    Outcome link = run("cat", NAME, "storage/a link");
    Outcome absent = run("cat", NAME, "letters/1.txt");
    Outcome directory = run("cat", NAME, "storage/letters");

    // then
    assertThat(link.errors).contains("would be storage/letters/1.txt");
    assertThat(absent.exitCode).isEqualTo(6);
    assertThat(absent.errors).contains("did you mean storage/letters/1.txt?");
    assertThat(directory.errors).contains("is a folder");
    assertThat(link.output).isEmpty();
  }

  @Test
  void shouldPrintNothingThatIsDamaged() throws Exception {
    // given
    Path archive = folder.resolve("store/backups/edms/" + NAME + ".tar.gz");
    byte[] sound = Files.readAllBytes(archive);
    byte[] damaged = sound.clone();
    Arrays.fill(damaged, 40_000, 300_000, (byte) 7);

    // when
    Outcome outcome;
    try {
      Files.write(archive, damaged);
      outcome = run("cat", NAME, "storage/scan 1.pdf");
    } finally {
      Files.write(archive, sound);
    }

    // then
    assertThat(outcome.exitCode).isEqualTo(1);
    assertThat(outcome.output).isEmpty();
    assertThat(outcome.errors).contains("damaged in storage/scan 1.pdf");
  }

  @Test
  void shouldExtractEverythingOrWhatIsChosen() throws Exception {
    // when
    Outcome all = run("extract", NAME, "--to", folder.resolve("all").toString());
    Outcome again = run("extract", NAME, "--to", folder.resolve("all").toString());
    Outcome some =
        runWith("s3.yaml", "extract", NAME, "storage/letters/2.txt", "--to", folder + "/some");
    Outcome none = run("extract", NAME, "storage/typo", "--to", folder + "/none");

    // then
    assertThat(all.errors).isEmpty();
    assertThat(all.text()).startsWith("extracted: ");
    Sample.assertSameFiles(tree, folder.resolve("all/storage"));
    assertThat(folder.resolve("all/database.dump")).hasBinaryContent(DUMP);
    assertThat(again.exitCode).isEqualTo(2);
    assertThat(again.errors).contains("is not empty");
    assertThat(some.text()).startsWith("extracted: 1 file, ");
    assertThat(folder.resolve("some/storage/letters")).isDirectoryContaining("glob:**/2.txt");
    assertThat(none.exitCode).isEqualTo(6);
    assertThat(none.errors).contains("matches storage/typo");
  }

  @Test
  void shouldDownloadAnArchiveWithItsManifest() throws Exception {
    for (String config : List.of("disk.yaml", "s3.yaml")) {
      Path there = Files.createDirectories(folder.resolve("downloads-" + config));

      // when
      Outcome first = runWith(config, "download", NAME, "--to", there.toString());
      Outcome second = runWith(config, "download", NAME, "--to", there.toString());

      // then
      assertThat(first.errors).isEmpty();
      assertThat(first.exitCode).isZero();
      assertThat(there.resolve(NAME + ".tar.gz"))
          .hasSameBinaryContentAs(folder.resolve("store/backups/edms/" + NAME + ".tar.gz"));
      assertThat(there.resolve(NAME + ".manifest.json")).hasBinaryContent(manifest);
      assertThat(there.toFile().list()).hasSize(2);
      assertThat(second.exitCode).isEqualTo(2);
      assertThat(second.errors).contains("exists; move it away");
    }
  }
}
