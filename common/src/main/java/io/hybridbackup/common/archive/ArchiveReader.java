package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.store.StoredSlice;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.zip.DataFormatException;
import tools.jackson.core.JacksonException;

/**
 * Reads an archive in the store. What it hands out has been compared with the SHA-256 that was
 * taken when it was written. Only the object at hand is trusted to be an archive; nothing in it is.
 *
 * <p>Holds nothing open between calls; several threads may use it. Every method that reads may
 * throw {@link io.hybridbackup.common.store.StoreException}.
 */
public final class ArchiveReader {
  private static final int TAIL_BYTES = 64 * 1024;
  private static final int LONGEST_ROOT_INDEX = 1024 * 1024;

  /** With tar and gzip around it. */
  private static final int LONGEST_MANIFEST = 2 * 1024 * 1024 + 64 * 1024;

  private final ObjectStore store;
  private final Slice archive;
  private final RootIndex root;

  private ArchiveReader(ObjectStore store, Slice archive, RootIndex root) {
    this.store = store;
    this.archive = archive;
    this.root = root;
  }

  /**
   * Finds out where everything lies, normally with one ranged read of the archive's end.
   *
   * @throws ArchiveCorruptException if the object is not an archive
   * @throws UnknownVersionException if it is of a newer format
   */
  public static ArchiveReader open(ObjectStore store, StoredObject archive) throws IOException {
    if (archive.bytes() <= Footer.BYTES) {
      throw new ArchiveCorruptException(
          "the footer", 0, "an object of " + archive.bytes() + " bytes is no archive");
    }
    Slice whole = new Slice(archive.key(), archive.etag(), 0, archive.bytes());
    int tailBytes = (int) Math.min(TAIL_BYTES, archive.bytes());
    long tailOffset = archive.bytes() - tailBytes;
    byte[] tail = read(store, whole, tailOffset, tailBytes);
    long footerOffset = archive.bytes() - Footer.BYTES;
    Footer footer;
    try {
      footer = Footer.decode(Arrays.copyOfRange(tail, tailBytes - Footer.BYTES, tailBytes));
    } catch (DataFormatException e) {
      throw new ArchiveCorruptException(
          "the footer", footerOffset, String.valueOf(e.getMessage()), e);
    }
    if (footer.distance() > footerOffset || footer.length() > LONGEST_ROOT_INDEX) {
      throw new ArchiveCorruptException("the footer", footerOffset, "it points nowhere");
    }
    long rootOffset = footerOffset - footer.distance();
    int rootBytes = (int) footer.length();
    byte[] rootGzip;
    if (rootOffset >= tailOffset) {
      int from = (int) (rootOffset - tailOffset);
      rootGzip = Arrays.copyOfRange(tail, from, from + rootBytes);
    } else {
      rootGzip = read(store, whole, rootOffset, rootBytes);
    }
    return new ArchiveReader(store, whole, rootIndex(rootGzip, rootOffset));
  }

  /**
   * Whether what was found in an archive is there when it is read once more: the finding's place,
   * and all that is not content. A bit may have been turned over on the way, and the archive be
   * sound.
   *
   * @param finding of a reader of this archive, or of a part that has taken content over from it
   * @param progress may end it by an exception
   */
  public static boolean isFoundAgain(
      ObjectStore store,
      StoredObject archive,
      ArchiveCorruptException finding,
      ProgressListener progress)
      throws IOException {
    try {
      ArchiveReader reader = open(store, archive);
      byte[] _ = reader.manifest();
      for (Component component : reader.parts()) {
        if (reader.part(component).isFoundAgain(finding, progress)) {
          return true;
        }
      }
      return false;
    } catch (ArchiveCorruptException e) {
      return true;
    }
  }

  private static RootIndex rootIndex(byte[] gzip, long offset) throws ArchiveCorruptException {
    try {
      byte[] json = gunzip(gzip, LONGEST_ROOT_INDEX);
      int version = Json.read(json, RootIndex.Version.class).version();
      UnknownVersionException.requireKnown("the root index", version, RootIndex.VERSION);
      if (version < RootIndex.VERSION) {
        throw new IOException("it has no version");
      }
      RootIndex root = Json.read(json, RootIndex.class);
      check(root, offset);
      return root;
    } catch (IOException | JacksonException | IllegalArgumentException e) {
      throw new ArchiveCorruptException(
          "the root index", offset, "it cannot be read: " + e.getMessage(), e);
    }
  }

  /** Whatever the root index points at lies before it. */
  private static void check(RootIndex root, long end) throws IOException {
    boolean inside = root.manifest().end() <= end;
    for (RootIndex.Part part : root.parts()) {
      inside &= part.content().end() <= end && part.end() <= end;
    }
    if (!inside
        || root.parts().stream().map(RootIndex.Part::component).distinct().count()
            != root.parts().size()) {
      throw new IOException("it points nowhere");
    }
  }

