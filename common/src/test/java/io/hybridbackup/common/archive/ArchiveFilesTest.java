package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Upload;
import io.hybridbackup.common.testing.WatchedStore;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ArchiveFilesTest {
  private static final byte[] DUMP = ArchiveFixture.dump(3 * 1024 * 1024 + 17);
  private static final Instant TIME = Instant.parse("2020-02-03T04:05:06.789Z");
  private static final ExtractOptions OPTIONS = new ExtractOptions(false, false);
  private static final Selection EVERYTHING = Selection.of(List.of());

  @TempDir private Path folder;
  private final byte[] large = new byte[2_500_000];
  private Path out;
  private ArchiveFixture fixture;
  private WatchedStore store;
  private ArchiveFiles files;

  @BeforeEach
  void compose() throws IOException {
    Path tree = Files.createDirectories(folder.resolve("tree"));
    out = folder.resolve("out");
    new Random(3).nextBytes(large);
    Files.createDirectories(tree.resolve("a/b/c"));
    Files.createDirectories(tree.resolve("empty"));
    Files.writeString(tree.resolve("a/b/c/deep"), "deep");
    Files.writeString(tree.resolve("a/first"), "shared");
    Files.createLink(tree.resolve("a/second"), tree.resolve("a/first"));
    Files.createLink(tree.resolve("third"), tree.resolve("a/first"));
    Files.write(tree.resolve("large"), large);
    Files.createLink(tree.resolve("large-too"), tree.resolve("large"));
    Files.createFile(tree.resolve("nothing"));
    Files.createSymbolicLink(tree.resolve("link"), Path.of("a/first"));
    for (int i = 0; i < 100; i++) {
      Files.writeString(tree.resolve("small-" + i), "content " + i);
    }
    Files.setPosixFilePermissions(tree.resolve("a"), PosixFilePermissions.fromString("rwxr-x---"));
    Files.setLastModifiedTime(tree.resolve("a"), FileTime.from(TIME));
    fixture = new ArchiveFixture(folder.resolve("store"), DUMP, tree);
    store = new WatchedStore(fixture.store);
    files = ArchiveFiles.open(store, fixture.archive);
  }

  @AfterEach
  void close() {
    fixture.close();
  }

  private byte[] read(String path) throws IOException {
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    assertThat(files.copy(EntryPath.of(path), content))
        .get()
        .extracting(ArchiveEntry::type)
        .isEqualTo(ArchiveEntry.Type.FILE);
    return content.toByteArray();
  }

  private void extract(String... patterns) throws IOException {
    files.extract(Selection.of(List.of(patterns)), out, OPTIONS, ProgressListener.NONE);
  }

  @Test
  void shouldListWhatTarWouldInItsOrder() throws IOException {
    List<String> paths = new ArrayList<>();
    files.list(EVERYTHING, entry -> paths.add(entry.path().toString()));

    assertThat(paths).startsWith("manifest.json", "database.dump", "globals.sql", "storage/link");
    assertThat(paths).endsWith("storage/a", "storage/empty", "storage").hasSize(116);
  }

  @Test
  void shouldTellOfTheManifestAsOfAFile() throws IOException {
    List<ArchiveEntry> found = new ArrayList<>();
    files.list(Selection.of(List.of("manifest.json")), found::add);

    assertThat(found)
        .singleElement()
        .satisfies(entry -> {
          assertThat(entry.size()).isEqualTo(ArchiveFixture.MANIFEST.length);
          assertThat(entry.modified()).isEqualTo(ArchiveFixture.TIME);
        });
  }

  @Test
  void shouldReadOneFile() throws IOException {
    assertThat(read("manifest.json")).isEqualTo(ArchiveFixture.MANIFEST);
    assertThat(read("database.dump")).isEqualTo(DUMP);
    assertThat(read("globals.sql")).isEqualTo(ArchiveFixture.GLOBALS);
    assertThat(read("storage/large")).isEqualTo(large);
    assertThat(read("storage/small-77")).asString().isEqualTo("content 77");
    assertThat(read("storage/nothing")).isEmpty();
  }

  @Test
  void shouldReadAHardLinkAsWhatItShares() throws IOException {
    assertThat(read("storage/a/second")).asString().isEqualTo("shared");
    assertThat(read("storage/third")).asString().isEqualTo("shared");
    assertThat(read("storage/large-too")).isEqualTo(large);
  }

  @Test
  void shouldSayWhatAPathIsThatIsNoFile() throws IOException {
    ByteArrayOutputStream nothing = new ByteArrayOutputStream();

    assertThat(files.copy(EntryPath.of("storage/a"), nothing).orElseThrow().type())
        .isEqualTo(ArchiveEntry.Type.FOLDER);
    assertThat(files.copy(EntryPath.of("storage/link"), nothing).orElseThrow().target())
        .isEqualTo(EntryPath.of("a/first"));
    assertThat(files.copy(EntryPath.of("storage/absent"), nothing)).isEmpty();
    assertThat(nothing.size()).isZero();
  }

  @Test
  void shouldFindWhatMayHaveBeenMeant() throws IOException {
    assertThat(files.nearest(EntryPath.of("storage/a/frist")))
        .first()
        .isEqualTo(EntryPath.of("storage/a/first"));
    assertThat(files.nearest(EntryPath.of("elsewhere/deep")))
        .containsExactly(EntryPath.of("storage/a/b/c/deep"));
    assertThat(files.nearest(EntryPath.of("storage/quite/another/thing"))).isEmpty();
  }

  @Test
  void shouldReadOnlyTheRangesThatAFileNeeds() throws IOException {
    long index = fixture.media.index().stream().mapToLong(slice -> slice.bytes()).sum();
    long before = store.bytesRead();
    read("storage/large");

    assertThat(store.bytesRead() - before)
        .isBetween(large.length + index, large.length + index + 2000);
    // The index, and all members of the file as one range.
    assertThat(store.opened()).hasSize(3);
  }

  @Test
  void shouldNotLookIntoAPartThatIsNotAskedAbout() throws IOException {
    long before = store.bytesRead();
    read("manifest.json");

    assertThat(store.bytesRead() - before).isLessThan(2000);
  }

  @Test
  void shouldExtractEverything() throws IOException {
    extract();

    assertThat(out.resolve("manifest.json")).hasBinaryContent(ArchiveFixture.MANIFEST);
    assertThat(Files.getLastModifiedTime(out.resolve("manifest.json")).toInstant())
        .isEqualTo(ArchiveFixture.TIME);
    assertThat(out.resolve("database.dump")).hasBinaryContent(DUMP);
    assertThat(out.resolve("globals.sql")).hasBinaryContent(ArchiveFixture.GLOBALS);
    assertThat(
            Tool.run(
                folder, "rsync", "-aHnc", "--delete", "--itemize-changes", "tree/", "out/storage/"))
        .isEmpty();
  }

  @Test
  void shouldExtractWhatIsChosenAndTheFoldersAroundIt() throws IOException {
    extract("storage/a/b/**", "storage/small-7*");

    assertThat(names(out)).containsExactly("storage");
    assertThat(names(out.resolve("storage")))
        .hasSize(12)
        .contains("a", "small-7", "small-70", "small-79");
    assertThat(names(out.resolve("storage/a"))).containsExactly("b");
    assertThat(out.resolve("storage/a/b/c/deep")).hasContent("deep");
    assertThat(Files.getLastModifiedTime(out.resolve("storage/a")).toInstant()).isEqualTo(TIME);
    assertThat(Files.getPosixFilePermissions(out.resolve("storage/a")))
        .isEqualTo(PosixFilePermissions.fromString("rwxr-x---"));
  }

  @Test
  void shouldExtractAFolderThatIsEmpty() throws IOException {
    extract("storage/empty");

    assertThat(out.resolve("storage/empty")).isEmptyDirectory();
    assertThat(names(out.resolve("storage"))).containsExactly("empty");
  }

  @Test
  void shouldExtractHardLinksWhoseTargetIsNotChosen() throws IOException {
    extract("storage/a/second", "storage/third", "storage/large-too");

    Path storage = out.resolve("storage");
    assertThat(storage.resolve("a/second")).hasContent("shared");
    assertThat(Files.isSameFile(storage.resolve("a/second"), storage.resolve("third"))).isTrue();
    assertThat(storage.resolve("a/first")).doesNotExist();
    assertThat(storage.resolve("large-too")).hasBinaryContent(large);
    assertThat(storage.resolve("large")).doesNotExist();
  }

  @Test
  void shouldMakeNoFolderForNothing() throws IOException {
    Selection selection = Selection.of(List.of("storage/absent*"));
    files.extract(selection, out, OPTIONS, ProgressListener.NONE);

    assertThat(out).isEmptyDirectory();
    assertThat(selection.unmatched()).containsExactly("storage/absent*");
  }

  @Test
  void shouldRefuseAFolderThatIsNotEmpty() throws IOException {
    Files.createDirectories(out.resolve("something"));

    assertThatThrownBy(() -> extract()).isInstanceOf(DirectoryNotEmptyException.class);
    assertThat(names(out)).containsExactly("something");
  }

  @Test
  void shouldHandOutNothingOfASmallFileThatIsDamaged() throws IOException {
    byte[] archive = fixture.bytes();
    int at = indexOf(archive, Arrays.copyOfRange(large, 1_100_000, 1_100_100));
    archive[at] ^= 1;
    ByteArrayOutputStream content = new ByteArrayOutputStream();

    assertThatThrownBy(() -> damaged(archive).copy(EntryPath.of("storage/large"), content))
        .isInstanceOf(ArchiveCorruptException.class)
        .hasMessageContaining("storage/large");
    assertThat(content.size()).isZero();
    damaged(archive).copy(EntryPath.of("storage/small-1"), content);
    assertThat(content).hasToString("content 1");
  }

  @Test
  void shouldHandOutNothingIfTheIndexIsDamaged() throws IOException {
    byte[] archive = fixture.bytes();
    archive[archive.length - 1200] ^= 1;
    ByteArrayOutputStream content = new ByteArrayOutputStream();

    assertThatThrownBy(() -> damaged(archive).copy(EntryPath.of("storage/small-1"), content))
        .isInstanceOf(ArchiveCorruptException.class);
    assertThat(content.size()).isZero();
  }

  private ArchiveFiles damaged(byte[] archive) throws IOException {
    ObjectKey key = ObjectKey.of("damaged", "archive-" + System.nanoTime());
    try (Upload upload = fixture.store.upload(key)) {
      upload.write(archive);
      return ArchiveFiles.open(fixture.store, upload.complete());
    }
  }

  private static int indexOf(byte[] bytes, byte[] wanted) {
    int at =
        new String(bytes, StandardCharsets.ISO_8859_1)
            .indexOf(new String(wanted, StandardCharsets.ISO_8859_1));
    assertThat(at).isPositive();
    return at;
  }

  private static List<String> names(Path directory) {
    String[] names = directory.toFile().list();
    return names == null ? List.of() : Arrays.stream(names).sorted().toList();
  }
}
