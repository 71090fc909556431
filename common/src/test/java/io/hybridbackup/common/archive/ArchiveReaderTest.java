package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.store.Crc64Nvme;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.store.Upload;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ArchiveReaderTest {
  private static final String LOOKUP =
      "{'version':1,'manifest':{'offset':0,'length':9},'parts':[{'component':'media',"
          + "'content':{'offset':0,'length':9},'index':{'offset':2,'length':20},'sha256':"
          + "'0000000000000000000000000000000000000000000000000000000000000000','lookup':";

  private static final byte[] DUMP = ArchiveFixture.dump(3 * 1024 * 1024 + 17);

  @TempDir private Path folder;
  private Path tree;

  @BeforeEach
  void plant() throws IOException {
    tree = Files.createDirectories(folder.resolve("tree/folder"));
    tree = folder.resolve("tree");
    Files.writeString(tree.resolve("small"), "small");
    Files.write(tree.resolve("folder/large"), new byte[100_000]);
    Files.createLink(tree.resolve("z-linked"), tree.resolve("small"));
  }

  @Test
  void shouldTellTheArchivesOwnChecksum() throws IOException {
    try (ArchiveFixture fixture = fixture()) {
      assertThat(fixture.composition.crc64nvme())
          .isEqualTo(Crc64Nvme.hex(Crc64Nvme.of(fixture.bytes())));
      assertThat(fixture.composition.bytes()).isEqualTo(fixture.bytes().length);
    }
  }

  @Test
  void shouldReadBackWhatWasWritten() throws IOException {
    try (ArchiveFixture fixture = fixture()) {
      ArchiveReader reader = fixture.reader();
      reader.extractDatabase(folder.resolve("dump"), ProgressListener.NONE);
      reader.extractMedia(
          folder.resolve("media"), new ExtractOptions(false, false), ProgressListener.NONE);

      assertThat(reader.manifest()).isEqualTo(ArchiveFixture.MANIFEST);
      assertThat(reader.parts()).containsExactly(Component.DATABASE, Component.MEDIA);
      assertThat(folder.resolve("dump")).hasBinaryContent(DUMP);
      assertThat(folder.resolve("media/small")).hasContent("small");
      assertThat(Files.isSameFile(folder.resolve("media/small"), folder.resolve("media/z-linked")))
          .isTrue();
    }
  }

  /** Whoever extracts would lend their rights to everybody. */
  @Test
  void shouldLeaveSetUidSetGidAndStickyBitsOutWhereOwnersAreNotRestored() throws IOException {
    // given
    Libc.chmod(EntryPath.of(tree.resolve("small")), 06755);
    Libc.chmod(EntryPath.of(tree.resolve("folder/large")), 07711);
    Libc.chmod(EntryPath.of(tree.resolve("folder")), 03775);
    try (ArchiveFixture fixture = fixture()) {
      Path media = folder.resolve("media");

      // when
      fixture.reader().extractMedia(media, new ExtractOptions(false, false), ProgressListener.NONE);

      // then
      assertThat(mode(media.resolve("small"))).isEqualTo(0755);
      assertThat(mode(media.resolve("folder/large"))).isEqualTo(0711);
      assertThat(mode(media.resolve("folder"))).isEqualTo(0775);
    }
  }

  /** Anybody may make set-uid files of their own, and none of root's. */
  @Test
  void shouldGiveNobodyAProgramThatRunsAsTheUserThatAMappingGivesItTo() throws IOException {
    assumeTrue(Tool.root(), "only root can give files away");
    // given
    Libc.lchown(EntryPath.of(tree.resolve("small")), 1000, 1001);
    Libc.chmod(EntryPath.of(tree.resolve("small")), 06755);
    Libc.lchown(EntryPath.of(tree.resolve("folder/large")), 1002, 1003);
    Libc.chmod(EntryPath.of(tree.resolve("folder/large")), 06755);
    Libc.lchown(EntryPath.of(tree.resolve("folder")), 1000, 1001);
    Libc.chmod(EntryPath.of(tree.resolve("folder")), 03775);
    try (ArchiveFixture fixture = fixture()) {
      // then
      assertThat(modes(fixture, Map.of(1000L, 0L), Map.of())).containsExactly(02755, 06755, 03775);
      assertThat(modes(fixture, Map.of(), Map.of(1001L, 0L))).containsExactly(04755, 06755, 03775);
      assertThat(modes(fixture, Map.of(1000L, 1000L), Map.of(1003L, 0L)))
          .containsExactly(06755, 04755, 03775);
    }
  }

  private List<Integer> modes(ArchiveFixture fixture, Map<Long, Long> users, Map<Long, Long> groups)
      throws IOException {
    Path media = Files.createTempDirectory(folder, "media");
    fixture
        .reader()
        .extractMedia(
            media,
            new ExtractOptions(true, false, new OwnerMapping(users, groups)),
            ProgressListener.NONE);
    return List.of(
        mode(media.resolve("small")),
        mode(media.resolve("folder/large")),
        mode(media.resolve("folder")));
  }

  private static int mode(Path path) throws IOException {
    return (int) Files.getAttribute(path, "unix:mode") & 07777;
  }

  @Test
  void shouldListWhatIsMissingBehindAllEntries() throws IOException {
    List<EntryPath> missing =
        List.of(EntryPath.of("gone/№ 1"), EntryPath.of(new byte[] {'o', 'd', 'd', (byte) 0xff}));
    try (Compressor compressor = Compressor.open(2);
        FilesystemObjectStore store = new FilesystemObjectStore(folder.resolve("store"));
        PartObjects objects = new PartObjects(store, ObjectKey.of("work", "media"))) {
      // when
      PartInventory part =
          MediaPart.write(
              tree,
              path -> false,
              listener -> {
                for (EntryPath path : missing) {
                  listener.path(path);
                }
              },
              MediaPart.Earlier.NONE,
              objects,
              compressor,
              ProgressListener.NONE);

      // then
      PartReader reader = PartReader.of(store, part);
      List<EntryPath> told = new ArrayList<>();
      reader.missing(told::add);
      assertThat(told).isEqualTo(missing.stream().map(MediaPart.ROOT::resolve).toList());
      List<ArchiveEntry> entries = new ArrayList<>();
      reader.entries(entries::add);
      assertThat(entries).hasSize(5);
      reader.verify(ProgressListener.NONE);
    }
  }

  @Test
  void shouldWriteALinkRightBehindItsTargetAndFoldersLast() throws IOException {
    try (ArchiveFixture fixture = fixture()) {
      List<String> paths = new ArrayList<>();
      fixture.reader().entries(Component.MEDIA, entry -> paths.add(entry.path().toString()));

      assertThat(paths)
          .containsExactly(
              "storage/folder/large",
              "storage/small",
              "storage/z-linked",
              "storage/folder",
              "storage");
    }
  }

  @Test
  void shouldCountTheContentOfAFileOnceWhicheverOfItsNamesAreChosen() throws IOException {
    try (ArchiveFixture fixture = fixture()) {
      for (List<String> chosen :
          List.of(
              List.of("storage/small"),
              List.of("storage/z-linked"),
              List.of("storage/small", "storage/z-linked"))) {
        assertThat(fixture.reader().mediaAmount(Selection.of(chosen), 4096))
            .isEqualTo(
                new ArchiveReader.Amount(
                    chosen.size(), "small".length(), new ArchiveReader.Room(4096, 1)));
      }
    }
  }

  @Test
  void shouldCountTheBlocksThatFilesTakeAndTheInodes() throws IOException {
    try (ArchiveFixture fixture = fixture()) {
      Selection everything = Selection.of(List.of());
      long bytes = 100_000L + "small".length();
      assertThat(fixture.reader().mediaAmount(everything, 1))
          .isEqualTo(new ArchiveReader.Amount(3, bytes, new ArchiveReader.Room(bytes, 4)));
      assertThat(fixture.reader().mediaAmount(everything, 4096).room())
          .isEqualTo(new ArchiveReader.Room(25 * 4096 + 4096, 4));
    }
  }

  @Test
  void shouldMarkWhatWasKeptThoughItVanished() throws IOException {
    try (ArchiveFixture fixture =
        new ArchiveFixture(
            folder.resolve("store"),
            DUMP,
            null,
            tree,
            path -> path.equals(Path.of("folder/large")))) {
      List<String> vanished = new ArrayList<>();
      fixture
          .reader()
          .entries(
              Component.MEDIA,
              entry -> {
                if (entry.vanished()) {
                  vanished.add(entry.path().toString());
                }
              });

      assertThat(vanished).containsExactly("storage/folder/large");
    }
  }

  @Test
  void shouldKeepTheContentMembersOfALargeFileThatOnlyChangedItsName() throws IOException {
    List<String> before;
    try (ArchiveFixture fixture = fixture()) {
      before = memberHashes(fixture);
    }
    Files.move(tree.resolve("folder/large"), tree.resolve("folder/renamed"));
    try (ArchiveFixture fixture = new ArchiveFixture(folder.resolve("other-store"), DUMP, tree)) {
      assertThat(memberHashes(fixture)).contains(before.get(1));
    }
  }

  private static List<String> memberHashes(ArchiveFixture fixture) throws IOException {
    List<String> hashes = new ArrayList<>();
    try (InputStream stored = fixture.store.open(fixture.media.index().getFirst());
        InputStream plain = new GZIPInputStream(stored)) {
      new String(plain.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .map(line -> Json.mapper().readValue(line, IndexLine.class))
          .forEach(line -> {
            if (line.member() != null) {
              hashes.add(line.member().sha256());
            }
          });
    }
    return hashes;
  }

  @Test
  void shouldRefuseAnObjectThatIsNoArchive() throws IOException {
    try (ArchiveFixture fixture = fixture()) {
      assertThatThrownBy(() -> fixture.readerOf(new byte[10]))
          .isInstanceOf(ArchiveCorruptException.class);
      assertThatThrownBy(() -> fixture.readerOf(new byte[100_000]))
          .isInstanceOf(ArchiveCorruptException.class);
      byte[] archive = fixture.bytes();
      byte[] cut = Arrays.copyOf(archive, archive.length - 1);
      assertThatThrownBy(() -> fixture.readerOf(cut)).isInstanceOf(ArchiveCorruptException.class);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'version':1}",
        "{'version':1,'parts':[]}",
        "{'version':1,'manifest':{'offset':0,'length':9},'parts':[null]}",
        "{'version':1,'manifest':{'offset':0,'length':9},'parts':[{'component':'media'}]}",
        "{'version':1,'manifest':{'offset':0,'length':9},'parts':[{'component':'media',"
            + "'content':{'offset':0,'length':9},'index':{'offset':0,'length':9}}]}",
        "{'version':1,'manifest':{'offset':-1,'length':9},'parts':[]}",
        LOOKUP + "{'index':[{'length':19}],'pages':[{'first':'0123456789','length':18}]}}]}",
        LOOKUP + "{'index':[{'length':20}],'pages':[{'first':'0123456789','length':19}]}}]}",
        LOOKUP + "{'index':[{'length':20}],'pages':[null]}}]}",
        LOOKUP + "{'index':[{'length':20}]}}]}",
        LOOKUP + "7}]}",
        "{'version':1,'manifest':{'offset':0,'length':99},'parts':[]}",
        "{'manifest':{'offset':0,'length':9},'parts':[]}",
      })
  void shouldRefuseARootIndexThatMakesNoSense(String json) throws IOException {
    try (ArchiveFixture fixture = fixture()) {
      assertThatThrownBy(() -> fixture.readerOf(archiveWith(json)))
          .isInstanceOf(ArchiveCorruptException.class)
          .hasMessageContaining("the root index");
    }
  }

  private static byte[] archiveWith(String rootIndex) {
    byte[] plain = rootIndex.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    byte[] root = GzipMember.stored(plain, plain.length);
    ByteArrayOutputStream archive = new ByteArrayOutputStream();
    archive.writeBytes(new byte[40]);
    archive.writeBytes(root);
    archive.writeBytes(new Footer(root.length, root.length).encode());
    return archive.toByteArray();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'version':2,'manifest':{'offset':0,'length':9},'parts':[]}",
        "{'version':2,'chapters':[]}",
      })
  void shouldNotTakeANewerFormatForDamage(String rootIndex) throws IOException {
    try (ArchiveFixture fixture = fixture()) {
      assertThatThrownBy(() -> fixture.readerOf(archiveWith(rootIndex)))
          .isInstanceOf(UnknownVersionException.class)
          .hasMessageContainingAll("root index", "version 2", "none above 1", "newer release");
    }
  }

  @Test
  void shouldNotTakeAFooterOfANewerFormatForDamage() throws IOException {
    try (ArchiveFixture fixture = fixture()) {
      byte[] newer = NewerFormat.of(fixture.bytes());

      assertThatThrownBy(() -> fixture.readerOf(newer))
          .isInstanceOf(UnknownVersionException.class)
          .hasMessageContainingAll("its format has version 2", "none above 1");
    }
  }

  @Test
  void shouldReadTheLongestManifestThatCanBeWritten() throws IOException {
    byte[] manifest = new byte[MemberCutter.LONGEST];
    try (ArchiveFixture fixture = fixture()) {
      StoredObject archive =
          fixture.store.compose(
              ObjectKey.of("longest"),
              ArchiveLayout.compose(manifest, ArchiveFixture.TIME, List.of(fixture.database), 1)
                  .pieces());

      assertThat(ArchiveReader.open(fixture.store, archive).manifest()).isEqualTo(manifest);
    }
  }

  @Test
  void shouldRefuseAFolderThatIsNotEmpty() throws IOException {
    try (ArchiveFixture fixture = fixture()) {
      assertThatThrownBy(() ->
              fixture
                  .reader()
                  .extractMedia(tree, new ExtractOptions(false, false), ProgressListener.NONE))
          .isInstanceOf(IOException.class);
    }
  }

  @Test
  void shouldWriteNothingThroughALinkOfTheArchive() throws IOException {
    Path outside = Files.createDirectories(folder.resolve("outside"));
    try (MediaExtraction extraction =
        new MediaExtraction(folder.resolve("media"), new ExtractOptions(false, false))) {
      extraction.entry(
          entry("storage/link", ArchiveEntry.Type.SYMLINK, outside.toString()), out -> {});

      assertThatThrownBy(() ->
              extraction.entry(
                  entry("storage/link/file", ArchiveEntry.Type.FILE, null), out -> out.write(1)))
          .isInstanceOf(PathTakenException.class)
          .hasMessageContaining("no folder");
    }
    assertThat(outside).isEmptyDirectory();
  }

  @Test
  void shouldRefuseTwoFilesOfOnePath() throws IOException {
    try (MediaExtraction extraction =
        new MediaExtraction(folder.resolve("media"), new ExtractOptions(false, false))) {
      ArchiveEntry twice = entry("storage/twice", ArchiveEntry.Type.FILE, null);
      extraction.entry(twice, out -> out.write(1));
      extraction.entry(twice, out -> out.write(2));

      assertThatThrownBy(extraction::finish).isInstanceOf(PathTakenException.class);
    }
  }

  @Test
  void shouldTakeItForDamageThatAnArchiveHasTwoEntriesOfOnePath() throws IOException {
    assertThatThrownBy(() ->
            extract(
                entry("storage/twice", ArchiveEntry.Type.FILE, null),
                entry("storage/twice", ArchiveEntry.Type.FILE, null)))
        .isInstanceOf(ArchiveCorruptException.class)
        .hasMessageContaining("its path is taken by another entry");
    assertThatThrownBy(() ->
            extract(
                entry("storage/link", ArchiveEntry.Type.SYMLINK, "/outside"),
                entry("storage/link/file", ArchiveEntry.Type.FILE, null)))
        .isInstanceOf(ArchiveCorruptException.class)
        .hasMessageContaining("no folder by another entry");
  }

  @ParameterizedTest
  @ValueSource(strings = {"storage/a", "storage/a/file"})
  void shouldNotTakeItForDamageThatATargetTakesTwoNamesForTheSame(String second)
      throws IOException {
    Path target = folder.resolve("media");
    ArchiveReader archive =
        archive(
            entry("storage/A", ArchiveEntry.Type.FILE, null),
            entry(second, ArchiveEntry.Type.FILE, null),
            entry("storage", ArchiveEntry.Type.FOLDER, null));

    assertThatThrownBy(() ->
            archive.extractMedia(
                target, new ExtractOptions(false, false), alsoAt(target.resolve("a"))))
        .isInstanceOf(PathTakenException.class)
        .hasMessageContainingAll(second, "cannot be put back", "differ in case");
    assertThatThrownBy(() ->
            archive.extractMedia(
                Selection.of(List.of("storage")),
                folder.resolve("chosen"),
                new ExtractOptions(false, false),
                alsoAt(folder.resolve("chosen/a"))))
        .isInstanceOf(PathTakenException.class);
  }

  /** As if the first file had been made under this name too. */
  private static ProgressListener alsoAt(Path name) {
    return (bytes, files) -> {
      if (files > 0 && Files.notExists(name)) {
        try {
          Files.createFile(name);
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    };
  }

  private void extract(ArchiveEntry... entries) throws IOException {
    List<String> _ =
        archive(entries)
            .extractMedia(
                folder.resolve("media-" + System.nanoTime()),
                new ExtractOptions(false, false),
                ProgressListener.NONE);
  }

  private static ArchiveReader archive(ArchiveEntry... entries) throws IOException {
    InMemoryObjectStore store = new InMemoryObjectStore(InstantSource.system(), true);
    try (Compressor compressor = Compressor.open(1);
        PartObjects objects = new PartObjects(store, ObjectKey.of("work", "media"))) {
      PartWriter writer = new PartWriter(Component.MEDIA, objects, compressor, List.of());
      for (ArchiveEntry entry : entries) {
        writer.append(entry, new byte[(int) entry.size()]);
      }
      PartWriter.Index index = writer.finish();
      return ArchiveReader.open(
          store,
          ArchiveFixture.compose(
              store,
              ObjectKey.of("archive"),
              ArchiveFixture.inventory(Component.MEDIA, objects, index)));
    }
  }

  @Test
  void shouldRefusePathsThatLeadOut() throws IOException {
    try (MediaExtraction extraction =
        new MediaExtraction(folder.resolve("media"), new ExtractOptions(false, false))) {
      for (String path :
          List.of(
              "/etc/passwd",
              "storage/../out",
              "storage/a/../../out",
              "storage//a",
              "storage/./a",
              "storage/a\0b",
              "other/a",
              "..",
              "",
              "storage")) {
        assertThatThrownBy(() ->
                extraction.entry(entry(path, ArchiveEntry.Type.FILE, null), out -> out.write(1)))
            .as(path)
            .isInstanceOf(ArchiveCorruptException.class);
      }
    }
    assertThat(folder.resolve("media")).isEmptyDirectory();
  }

  private static ArchiveEntry entry(String path, ArchiveEntry.Type type, @Nullable String target) {
    return new EntryBuilder(path, type)
        .size(type == ArchiveEntry.Type.FILE ? 1 : 0)
        .target(target == null ? null : EntryPath.of(target))
        .build();
  }

  @Test
  void shouldReadTheFirstVersionForEver() throws IOException {
    byte[] golden;
    try (InputStream in =
        Objects.requireNonNull(ArchiveReaderTest.class.getResourceAsStream("archive-v1.tar.gz"))) {
      golden = in.readAllBytes();
    }
    try (FilesystemObjectStore store = new FilesystemObjectStore(folder.resolve("golden"));
        Upload upload = store.upload(ObjectKey.of("golden"))) {
      upload.write(golden);
      StoredObject object = upload.complete();
      ArchiveReader reader = ArchiveReader.open(store, object);
      Path media = folder.resolve("media");
      reader.extractMedia(media, new ExtractOptions(false, false), ProgressListener.NONE);
      reader.extractDatabase(folder.resolve("dump"), ProgressListener.NONE);

      assertThat(reader.manifest()).isEqualTo(ArchiveFixture.MANIFEST);
      assertThat(folder.resolve("dump")).hasContent("a dump\n");
      assertThat(media.resolve("käse.txt")).hasContent("käse\n");
      assertThat(Files.readSymbolicLink(media.resolve("folder/link"))).hasToString("../käse.txt");
      assertThat(media.resolve("folder/large")).hasBinaryContent(new byte[70_000]);
      assertThat(Files.getLastModifiedTime(media.resolve("folder")).toInstant())
          .isEqualTo("2026-01-01T00:00:00.123456789Z");
    }
  }

  private ArchiveFixture fixture() throws IOException {
    return new ArchiveFixture(folder.resolve("store"), DUMP, tree);
  }
}
