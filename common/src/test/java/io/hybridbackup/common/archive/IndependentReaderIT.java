package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The format's document is enough to read archives by. */
class IndependentReaderIT {
  @TempDir private Path folder;
  private IndependentReader reader;

  @BeforeEach
  void putReader() throws IOException {
    reader = new IndependentReader(folder);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"archive-v1.tar.gz", "archive-v1-everything.tar.gz", "archive-v1-lookup.tar.gz"})
  void shouldReadGoldenArchives(String name) throws IOException {
    byte[] golden = GoldenArchive.bytes(name);
    Path archive = Files.write(folder.resolve(name), golden);
    try (ArchiveFixture fixture = fixture(Files.createDirectory(folder.resolve("tree")), 100)) {
      reader.check(archive);

      assertThat(reader.list(archive)).isEqualTo(IndependentReader.list(fixture.readerOf(golden)));
    }
  }

  @Test
  void shouldReadAnArchiveWithEverythingInItThatFilesCanBe() throws IOException {
    try (ArchiveFixture fixture = fixture(OddTree.plant(folder.resolve("tree")), 5_000_000)) {
      reader.check(fixture.file());

      assertThat(reader.list(fixture.file()))
          .hasSizeGreaterThan(400)
          .isEqualTo(IndependentReader.list(fixture.reader()));
    }
  }

  @Test
  void shouldReadOneFileByRange() throws IOException {
    Path tree = Files.createDirectory(folder.resolve("tree"));
    Files.writeString(tree.resolve("käse"), "cheese");
    Files.createLink(tree.resolve("link"), tree.resolve("käse"));
    byte[] much = new byte[10_000_000];
    new Random(1).nextBytes(much);
    Files.write(tree.resolve("much"), much);
    try (ArchiveFixture fixture = fixture(tree, 5_000_000)) {
      // when
      IndependentReader.Content content = reader.cat(fixture.file(), "storage/käse");

      // then
      assertThat(content.text()).isEqualTo("cheese");
      assertThat(content.bytesRead()).isLessThan(100_000);
      assertThat(reader.cat(fixture.file(), "storage/link").text()).isEqualTo("cheese");
      assertThat(reader.cat(fixture.file(), "globals.sql").text())
          .isEqualTo(new String(ArchiveFixture.GLOBALS, StandardCharsets.UTF_8));
    }
  }

  @Test
  void shouldReadOneFileByALookup() throws IOException {
    byte[] golden = GoldenArchive.bytes("archive-v1-lookup.tar.gz");
    Path archive = Files.write(folder.resolve("archive"), golden);
    for (GoldenArchive.Original original : GoldenArchive.mediaToLookUp()) {
      EntryPath path = original.entry().path();
      if (original.entry().type() != ArchiveEntry.Type.FILE || path.utf8() == null) {
        continue;
      }

      // when
      IndependentReader.Content content = reader.cat(archive, path.toString());

      // then
      assertThat(content.text().getBytes(StandardCharsets.UTF_8)).isEqualTo(original.content());
      assertThat(content.bytesRead()).isLessThan(golden.length / 2);
    }
  }

  @Test
  void shouldFindWhatIsDamaged() throws IOException {
    try (ArchiveFixture fixture = fixture(OddTree.plant(folder.resolve("tree")), 100)) {
      byte[] bytes = fixture.bytes();
      bytes[bytes.length / 2] ^= 1;
      Path damaged = Files.write(folder.resolve("damaged"), bytes);

      assertThatThrownBy(() -> reader.check(damaged)).hasMessageContaining("read_archive.py");
    }
  }

  private ArchiveFixture fixture(Path tree, int dumpBytes) throws IOException {
    return new ArchiveFixture(
        folder.resolve("store"),
        ArchiveFixture.dump(dumpBytes),
        ArchiveFixture.GLOBALS,
        tree,
        path -> path.endsWith("plain.txt"));
  }
}