  /** All of it, which is no longer than {@code longest}. */
  static byte[] gunzip(byte[] gzip, int longest) throws IOException {
    try (InputStream plain = new GzipMembers(new ByteArrayInputStream(gzip))) {
      byte[] bytes = plain.readNBytes(longest + 1);
      if (bytes.length > longest) {
        throw new IOException("it holds more than " + longest + " bytes");
      }
      return bytes;
    }
  }

  private static byte[] read(ObjectStore store, Slice archive, long offset, int bytes)
      throws IOException {
    try (InputStream in =
        StoredSlice.open(store, new Slice(archive.object(), archive.etag(), offset, bytes))) {
      byte[] read = in.readNBytes(bytes);
      if (read.length < bytes) {
        throw new IOException("the store gave less of " + archive.object() + " than was asked for");
      }
      return read;
    }
  }

  /**
   * The bytes of {@code manifest.json}.
   *
   * @throws ArchiveCorruptException if they cannot be decoded
   */
  public byte[] manifest() throws IOException {
    return manifestFile().content();
  }

  /** The manifest as a file of the archive. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record ManifestFile(ArchiveEntry entry, byte[] content) {}

  ManifestFile manifestFile() throws IOException {
    RootIndex.Range range = root.manifest();
    if (range.length() > LONGEST_MANIFEST) {
      throw new ArchiveCorruptException("manifest.json", range.offset(), "it is too long");
    }
    byte[] gzip = read(store, archive, range.offset(), (int) range.length());
    try {
      TarHeader.SoleFile file =
          TarHeader.soleFile(gunzip(gzip, LONGEST_MANIFEST), ArchiveLayout.MANIFEST);
      return new ManifestFile(
          ArchiveLayout.manifestEntry(file.content(), file.modified()), file.content());
    } catch (IOException e) {
      throw new ArchiveCorruptException(
          "manifest.json", range.offset(), "it cannot be decoded: " + e.getMessage(), e);
    }
  }

  /** What the archive holds, in its order. */
  public List<Component> parts() {
    return root.parts().stream().map(RootIndex.Part::component).toList();
  }

  /**
   * One part.
   *
   * @throws IllegalArgumentException if the archive has no such part
   */
  public PartReader part(Component component) {
    return root.parts().stream()
        .filter(part -> part.component() == component)
        .findFirst()
        .map(part -> PartReader.of(store, archive, part))
        .orElseThrow(() ->
            new IllegalArgumentException(
                archive.object() + " has no " + component.label() + " part"));
  }

  /**
   * Tells of every entry of a part in the order of the archive, without reading the content.
   *
   * @throws ArchiveCorruptException if the index is damaged; entries before that have been told
   * @throws IllegalArgumentException if the archive has no such part
   */
  public void entries(Component component, Consumer<ArchiveEntry> consumer) throws IOException {
    part(component).entries(consumer);
  }

  /**
   * Writes the dump to a new file.
   *
   * @param file must not exist; after an exception it may, and is worth nothing
   * @throws ArchiveCorruptException if anything differs from what was written
   * @throws IllegalArgumentException if the archive has no database
   */
  public void extractDatabase(Path file, ProgressListener progress) throws IOException {
    try (OutputStream out = newFile(file)) {
      copyDatabase(out, progress);
    }
  }

  /**
   * Writes the dump.
   *
   * @param out after an exception, what was written to it is worth nothing
   * @throws ArchiveCorruptException if anything differs from what was written
   * @throws IllegalArgumentException if the archive has no database
   */
  public void copyDatabase(OutputStream out, ProgressListener progress) throws IOException {
    part(Component.DATABASE)
        .read(
            (entry, content) -> {
              requireOfDatabase(entry);
              if (entry.path().equals(DatabasePart.PATH)) {
                content.copyTo(out);
              }
            },
            progress);
  }

  /** What comes out of a database part gets the entry's name. */
  static void requireOfDatabase(ArchiveEntry entry) throws ArchiveCorruptException {
    if (!DatabasePart.mayHold(entry.path()) || entry.type() != ArchiveEntry.Type.FILE) {
      throw new ArchiveCorruptException(
          entry.path().toString(), 0, "a database part has no such entry");
    }
  }

  /**
   * Puts the content of {@code storage/} into a folder.
   *
   * @param folder is made if it does not exist, and must be empty; nobody else may write to it.
   *     After an exception it may hold anything
   * @return for people: what could not be put back
   * @throws ArchiveCorruptException if anything differs from what was written
   * @throws IllegalArgumentException if the archive has no media
   */
  public List<String> extractMedia(Path folder, ExtractOptions options, ProgressListener progress)
      throws IOException {
    PartReader part = part(Component.MEDIA);
    try (MediaExtraction extraction = new MediaExtraction(folder, options)) {
      part.read(extraction, progress);
      return extraction.finish();
    } catch (PathTakenException e) {
      throw e.explained(part);
    }
  }

