package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.json.Json;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.compressors.gzip.GzipCompressorInputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** One archive of an odd tree, read by every reader that an administrator may have. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ArchiveReadersIT {
  /**
   * Lists a tree: type, permissions, size, time to the second, target, content, first name.
   * Python's tarfile makes a second symbolic link of a hard link to one.
   */
  private static final String LISTING =
      """
      import hashlib, os, stat, sys
      first = {}
      def show(path, name):
          s = os.lstat(path)
          target = os.readlink(path) if stat.S_ISLNK(s.st_mode) else b''
          content = ''
          if stat.S_ISREG(s.st_mode):
              content = hashlib.sha256(open(path, 'rb').read()).hexdigest()
          time = '' if stat.S_ISLNK(s.st_mode) else s.st_mtime_ns // 10**9
          group = first.setdefault(s.st_ino, name) if stat.S_ISREG(s.st_mode) else b''
          mode = stat.S_IFMT(s.st_mode) if stat.S_ISLNK(s.st_mode) else s.st_mode
          size = '' if stat.S_ISDIR(s.st_mode) else s.st_size
          print(name, oct(mode), size, time, target, content, group)
          if stat.S_ISDIR(s.st_mode):
              for child in sorted(os.listdir(path)):
                  show(path + b'/' + child, name + b'/' + child)
      show(os.fsencode(sys.argv[1]), b'')
      """;

  private static final byte[] DUMP = ArchiveFixture.dump(5_000_001);

  private Path folder;
  private Path tree;
  private ArchiveFixture fixture;

  @BeforeAll
  void compose(@TempDir Path temporary) throws IOException {
    folder = temporary;
    tree = OddTree.plant(folder.resolve("source"));
    fixture = new ArchiveFixture(folder.resolve("store"), DUMP, tree);
  }

  @AfterAll
  void makeDeletable() {
    fixture.close();
    Tool.run(folder, "chmod", "-R", "u+rwX", ".");
  }

  private Path fresh(String name) throws IOException {
    return Files.createDirectories(folder.resolve(name));
  }

  private String differences(Path restored) {
    return Tool.run(
        folder,
        "rsync",
        Tool.root() ? "-aHAXnc" : "-aHnc",
        "--delete",
        "--itemize-changes",
        tree + "/",
        restored + "/");
  }

  /** Lines that only one of the two trees has; a whole listing would tell a reader nothing. */
  private List<String> listedDifferences(Path restored) {
    List<String> expected = listing(tree);
    List<String> found = listing(restored);
    List<String> differences = new ArrayList<>();
    expected.stream()
        .filter(line -> !found.contains(line))
        .forEach(line -> differences.add("missing: " + line));
    found.stream()
        .filter(line -> !expected.contains(line))
        .forEach(line -> differences.add("instead: " + line));
    return differences;
  }

  private List<String> listing(Path root) {
    return Tool.run(folder, "python3", "-c", LISTING, root.toString()).lines().toList();
  }

  @Test
  void shouldPassGzipsOwnTest() {
    assertThat(Tool.run(folder, "gzip", "-t", "-v", fixture.file().toString())).contains("OK");
  }

  @Test
  void shouldBeExtractedByGnuTarWithoutADifference() throws IOException {
    Path out = fresh("gnu");

    Tool.run(
        out,
        "tar",
        "--xattrs",
        "--xattrs-include=*",
        "--acls",
        "--numeric-owner",
        "--warning=no-timestamp",
        "-xpzf",
        fixture.file().toString());

    assertThat(differences(out.resolve("storage"))).isEmpty();
    assertThat(out.resolve("database.dump")).hasBinaryContent(DUMP);
    assertThat(out.resolve("globals.sql")).hasBinaryContent(ArchiveFixture.GLOBALS);
    assertThat(out.resolve("manifest.json")).hasBinaryContent(ArchiveFixture.MANIFEST);
  }

  @Test
  void shouldBeExtractedByBsdtar() throws IOException {
    Path out = fresh("bsd");

    Tool.run(out, "bsdtar", "--acls", "--xattrs", "-xpf", fixture.file().toString());

    assertSameTree(out);
  }

  @Test
  void shouldBeExtractedByBusybox() throws IOException {
    Path out = fresh("busybox");

    Tool.run(out, "busybox", "tar", "-xpzf", fixture.file().toString());

    // It makes links after everything else, which changes the times of the folders they lie in.
    Set<String> withLinks = Set.of("b'/links'", "b'/lengths'", "b''");
    assertThat(listedDifferences(out.resolve("storage")))
        .allMatch(line -> withLinks.stream().anyMatch(name -> line.contains(": " + name + " 0o4")));
    assertThat(out.resolve("database.dump")).hasBinaryContent(DUMP);
    assertThat(out.resolve("globals.sql")).hasBinaryContent(ArchiveFixture.GLOBALS);
    assertThat(out.resolve("manifest.json")).hasBinaryContent(ArchiveFixture.MANIFEST);
  }

  @Test
  void shouldBeExtractedByPython() throws IOException {
    Path out = fresh("python");

    Tool.run(
        out,
        "python3",
        "-c",
        "import sys, tarfile; tarfile.open(sys.argv[1]).extractall()",
        fixture.file().toString());

    assertSameTree(out);
  }

  private void assertSameTree(Path out) {
    assertThat(listedDifferences(out.resolve("storage"))).isEmpty();
    assertThat(out.resolve("database.dump")).hasBinaryContent(DUMP);
    assertThat(out.resolve("globals.sql")).hasBinaryContent(ArchiveFixture.GLOBALS);
    assertThat(out.resolve("manifest.json")).hasBinaryContent(ArchiveFixture.MANIFEST);
  }

  @Test
  void shouldBeListedByCommonsCompressAsByItsIndex() throws IOException {
    List<String> indexed = new ArrayList<>(List.of("manifest.json"));
    for (Component component : List.of(Component.DATABASE, Component.MEDIA)) {
      fixture
          .reader()
          .entries(
              component,
              entry ->
                  indexed.add(
                      entry.path().octets()
                          + (entry.type() == ArchiveEntry.Type.FOLDER ? "/" : "")));
    }

    List<String> listed = new ArrayList<>();
    try (InputStream plain =
            GzipCompressorInputStream.builder()
                .setInputStream(Files.newInputStream(fixture.file()))
                .setDecompressConcatenated(true)
                .get();
        TarArchiveInputStream entries = new TarArchiveInputStream(plain, "ISO-8859-1")) {
      for (TarArchiveEntry entry = entries.getNextEntry();
          entry != null;
          entry = entries.getNextEntry()) {
        // Its pax names are characters; those of ustar have come through as bytes.
        String path = entry.getExtraPaxHeader("path");
        boolean characters = path != null || entry.getName().chars().anyMatch(c -> c > 0xff);
        listed.add(characters ? EntryPath.of(entry.getName()).octets() : entry.getName());
      }
    }

    assertThat(listed).hasSameSizeAs(indexed);
    assertThat(listed.stream().filter(name -> name.chars().allMatch(c -> c < 0x80)))
        .isEqualTo(indexed.stream().filter(name -> name.chars().allMatch(c -> c < 0x80)).toList());
  }

  @Test
  void shouldBeExtractedByItsOwnReaderWithoutAnyDifference() throws IOException {
    Path out = folder.resolve("own/storage");

    List<String> warnings =
        fixture
            .reader()
            .extractMedia(out, new ExtractOptions(Tool.root(), false), ProgressListener.NONE);

    assertThat(differences(out)).isEmpty();
    assertThat(warnings).isEmpty();
    Path dump = folder.resolve("own/database.dump");
    fixture.reader().extractDatabase(dump, ProgressListener.NONE);
    assertThat(dump).hasBinaryContent(DUMP);
  }

  @Test
  void shouldNeverHandOutWrongContentWhereverAByteIsDamaged() throws IOException {
    byte[] archive = fixture.bytes();
    List<Integer> places = new ArrayList<>();
    new Random(3).ints(40, 0, archive.length).forEach(places::add);
    for (int i = 1; i <= 40; i++) {
      places.add(archive.length - 17 * i);
    }
    for (int place : places) {
      archive[place] ^= 0x20;
      assertDamageIsNoticedOrHarmless(archive, place);
      archive[place] ^= 0x20;
    }
  }

  private void assertDamageIsNoticedOrHarmless(byte[] archive, int place) throws IOException {
    try {
      ArchiveReader reader = fixture.readerOf(archive);
      reader.part(Component.DATABASE).verify(ProgressListener.NONE);
      reader.part(Component.MEDIA).verify(ProgressListener.NONE);
      assertThat(reader.manifest()).as("byte %s", place).isEqualTo(ArchiveFixture.MANIFEST);
      assertThat(entries(reader)).as("byte %s", place).isEqualTo(entries(fixture.reader()));
    } catch (ArchiveCorruptException e) {
      assertThat(e).hasMessageContaining("damaged");
    }
  }

  private static List<String> entries(ArchiveReader reader) throws IOException {
    List<String> entries = new ArrayList<>();
    for (Component component : reader.parts()) {
      reader.entries(
          component,
          entry ->
              entries.add(new String(Json.write(IndexLine.entry(entry)), StandardCharsets.UTF_8)));
    }
    return entries;
  }

  @Test
  void shouldFindADifferenceWhenThereIsOne() throws IOException {
    Path out = folder.resolve("different");
    fixture
        .reader()
        .extractMedia(out, new ExtractOptions(Tool.root(), false), ProgressListener.NONE);

    Files.write(out.resolve("sizes/random-513"), new byte[513]);

    assertThat(differences(out)).contains("random-513");
    assertThat(listedDifferences(out)).hasSize(2);
  }
}
