package io.hybridbackup.common.archive;

import io.hybridbackup.common.archive.ArchiveEntry.Place;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
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
  private static final Place NOWHERE = new Place(0, 0);
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

    ArchiveEntry small =
        with(
            file("storage/folder/käse", "käse"),
            attributes(),
            "user::rw-,user:1234:r--,group::r--,mask::r--,other::---",
            null,
            false);
    originals.add(new Original(small, "käse".getBytes(StandardCharsets.UTF_8)));
    originals.add(new Original(small.linkedAs(EntryPath.of("storage/same cheese"), false), null));
    originals.add(new Original(small.linkedAs(new EntryPath("storage/\u00ff"), true), null));
    originals.add(text(file("storage/empty", ""), ""));
    ArchiveEntry vanished =
        file("storage/vanished", "gone").named(new EntryPath("storage/caf\u00e9"));
    originals.add(text(with(vanished, new TreeMap<>(), null, null, true), "gone"));
    originals.add(
        new Original(
            ArchiveFixture.entry(
                "storage/" + LONG, ArchiveEntry.Type.FILE, LARGE.length, 0600, TIME),
            LARGE));
    originals.add(
        text(
            ArchiveFixture.entry(
                "storage/set-uid",
                ArchiveEntry.Type.FILE,
                2,
                06755,
                Instant.ofEpochSecond(-2, 500_000_000)),
            "-1"));
    originals.add(
        text(
            ArchiveFixture.entry(
                "storage/far",
                ArchiveEntry.Type.FILE,
                1,
                0,
                Instant.ofEpochSecond(15_000_000_000L)),
            "1"));
    originals.add(
        text(
            owned(
                "storage/owned",
                3_000_000_000L,
                2_999_999_999L,
                "jürgen",
                "a-group-with-a-name-of-32-letters"),
            "1"));
    originals.add(link("storage/late link", EntryPath.of("x/".repeat(60) + "y")));
    originals.add(
        new Original(
            linked(
                ArchiveFixture.entry(
                    "storage/other late link", ArchiveEntry.Type.HARDLINK, 0, 0777, TIME),
                EntryPath.of("storage/late link")),
            null));
    originals.add(
        new Original(
            ArchiveFixture.entry("storage/fifo", ArchiveEntry.Type.FIFO, 0, 0640, TIME), null));
    originals.add(device("storage/null", ArchiveEntry.Type.CHARACTER_DEVICE, 1, 3));
    originals.add(device("storage/disk", ArchiveEntry.Type.BLOCK_DEVICE, 259, 300));

    originals.add(
        new Original(
            with(
                ArchiveFixture.entry("storage/folder", ArchiveEntry.Type.FOLDER, 0, 02770, TIME),
                new TreeMap<>(Map.of("user.kind", "cheese".getBytes(StandardCharsets.UTF_8))),
                "user::rwx,group::r-x,group:99:rwx,mask::rwx,other::---",
                "user::rwx,user:1234:rwx,group::r-x,mask::rwx,other::---",
                false),
            null));
    originals.add(
        new Original(
            ArchiveFixture.entry("storage/long", ArchiveEntry.Type.FOLDER, 0, 0755, TIME), null));
    originals.add(
        new Original(
            ArchiveFixture.entry("storage", ArchiveEntry.Type.FOLDER, 0, 01777, TIME), null));
    return originals;
  }

  /** As {@link #media}, and {@link #ALIKE} far from each other. */
  static List<Original> mediaToLookUp() {
    List<Original> originals = media();
    originals.add(2, text(file(ALIKE.getFirst().toString(), "one"), "one"));
    originals.add(originals.size() - 3, text(file(ALIKE.getLast().toString(), "other"), "other"));
    originals.add(
        originals.size() - 1,
        new Original(
            ArchiveFixture.entry("storage/collision", ArchiveEntry.Type.FOLDER, 0, 0755, TIME),
            null));
    return originals;
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

  private static Original text(ArchiveEntry entry, String content) {
    return new Original(entry, content.getBytes(StandardCharsets.UTF_8));
  }

  private static ArchiveEntry file(String path, String content) {
    int bytes = content.getBytes(StandardCharsets.UTF_8).length;
    return ArchiveFixture.entry(path, ArchiveEntry.Type.FILE, bytes, 0640, TIME);
  }

  private static Original link(String path, EntryPath target) {
    return new Original(
        linked(ArchiveFixture.entry(path, ArchiveEntry.Type.SYMLINK, 0, 0777, TIME), target), null);
  }

  private static Original device(String path, ArchiveEntry.Type type, int major, int minor) {
    ArchiveEntry like = ArchiveFixture.entry(path, type, 0, 0660, TIME);
    return new Original(
        new ArchiveEntry(
            like.path(),
            type,
            0,
            like.mode(),
            like.uid(),
            like.gid(),
            like.user(),
            like.group(),
            like.modified(),
            null,
            null,
            new ArchiveEntry.Device(major, minor),
            new TreeMap<>(),
            null,
            null,
            false,
            NOWHERE,
            null),
        null);
  }

  private static ArchiveEntry owned(String path, long uid, long gid, String user, String group) {
    ArchiveEntry like = ArchiveFixture.entry(path, ArchiveEntry.Type.FILE, 1, 0644, TIME);
    return new ArchiveEntry(
        like.path(),
        like.type(),
        like.size(),
        like.mode(),
        uid,
        gid,
        user,
        group,
        like.modified(),
        null,
        null,
        null,
        new TreeMap<>(),
        null,
        null,
        false,
        NOWHERE,
        null);
  }

  private static ArchiveEntry linked(ArchiveEntry like, EntryPath target) {
    return new ArchiveEntry(
        like.path(),
        like.type(),
        0,
        like.mode(),
        like.uid(),
        like.gid(),
        like.user(),
        like.group(),
        like.modified(),
        null,
        target,
        null,
        new TreeMap<>(),
        null,
        null,
        false,
        NOWHERE,
        null);
  }

  private static ArchiveEntry with(
      ArchiveEntry like,
      SortedMap<String, byte[]> attributes,
      @Nullable String accessAcl,
      @Nullable String defaultAcl,
      boolean vanished) {
    return new ArchiveEntry(
        like.path(),
        like.type(),
        like.size(),
        like.mode(),
        like.uid(),
        like.gid(),
        like.user(),
        like.group(),
        like.modified(),
        null,
        like.target(),
        null,
        attributes,
        accessAcl,
        defaultAcl,
        vanished,
        NOWHERE,
        null);
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
      List<PartInventory> parts =
          List.of(
              DatabasePart.write(
                  new ByteArrayInputStream(DUMP),
                  GLOBALS,
                  ArchiveFixture.TIME,
                  List.of(),
                  database,
                  compressor,
                  ProgressListener.NONE),
              write(originals, media, compressor, indexSizes));
      ArchiveLayout.Composition composition =
          ArchiveLayout.compose(ArchiveFixture.MANIFEST, ArchiveFixture.TIME, parts, 1);
      store.compose(key, composition.pieces());
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
    PartWriter.Index index = writer.finish();
    return new PartInventory(
        Component.MEDIA,
        objects.content().slices(),
        objects.content().checksums(),
        objects.index().slices(),
        objects.index().checksums(),
        index.lookup(),
        0,
        0,
        0,
        index.sha256(),
        null,
        0,
        List.of());
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