  /**
   * Puts what is chosen of {@code storage/} into a folder, with the folders that it lies in. Only
   * what is chosen is read. A hard link whose target is not chosen becomes a file.
   *
   * @param folder is made if anything is chosen, and must be empty; nobody else may write to it.
   *     After an exception it may hold anything
   * @return for people: what could not be put back
   * @throws ArchiveCorruptException if anything differs from what was written
   * @throws IllegalArgumentException if the archive has no media
   */
  public List<String> extractMedia(
      Selection selection, Path folder, ExtractOptions options, ProgressListener progress)
      throws IOException {
    PartReader part = part(Component.MEDIA);
    Excerpt excerpt = excerptWithFolders(part, selection);
    try (ChosenMedia media = new ChosenMedia(selection, folder, options)) {
      part.read(excerpt, media::wants, media, progress);
      return media.finish();
    } catch (PathTakenException e) {
      throw e.explained(part);
    }
  }

  /** What tells of what is chosen, and of the folders that it lies in. */
  private static Excerpt excerptWithFolders(PartReader part, Selection selection)
      throws IOException {
    Optional<Set<EntryPath>> chosen = selection.mediaPaths();
    if (chosen.isEmpty()) {
      return Excerpt.WHOLE;
    }
    Set<EntryPath> paths = new HashSet<>();
    for (EntryPath path : chosen.get()) {
      for (int end = path.octets().length();
          end > 0;
          end = path.octets().lastIndexOf('/', end - 1)) {
        paths.add(new EntryPath(path.octets().substring(0, end)));
      }
    }
    return excerpt(part, paths, chosen.get());
  }

  /** What tells of what is chosen of the media. */
  static Excerpt excerpt(PartReader part, Selection selection) throws IOException {
    Optional<Set<EntryPath>> chosen = selection.mediaPaths();
    return chosen.isEmpty() ? Excerpt.WHOLE : excerpt(part, chosen.get(), chosen.get());
  }

  /** A lookup leads to single paths, and does not tell what is below a folder. */
  private static Excerpt excerpt(PartReader part, Set<EntryPath> paths, Set<EntryPath> chosen)
      throws IOException {
    Excerpt excerpt = part.find(paths);
    boolean hasMoreBelow =
        excerpt.entries().stream()
            .anyMatch(
                entry -> entry.type() == ArchiveEntry.Type.FOLDER && chosen.contains(entry.path()));
    return hasMoreBelow ? Excerpt.WHOLE : excerpt;
  }

  /**
   * How much there is of something.
   *
   * @param files how many, folders not counted
   * @param bytes sum of the files' sizes, content that is shared only once
   * @param room what it takes of a disk
   */
  public record Amount(long files, long bytes, Room room) {}

  /**
   * What files take of a disk.
   *
   * @param bytes in whole blocks
   * @param inodes those of folders too
   */
  public record Room(long bytes, long inodes) {
    public Room plus(Room other) {
      return new Room(bytes + other.bytes, inodes + other.inodes);
    }
  }

  /**
   * How much is chosen of {@code storage/}; only the index is read, or for a few paths what of it
   * tells of them. Of the room it takes, folders that are made on the way to something are not
   * counted, nor the blocks of any folder.
   *
   * @param blockBytes what a file's size is rounded up to a multiple of
   * @throws ArchiveCorruptException if the index is damaged
   * @throws IllegalArgumentException if the archive has no media
   */
  public Amount mediaAmount(Selection selection, long blockBytes) throws IOException {
    Count count = new Count(blockBytes);
    PartReader part = part(Component.MEDIA);
    part.index(
        excerpt(part, selection),
        new IndexListener() {
          @Override
          public void member(IndexLine.Span member) {}

          @Override
          public void entry(ArchiveEntry entry) {
            if (entry.type() != ArchiveEntry.Type.HARDLINK) {
              count.shared = entry.type() == ArchiveEntry.Type.FILE ? entry.size() : 0;
              count.apart = true;
            }
            if (selection.contains(entry.path())) {
              count.add(entry.type() == ArchiveEntry.Type.FOLDER);
            }
          }
        });
    return new Amount(count.files, count.bytes, new Room(count.blocks * blockBytes, count.inodes));
  }

  /** What has been chosen so far. */
  private static final class Count {
    private final long blockBytes;
    private long files;
    private long bytes;
    private long blocks;
    private long inodes;

    /** What a file's hard links behind it share, as long as none of its names has been chosen. */
    private long shared;

    /** Whether none of its names has. */
    private boolean apart;

    Count(long blockBytes) {
      this.blockBytes = blockBytes;
    }

    private void add(boolean folder) {
      files += folder ? 0 : 1;
      bytes += shared;
      blocks += Math.ceilDiv(shared, blockBytes);
      inodes += apart ? 1 : 0;
      shared = 0;
      apart = false;
    }
  }

  /** Fails on whatever is there already, a dangling symbolic link too. */
  static OutputStream newFile(Path file) throws IOException {
    return Channels.newOutputStream(
        FileChannel.open(
            file,
            Set.of(
                StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW, LinkOption.NOFOLLOW_LINKS),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))));
  }
}
