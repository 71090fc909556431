package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.Crc64Nvme;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.store.Upload;
import io.hybridbackup.common.testing.WatchedStore;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.function.LongUnaryOperator;
import java.util.function.UnaryOperator;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Single paths by the lookup of an index, which here is cut into very small members and pages. */
class LookupTest {
  private static final IndexWriter.Sizes SIZES = new IndexWriter.Sizes(1_000, 4);
  private static final int SMALL_FILES = 60;

  /** So many headers fill more than one shared member. */
  private static final int LINKS = 2_500;

  private static final String LAST_LINK = "storage/links/%04d".formatted(LINKS);
  private static final Instant TIME = ArchiveFixture.TIME;

  @TempDir private Path folder;
  private final Map<EntryPath, byte[]> contents = new LinkedHashMap<>();
  private FilesystemObjectStore store;
  private WatchedStore watched;
  private Compressor compressor;
  private PartInventory part;

  @BeforeEach
  void write() throws IOException {
    store = new FilesystemObjectStore(folder.resolve("store"));
    watched = new WatchedStore(store);
    compressor = Compressor.open(2);
    part = part("media", SIZES, this::writeAll);
  }

  @AfterEach
  void close() {
    compressor.close();
    store.close();
  }

  /** Writes entries. */
  private interface Content {
    void writeTo(PartWriter writer) throws IOException;
  }

  private PartInventory part(String name, IndexWriter.Sizes sizes, Content content)
      throws IOException {
    try (PartObjects objects = new PartObjects(store, ObjectKey.of("work", name))) {
      PartWriter writer = new PartWriter(Component.MEDIA, objects, compressor, List.of(), sizes);
      content.writeTo(writer);
      return ArchiveFixture.inventory(Component.MEDIA, objects, writer.finish());
    }
  }

  private void writeAll(PartWriter writer) throws IOException {
    writeSmall(writer, GoldenArchive.ALIKE.getFirst());
    byte[] large = new byte[12_000_000];
    new Random(1).nextBytes(large);
    EntryPath path = EntryPath.of("storage/large");
    writer.append(
        entry(path, ArchiveEntry.Type.FILE, large.length),
        new ByteArrayInputStream(large),
        ProgressListener.NONE);
    contents.put(path, large);
    for (int i = 0; i < SMALL_FILES; i++) {
      writeSmall(writer, EntryPath.of("storage/folder/small %02d".formatted(i)));
    }
    writeSmall(writer, new EntryPath("storage/caf\u00e9"));
    writeSmall(writer, EntryPath.of("storage/folder/käse"));
    writeSmall(writer, GoldenArchive.ALIKE.getLast());
    EntryPath shared = EntryPath.of("storage/links/0000");
    writeSmall(writer, shared);
    ArchiveEntry file =
        entry(shared, ArchiveEntry.Type.FILE, Objects.requireNonNull(contents.get(shared)).length);
    for (int i = 1; i <= LINKS; i++) {
      writer.append(
          file.linkedAs(EntryPath.of("storage/links/%04d".formatted(i)), false), new byte[0]);
    }
    contents.put(EntryPath.of(LAST_LINK), contents.get(shared));
    writer.cut();
    for (String name : List.of("storage/collision", "storage/folder", "storage/links", "storage")) {
      writer.append(entry(EntryPath.of(name), ArchiveEntry.Type.FOLDER, 0), new byte[0]);
    }
  }

  private void writeSmall(PartWriter writer, EntryPath path) throws IOException {
    byte[] content = ("content of " + path).getBytes(StandardCharsets.UTF_8);
    writer.append(entry(path, ArchiveEntry.Type.FILE, content.length), content);
    contents.put(path, content);
  }

  private static ArchiveEntry entry(EntryPath path, ArchiveEntry.Type type, long size) {
    return new EntryBuilder(path, type).size(size).mode(0750).build();
  }

  private PartInventory.Lookup lookup() {
    return Objects.requireNonNull(part.lookup());
  }

  private StoredObject archive(PartInventory of) {
    return ArchiveFixture.compose(store, ObjectKey.of("archive-" + System.nanoTime()), of);
  }

  private ArchiveFiles files(PartInventory of) throws IOException {
    return ArchiveFiles.open(watched, archive(of));
  }

