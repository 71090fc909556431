package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoredObject;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What {@code archive-v1-everything.tar.gz} was made of: everything that the first version of the
 * format can tell, but for sizes that no test would want. {@link #main} makes such an archive. That
 * file stays as it is for ever; what the format learns later gets a file of its own, as {@code
 * archive-v1-lookup.tar.gz}, which has a lookup and files that one needs care for.
 */
final class GoldenArchive {
  static final byte[] DUMP = "a dump\n".getBytes(StandardCharsets.UTF_8);
  static final byte[] GLOBALS = "CREATE ROLE clerks;\n".getBytes(StandardCharsets.UTF_8);
  static final List<EntryPath> MISSING =
      List.of(EntryPath.of("gone/№ 1"), new EntryPath("gone/\u00ff"));

  /** Paths whose SHA-256 begins with the same five bytes. */
  static final List<EntryPath> ALIKE =
      List.of(EntryPath.of("storage/collision/294155"), EntryPath.of("storage/collision/1468147"));

  private static final IndexWriter.Sizes SMALL = new IndexWriter.Sizes(1_000, 4);
  private static final Instant TIME = Instant.parse("2026-01-01T00:00:00.123456789Z");
  private static final String LONG = "long/" + "l".repeat(120);
  private static final byte[] LARGE = new byte[3_000_000];

  private GoldenArchive() {}

  /**
   * An entry of the media, as it goes into a writer.
   *
   * @param content of a file, else null
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Original(ArchiveEntry entry, byte @Nullable [] content) {}

  static byte[] bytes(String name) throws IOException {
    try (InputStream in =
        Objects.requireNonNull(GoldenArchive.class.getResourceAsStream(name), name)) {
      return in.readAllBytes();
    }
  }

  /** In the order of the archive. */
  static List<Original> media() {
    List<Original> originals = new ArrayList<>();
    originals.add(link("storage/link", EntryPath.of("folder/käse")));
    originals.add(link("storage/odd link", new EntryPath("caf\u00e9//")));

    Original small =
        file(
            entry("storage/folder/käse", ArchiveEntry.Type.FILE)
                .attributes(attributes())
                .accessAcl("user::rw-,user:1234:r--,group::r--,mask::r--,other::---"),
            "käse");
    originals.add(small);
    originals.add(
        new Original(small.entry().linkedAs(EntryPath.of("storage/same cheese"), false), null));
    originals.add(
        new Original(small.entry().linkedAs(new EntryPath("storage/\u00ff"), true), null));
    originals.add(file(entry("storage/empty", ArchiveEntry.Type.FILE), ""));
    originals.add(
        file(
            new EntryBuilder(new EntryPath("storage/caf\u00e9"), ArchiveEntry.Type.FILE)
                .modified(TIME)
                .vanished(),
            "gone"));
    originals.add(
        new Original(
            entry("storage/" + LONG, ArchiveEntry.Type.FILE).mode(0600).size(LARGE.length).build(),
            LARGE));
    originals.add(
        file(
            entry("storage/set-uid", ArchiveEntry.Type.FILE)
                .mode(06755)
                .modified(Instant.ofEpochSecond(-2, 500_000_000)),
            "-1"));
    originals.add(
        file(
            entry("storage/far", ArchiveEntry.Type.FILE)
                .mode(0)
                .modified(Instant.ofEpochSecond(15_000_000_000L)),
            "1"));
    originals.add(
        file(
            entry("storage/owned", ArchiveEntry.Type.FILE)
                .mode(0644)
                .owners(
                    3_000_000_000L, 2_999_999_999L, "jürgen", "a-group-with-a-name-of-32-letters"),
            "1"));
    originals.add(link("storage/late link", EntryPath.of("x/".repeat(60) + "y")));
    originals.add(
        other(
            entry("storage/other late link", ArchiveEntry.Type.HARDLINK)
                .mode(0777)
                .target(EntryPath.of("storage/late link"))));
    originals.add(other(entry("storage/fifo", ArchiveEntry.Type.FIFO)));
    originals.add(
        other(entry("storage/null", ArchiveEntry.Type.CHARACTER_DEVICE).mode(0660).device(1, 3)));
    originals.add(
        other(entry("storage/disk", ArchiveEntry.Type.BLOCK_DEVICE).mode(0660).device(259, 300)));

    originals.add(
        other(
            entry("storage/folder", ArchiveEntry.Type.FOLDER)
                .mode(02770)
                .attributes(
                    new TreeMap<>(Map.of("user.kind", "cheese".getBytes(StandardCharsets.UTF_8))))
                .accessAcl("user::rwx,group::r-x,group:99:rwx,mask::rwx,other::---")
                .defaultAcl("user::rwx,user:1234:rwx,group::r-x,mask::rwx,other::---")));
    originals.add(other(entry("storage/long", ArchiveEntry.Type.FOLDER).mode(0755)));
    originals.add(other(entry("storage", ArchiveEntry.Type.FOLDER).mode(01777)));
    return originals;
  }

  /** As {@link #media}, and {@link #ALIKE} far from each other. */
  static List<Original> mediaToLookUp() {
    List<Original> originals = media();
    originals.add(2, file(entry(ALIKE.getFirst().toString(), ArchiveEntry.Type.FILE), "one"));
    originals.add(
        originals.size() - 3,
        file(entry(ALIKE.getLast().toString(), ArchiveEntry.Type.FILE), "other"));
    originals.add(
        originals.size() - 1,
        other(entry("storage/collision", ArchiveEntry.Type.FOLDER).mode(0755)));
    return originals;
  }

  private static EntryBuilder entry(String path, ArchiveEntry.Type type) {
    return new EntryBuilder(path, type).modified(TIME);
  }

  private static Original file(EntryBuilder entry, String content) {
    byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
    return new Original(entry.size(bytes.length).build(), bytes);
  }

  private static Original link(String path, EntryPath target) {
    return other(entry(path, ArchiveEntry.Type.SYMLINK).mode(0777).target(target));
  }

  private static Original other(EntryBuilder entry) {
    return new Original(entry.build(), null);
  }

  private static SortedMap<String, byte[]> attributes() {
    SortedMap<String, byte[]> attributes = new TreeMap<>();
    attributes.put("user.binary", new byte[] {0, 1, '\n', (byte) 0xff, '=', 0});
    attributes.put("user.empty", new byte[0]);
    attributes.put("user.odd=name%25", "value".getBytes(StandardCharsets.UTF_8));
    attributes.put("user.ünïcode", "ü".getBytes(StandardCharsets.UTF_8));
    byte[] octets = new EntryPath("user.\u00ff").bytes();
    attributes.put("base64:" + Base64.getEncoder().encodeToString(octets), new byte[] {1});
    return attributes;
  }

  /** Makes the archive anew in {@code folder}, which also holds what it is made of. */
  static Path write(Path folder) throws IOException {
    return write(folder, media(), IndexWriter.Sizes.STANDARD);
  }

  private static Path write(Path folder, List<Original> originals, IndexWriter.Sizes indexSizes)
      throws IOException {
    ObjectKey key = ObjectKey.of("archive");
    try (FilesystemObjectStore store = new FilesystemObjectStore(folder);
        Compressor compressor = Compressor.open(2);
        PartObjects database = new PartObjects(store, ObjectKey.of("work", "database"));
        PartObjects media = new PartObjects(store, ObjectKey.of("work", "media"))) {
      PartInventory dump =
          DatabasePart.write(
              new ByteArrayInputStream(DUMP),
              GLOBALS,
              ArchiveFixture.TIME,
              List.of(),
              database,
              compressor,
              ProgressListener.NONE);
      PartInventory files = write(originals, media, compressor, indexSizes);
      StoredObject _ = ArchiveFixture.compose(store, key, dump, files);
    }
    return folder.resolve(key.value());
  }

  private static PartInventory write(
      List<Original> originals,
      PartObjects objects,
      Compressor compressor,
      IndexWriter.Sizes indexSizes)
      throws IOException {
    PartWriter writer = new PartWriter(Component.MEDIA, objects, compressor, List.of(), indexSizes);
    boolean links = true;
    boolean folders = false;
    for (Original original : originals) {
      ArchiveEntry.Type type = original.entry().type();
      if ((links && type != ArchiveEntry.Type.SYMLINK)
          || (!folders && type == ArchiveEntry.Type.FOLDER)) {
        writer.cut();
        links = false;
        folders = type == ArchiveEntry.Type.FOLDER;
      }
      byte[] content = original.content() == null ? new byte[0] : original.content();
      if (content.length < MediaPart.OWN_MEMBERS_BYTES) {
        writer.append(original.entry(), content);
      } else {
        writer.append(original.entry(), new ByteArrayInputStream(content), ProgressListener.NONE);
      }
    }
    writer.cut();
    for (EntryPath path : MISSING) {
      writer.missing(MediaPart.ROOT.resolve(path));
    }
    return ArchiveFixture.inventory(Component.MEDIA, objects, writer.finish());
  }

  /**
   * @param arguments the file that is to be made, and {@code lookup} if it is to have one
   */
  public static void main(String[] arguments) throws IOException {
    Path folder = Files.createTempDirectory("golden-archive-");
    Path archive = arguments.length > 1 ? write(folder, mediaToLookUp(), SMALL) : write(folder);
    Files.copy(archive, Path.of(arguments[0]));
  }
}