  private static byte[] read(ArchiveFiles files, EntryPath path) throws IOException {
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    assertThat(files.copy(path, content))
        .get()
        .extracting(ArchiveEntry::type)
        .isEqualTo(ArchiveEntry.Type.FILE);
    return content.toByteArray();
  }

  private static long bytes(List<Slice> slices) {
    return slices.stream().mapToLong(Slice::bytes).sum();
  }

  @Test
  void shouldReadEveryFileWithoutReadingTheIndex() throws IOException {
    ArchiveFiles files = files(part);
    long before = watched.bytesRead();
    for (Map.Entry<EntryPath, byte[]> file : contents.entrySet()) {
      assertThat(read(files, file.getKey()))
          .as(file.getKey().toString())
          .isEqualTo(file.getValue());
    }

    assertThat(lookup().directory().index()).hasSizeGreaterThan(500);
    assertThat(lookup().directory().pages()).hasSizeGreaterThan(500);
    assertThat(watched.opened()).noneMatch(slice -> slice.bytes() == bytes(part.index()));
    assertThat(watched.bytesRead() - before).isLessThan(contents.size() * 20_000L + 13_000_000);
  }

  @Test
  void shouldReadAFileWhoseMembersAreToldOfInSeveralMembersOfTheIndex() throws IOException {
    assertThat(
            lookup().directory().index().stream()
                .limit(6)
                .mapToLong(LookupDirectory.IndexMember::members)
                .filter(members -> members > 2))
        .hasSizeGreaterThanOrEqualTo(3);
    assertThat(read(files(part), EntryPath.of("storage/large"))).hasSize(12_000_000);
  }

  @Test
  void shouldTellPathsApartWhoseHashesBeginAlike() throws IOException {
    assertThat(GoldenArchive.ALIKE.stream().map(LookupRecords::hash).distinct()).hasSize(1);
    for (EntryPath path : GoldenArchive.ALIKE) {
      assertThat(read(files(part), path))
          .asString(StandardCharsets.UTF_8)
          .endsWith(path.toString());
    }
    PartInventory one =
        part(
            "one",
            SIZES,
            writer -> {
              writeSmall(writer, GoldenArchive.ALIKE.getFirst());
              writeSome(writer);
            });
    assertThat(files(one).copy(GoldenArchive.ALIKE.getLast(), new ByteArrayOutputStream()))
        .isEmpty();
  }

  @Test
  void shouldKeepRecordsOfOneHashTogether() throws IOException {
    PartInventory paged =
        part(
            "paged",
            new IndexWriter.Sizes(1_000, 1),
            writer -> {
              writeSmall(writer, GoldenArchive.ALIKE.getFirst());
              writeSome(writer);
              writeSmall(writer, GoldenArchive.ALIKE.getLast());
            });
    for (EntryPath path : GoldenArchive.ALIKE) {
      assertThat(read(files(paged), path)).isEqualTo(contents.get(path));
    }
    assertThat(watched.opened()).noneMatch(slice -> slice.bytes() == bytes(paged.index()));
    PartReader.of(store, paged).verify(ProgressListener.NONE);
  }

  @Test
  void shouldTellOfWhatIsNoFileAndOfWhatIsNotThere() throws IOException {
    ByteArrayOutputStream nothing = new ByteArrayOutputStream();
    ArchiveFiles files = files(part);

    assertThat(files.copy(EntryPath.of("storage/folder"), nothing).orElseThrow().type())
        .isEqualTo(ArchiveEntry.Type.FOLDER);
    assertThat(watched.opened()).noneMatch(slice -> slice.bytes() == bytes(part.index()));
    assertThat(files.copy(EntryPath.of("storage/absent"), nothing)).isEmpty();
    assertThat(watched.opened()).anyMatch(slice -> slice.bytes() == bytes(part.index()));
    assertThat(nothing.size()).isZero();
  }

  @Test
  void shouldListSinglePathsWithoutReadingTheIndex() throws IOException {
    List<String> paths =
        List.of("storage/folder/käse", "storage/folder/small 07", "storage/large", LAST_LINK);
    ArchiveFiles files = files(part);
    long before = watched.bytesRead();

    assertThat(listed(files, paths.reversed()))
        .containsExactly(
            "storage/large", "storage/folder/small 07", "storage/folder/käse", LAST_LINK);
    assertThat(watched.bytesRead() - before).isLessThan(paths.size() * 5_000L);
  }

  @Test
  void shouldListAllThatIsBelowAFolderAndMissWhatIsNotThere() throws IOException {
    assertThat(listed(files(part), List.of("storage/folder", "storage/large")))
        .hasSize(SMALL_FILES + 3);
    assertThat(listed(files(part), List.of("storage/large", "storage/absent")))
        .containsExactly("storage/large");
    assertThat(listed(files(with(null)), List.of("storage/large")))
        .containsExactly("storage/large");
  }

  private static List<String> listed(ArchiveFiles files, List<String> paths) throws IOException {
    List<String> listed = new ArrayList<>();
    files.list(Selection.of(paths), entry -> listed.add(entry.path().toString()));
    return listed;
  }

  @Test
  void shouldCountSinglePathsWithoutReadingTheIndex() throws IOException {
    ArchiveReader reader = ArchiveReader.open(watched, archive(part));
    long before = watched.bytesRead();

    ArchiveReader.Amount two =
        reader.mediaAmount(Selection.of(List.of("storage/large", "storage/folder/käse")), 4096);
    assertThat(two.files()).isEqualTo(2);
    assertThat(two.bytes()).isEqualTo(12_000_000 + "content of storage/folder/käse".length() + 1);
    assertThat(two.room().inodes()).isEqualTo(2);
    assertThat(watched.bytesRead() - before).isLessThan(20_000);

    ArchiveReader.Amount link = reader.mediaAmount(Selection.of(List.of(LAST_LINK)), 4096);
    assertThat(link.bytes()).isEqualTo("content of storage/links/0000".length());
    assertThat(watched.opened()).noneMatch(slice -> slice.bytes() == bytes(part.index()));
  }

  @Test
  void shouldExtractSinglePathsWithTheirFolders() throws IOException {
    Path out = folder.resolve("out");
    extract(out, "storage/folder/small 07", "storage/folder/käse", LAST_LINK, "manifest.json");

    assertThat(watched.opened()).noneMatch(slice -> slice.bytes() == bytes(part.index()));
    assertThat(out.resolve("manifest.json")).exists();
    assertThat(out.resolve("storage/folder").toFile().list())
        .containsExactlyInAnyOrder("small 07", "käse");
    assertThat(out.resolve("storage/folder/small 07"))
        .hasContent("content of storage/folder/small 07");
    assertThat(out.resolve(LAST_LINK)).hasContent("content of storage/links/0000");
    assertThat(Files.getLastModifiedTime(out.resolve("storage/folder")).toInstant())
        .isEqualTo(TIME);
    assertThat(Files.getAttribute(out.resolve("storage/links"), "unix:mode")).isEqualTo(040750);
  }

  @Test
  void shouldExtractAllThatIsBelowAFolder() throws IOException {
    Path out = folder.resolve("out");
    extract(out, "storage/folder", "storage/large");

    assertThat(out.resolve("storage/folder").toFile().list()).hasSize(SMALL_FILES + 1);
    assertThat(out.resolve("storage/large")).hasSize(12_000_000);
  }

  private void extract(Path out, String... paths) throws IOException {
    assertThat(
            files(part)
                .extract(
                    Selection.of(List.of(paths)),
                    out,
                    new ExtractOptions(false, false),
                    ProgressListener.NONE))
        .isEmpty();
  }

  @Test
  void shouldReadAnArchiveWithoutALookup() throws IOException {
    ArchiveFiles files = files(with(null));

    assertThat(read(files, EntryPath.of(LAST_LINK)))
        .isEqualTo(contents.get(EntryPath.of(LAST_LINK)));
    assertThat(watched.opened()).anyMatch(slice -> slice.bytes() == bytes(part.index()));
    PartReader.of(store, with(null)).verify(ProgressListener.NONE);
  }

  @Test
  void shouldWriteNoLookupForAnIndexThatIsReadAsQuickly() throws IOException {
    assertThat(part("short", new IndexWriter.Sizes(50_000, 4), this::writeSome).lookup()).isNull();
    assertThat(part("longer", new IndexWriter.Sizes(4_000, 4), this::writeSome).lookup())
        .isNotNull();
  }

  private void writeSome(PartWriter writer) throws IOException {
    for (int i = 0; i < 50; i++) {
      writeSmall(writer, EntryPath.of("storage/" + i));
    }
  }

  @Test
  void shouldWriteNoLookupThatTheRootIndexCannotTellOf() throws IOException {
    int most = IndexWriter.LONGEST_DIRECTORY / 2 - 10;
    IndexWriter.Sizes each = new IndexWriter.Sizes(1, 1);
    PartInventory longest = part("longest", each, writer -> writeFifos(writer, most));

    assertThat(longest.lookup()).isNotNull();
    assertThat(files(longest).copy(EntryPath.of("storage/1"), new ByteArrayOutputStream()))
        .isPresent();
    assertThat(part("longer", each, writer -> writeFifos(writer, most + 20)).lookup()).isNull();
  }

  private static void writeFifos(PartWriter writer, int fifos) throws IOException {
    for (int i = 0; i < fifos; i++) {
      writer.append(entry(EntryPath.of("storage/" + i), ArchiveEntry.Type.FIFO, 0), new byte[0]);
    }
  }

  @Test
  void shouldHideNothingWhereItLeadsNowhere() throws IOException {
    PartInventory misled = withRecords(record -> record >>> 24 << 24);
    EntryPath path = EntryPath.of("storage/folder/small 33");

    assertThat(read(files(misled), path)).isEqualTo(contents.get(path));
    assertThatThrownBy(() -> PartReader.of(store, misled).verify(ProgressListener.NONE))
        .isInstanceOf(ArchiveCorruptException.class)
        .hasMessageContaining("the lookup of the media part");
  }

  @Test
  void shouldFindOutThatAnEntryIsLeftOut() throws IOException {
    PartReader.of(store, part).verify(ProgressListener.NONE);
    List<byte[]> pages = pages(LongUnaryOperator.identity());
    byte[] last = pages.removeLast();
    if (last.length > LookupRecords.RECORD_BYTES) {
      pages.add(Arrays.copyOf(last, last.length - LookupRecords.RECORD_BYTES));
    }
    PartInventory less = withPages(pages, lookup().directory().index());

    assertThatThrownBy(() -> PartReader.of(store, less).verify(ProgressListener.NONE))
        .isInstanceOf(ArchiveCorruptException.class)
        .hasMessageContaining("does not lead to all entries");
  }

  @Test
  void shouldRefusePagesThatMakeNoSense() throws IOException {
    List<byte[]> pages = pages(LongUnaryOperator.identity());
    int at = pageOf(EntryPath.of("storage/large"));
    byte[] page = pages.get(at);
    byte[] beyond = page.clone();
    ByteBuffer.wrap(beyond).putInt(4, ByteBuffer.wrap(beyond).getInt(4) | 0xffffff);
    byte[] beheaded = Arrays.copyOfRange(page, LookupRecords.RECORD_BYTES, page.length);
    byte[] longer = Arrays.copyOf(page, page.length + 7);
    byte[] backwards = new byte[3 * LookupRecords.RECORD_BYTES];
    System.arraycopy(page, 0, backwards, 0, 8);
    System.arraycopy(pages.get(at + 1), 0, backwards, 8, 8);
    System.arraycopy(page, 0, backwards, 16, 8);
    byte[] intoTheNext = Arrays.copyOf(page, page.length + 8);
    System.arraycopy(pages.get(at + 1), 0, intoTheNext, page.length, 8);

    for (byte[] hostile : List.of(beyond, beheaded, longer, backwards, intoTheNext)) {
      pages.set(at, hostile);
      refuse(withPages(pages, lookup().directory().index()), "the lookup of the media part");
    }
  }

  @Test
  void shouldRefuseAPageThatFillsTheMemory() throws IOException {
    int at = pageOf(EntryPath.of("storage/large"));
    ByteArrayOutputStream bomb = new ByteArrayOutputStream();
    try (OutputStream gzip = new GZIPOutputStream(bomb)) {
      gzip.write(new byte[LookupDirectory.Page.LONGEST + 8]);
    }
    refuse(withGzip(at, bomb.toByteArray()), "holds more than 1048576 bytes");
  }

  @Test
  void shouldRefuseADamagedPage() throws IOException {
    int at = pageOf(EntryPath.of("storage/large"));
    byte[] gzip = gzip(pages(LongUnaryOperator.identity()).get(at));
    gzip[gzip.length - 1] ^= 1;

    refuse(withGzip(at, gzip), "the lookup of the media part");
    refuse(withGzip(at, new byte[40]), "the lookup of the media part");
  }

  @Test
  void shouldRefuseADirectoryThatLiesAboutTheIndex() throws IOException {
    List<byte[]> pages = pages(LongUnaryOperator.identity());
    for (int change : new int[] {1, -1}) {
      List<LookupDirectory.IndexMember> lengths = new ArrayList<>(lookup().directory().index());
      for (int i = 0; i < 2; i++) {
        LookupDirectory.IndexMember told = lengths.get(i);
        lengths.set(
            i,
            new LookupDirectory.IndexMember(
                told.length() + (i == 0 ? change : -change), told.members()));
      }
      refuse(withPages(pages, lengths), "the index of the media part");
    }
    List<LookupDirectory.IndexMember> counts = new ArrayList<>(lookup().directory().index());
    for (int i = 0; i < counts.size(); i++) {
      LookupDirectory.IndexMember told = counts.get(i);
      counts.set(i, new LookupDirectory.IndexMember(told.length(), told.members() + 1));
    }
    refuse(withPages(pages, counts), "media part");
  }

  /** Fails to read a file, and to verify the part. */
  private void refuse(PartInventory hostile, String finding) throws IOException {
    ArchiveFiles files = files(hostile);
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    for (ThrowingCallable reading :
        List.<ThrowingCallable>of(
            () -> files.copy(EntryPath.of("storage/large"), content),
            () -> PartReader.of(store, hostile).verify(ProgressListener.NONE))) {
      assertThatThrownBy(reading)
          .isInstanceOf(ArchiveCorruptException.class)
          .hasMessageContaining(finding);
    }
    assertThat(content.size()).isZero();
  }

  @Test
  void shouldRefuseADirectoryThatMakesNoSense() {
    List<LookupDirectory.IndexMember> index = lookup().directory().index();
    List<LookupDirectory.Page> pages = lookup().directory().pages();
    for (ThrowingCallable made :
        List.<ThrowingCallable>of(
            () -> new LookupDirectory(index, pages.reversed()),
            () -> new LookupDirectory(index, List.of(pages.getFirst(), pages.getFirst())),
            () -> new LookupDirectory(index, List.of()),
            () -> new LookupDirectory(List.of(), pages),
            () -> new LookupDirectory.Page("0123456789", 2_000_000),
            () -> new LookupDirectory.Page("0123456789", 17),
            () -> new LookupDirectory.Page("012345678g", 1_000),
            () -> new LookupDirectory.IndexMember(17, 1),
            () -> new LookupDirectory.IndexMember(1L << 40, 1),
            () -> new LookupDirectory.IndexMember(1_000, -1))) {
      assertThatThrownBy(made).isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void shouldNeverHandOutAnotherContentThanTheEntrys() throws IOException {
    EntryPath path = EntryPath.of("storage/folder/small 33");
    for (UnaryOperator<String> lie :
        List.<UnaryOperator<String>>of(
            entry -> entry.replaceFirst("(\"content\":\\{.*\"offset\":)\\d+", "$1512"),
            entry -> entry.replaceFirst("(\"content\":\\{\"member\":)\\d+", "$10"),
            entry -> entry.replaceFirst("(\"content\":\\{\"member\":)\\d+", "$1999999999999"),
            entry -> entry.replaceFirst("(\"content\":\\{\"member\":)\\d+", "$1-1"))) {
      PartInventory lying = withIndex(line -> line.contains("small 33") ? lie.apply(line) : line);
      ByteArrayOutputStream content = new ByteArrayOutputStream();

      assertThatThrownBy(() -> files(lying).copy(path, content))
          .isInstanceOf(ArchiveCorruptException.class)
          .hasMessageContaining("small 33");
      assertThat(content.size()).isZero();
    }
  }

  private int pageOf(EntryPath path) {
    List<LookupDirectory.Page> pages = lookup().directory().pages();
    String hash = LookupRecords.hex(LookupRecords.hash(path));
    int at = pages.size() - 1;
    while (pages.get(at).first().compareTo(hash) > 0) {
      at--;
    }
    return at;
  }

  /** The plain pages with other records. */
  private List<byte[]> pages(LongUnaryOperator change) throws IOException {
    List<byte[]> pages = new ArrayList<>();
    try (InputStream in =
        new StoredBytes(lookup().pages()).open(store, 0, bytes(lookup().pages()))) {
      for (LookupDirectory.Page page : lookup().directory().pages()) {
        byte[] plain = gunzip(in.readNBytes((int) page.length()));
        ByteBuffer records = ByteBuffer.wrap(plain);
        for (int at = 0; at < plain.length; at += Long.BYTES) {
          records.putLong(at, change.applyAsLong(records.getLong(at)));
        }
        pages.add(plain);
      }
    }
    return pages;
  }

  private PartInventory withRecords(LongUnaryOperator change) throws IOException {
    return withPages(pages(change), lookup().directory().index());
  }

  private PartInventory withPages(List<byte[]> pages, List<LookupDirectory.IndexMember> index)
      throws IOException {
    return withGzips(pages.stream().map(LookupTest::gzip).toList(), index);
  }

  private PartInventory withGzip(int page, byte[] gzip) throws IOException {
    List<byte[]> gzips =
        new ArrayList<>(
            pages(LongUnaryOperator.identity()).stream().map(LookupTest::gzip).toList());
    gzips.set(page, gzip);
    return withGzips(gzips, lookup().directory().index());
  }

  private PartInventory withGzips(List<byte[]> gzips, List<LookupDirectory.IndexMember> index)
      throws IOException {
    List<LookupDirectory.Page> pages = new ArrayList<>();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int page = 0; page < gzips.size(); page++) {
      pages.add(
          new LookupDirectory.Page(
              lookup().directory().pages().get(page).first(), gzips.get(page).length));
      bytes.writeBytes(gzips.get(page));
    }
    return with(
        new PartInventory.Lookup(
            List.of(stored(bytes.toByteArray())),
            List.of(Crc64Nvme.hex(Crc64Nvme.of(bytes.toByteArray()))),
            new LookupDirectory(index, pages)));
  }

  private PartInventory with(PartInventory.@Nullable Lookup lookup) {
    return with(part.index(), part.indexCrc(), lookup);
  }

  private PartInventory with(
      List<Slice> index, List<String> indexCrc, PartInventory.@Nullable Lookup lookup) {
    return new PartInventory(
        part.component(),
        part.content(),
        part.contentCrc(),
        index,
        indexCrc,
        lookup,
        0,
        0,
        0,
        part.sha256(),
        null,
        0,
        List.of());
  }

  /** With other lines of the index, and a lookup that knows where they lie. */
  private PartInventory withIndex(UnaryOperator<String> change) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    List<LookupDirectory.IndexMember> members = new ArrayList<>();
    try (InputStream in = new StoredBytes(part.index()).open(store, 0, bytes(part.index()))) {
      for (LookupDirectory.IndexMember member : lookup().directory().index()) {
        StringBuilder lines = new StringBuilder();
        new String(gunzip(in.readNBytes((int) member.length())), StandardCharsets.UTF_8)
            .lines()
            .forEach(line -> lines.append(change.apply(line)).append('\n'));
        byte[] gzip = gzip(lines.toString().getBytes(StandardCharsets.UTF_8));
        bytes.writeBytes(gzip);
        members.add(new LookupDirectory.IndexMember(gzip.length, member.members()));
      }
    }
    return with(
        List.of(stored(bytes.toByteArray())),
        List.of(Crc64Nvme.hex(Crc64Nvme.of(bytes.toByteArray()))),
        new PartInventory.Lookup(
            lookup().pages(),
            lookup().crc(),
            new LookupDirectory(members, lookup().directory().pages())));
  }

  private static byte[] gzip(byte[] plain) {
    return GzipMember.stored(plain, plain.length);
  }

  private static byte[] gunzip(byte[] gzip) throws IOException {
    return new GZIPInputStream(new ByteArrayInputStream(gzip)).readAllBytes();
  }

  private Slice stored(byte[] bytes) throws IOException {
    try (Upload upload = store.upload(ObjectKey.of("part", "object-" + System.nanoTime()))) {
      upload.write(bytes);
      StoredObject object = upload.complete();
      return new Slice(object.key(), object.etag(), 0, object.bytes());
    }
  }
}
