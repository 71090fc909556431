package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.json.StoredJson;
import io.hybridbackup.common.store.Crc64Nvme;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.store.StoredSlice;
import io.hybridbackup.common.store.Upload;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Where a part's bytes go: objects {@code part-00001}, {@code part-00002}, … below one folder, each
 * of whole members, the part's index as {@code index-00001}, …, its lookup as {@code lookup-00001},
 * …, and a late header as {@code header-00001}. Nothing else in the store is touched. For one part
 * and one thread.
 *
 * <p>While objects of a media part are completed, {@code checkpoint-00001}, … say what there is, so
 * that whoever follows a killed writer need not make that again: each of the first few objects has
 * one, and later one comes whenever a thirtieth or so has come to what was there.
 *
 * <p>Whoever makes it closes it. Closing gives up the objects that have not been completed; those
 * that have stay in the folder.
 */
public final class PartObjects implements AutoCloseable {
  public static final long DEFAULT_OBJECT_BYTES = 128L * 1024 * 1024;

  /** A slice of an earlier part is at least so long, as long as there are not too many. */
  static final int SHORTEST_SLICE = 256 * 1024;

  /** With every so many slices that a part already has, the shortest further one doubles. */
  static final int SLICES_A_DOUBLING = 16 * 1024;

  private static final int COPIED_BYTES = 256 * 1024;

  private static final String CHECKPOINT = "checkpoint-";

  private final ObjectStore store;
  private final ObjectKey folder;
  private final Series header;
  private final Series content;
  private final Series index;
  private final Series lookup;

  /**
   * @param folder belongs to this part alone
   * @param objectBytes an object is completed once it has so many bytes; at least 1
   */
  public PartObjects(ObjectStore store, ObjectKey folder, long objectBytes) {
    if (objectBytes < 1) {
      throw new IllegalArgumentException("an object cannot have " + objectBytes + " bytes");
    }
    this.store = store;
    this.folder = folder;
    this.header = new Series(store, folder, "header", objectBytes, 1);
    this.content = new Series(store, folder, "part", objectBytes, store.sharedBlockBytes());
    this.index = new Series(store, folder, "index", objectBytes, 1);
    this.lookup = new Series(store, folder, "lookup", objectBytes, 1);
  }

  /** Objects of {@link #DEFAULT_OBJECT_BYTES}. */
  public PartObjects(ObjectStore store, ObjectKey folder) {
    this(store, folder, DEFAULT_OBJECT_BYTES);
  }

  /**
   * How long a slice of an earlier part has to be, so that even parts of terabytes have no more
   * than some 200,000.
   *
   * @param slices that the part already has
   */
  static long shortestSlice(int slices) {
    return (long) SHORTEST_SLICE << (slices / SLICES_A_DOUBLING);
  }

  /** The header that is made last and stands before all content. */
  Series header() {
    return header;
  }

  Series content() {
    return content;
  }

  Series index() {
    return index;
  }

  Series lookup() {
    return lookup;
  }

  /** Says what is complete: whole objects, and their index without its end. */
  void checkpoint(Component component, int number) {
    PartInventory soFar =
        new PartInventory(
            component,
            content.slices(),
            content.checksums(),
            index.slices(),
            index.checksums(),
            null,
            0,
            0,
            0,
            "",
            null,
            content.reusedBytes(),
            List.of());
    String name = String.format(Locale.ROOT, CHECKPOINT + "%05d", number);
    boolean _ = store.create(folder.resolve(name), StoredJson.write(soFar));
  }

  /**
   * Finds the last checkpoint below a folder in which writers followed each other, each in a folder
   * of its own.
   */
  public static Optional<PartReader> lastCheckpoint(ObjectStore store, ObjectKey folder) {
    return store.list(folder.value()).stream()
        .map(StoredObject::key)
        .filter(key -> key.name().startsWith(CHECKPOINT))
        .max(Comparator.comparing(ObjectKey::value))
        .flatMap(store::read)
        .map(json -> PartReader.ofCheckpoint(store, StoredJson.read(json, PartInventory.class)));
  }

  @Override
  public void close() throws IOException {
    try (header;
        content;
        index;
        lookup) {
      // Each gives up what it has not completed.
    }
  }

  /**
   * Objects that follow each other, and what lies in earlier parts between their bytes.
   *
   * <p>Where the store shares blocks, every stretch lies as far from the beginning of its object as
   * it does from that of the series, but for whole blocks and a difference that all have in common.
   * In objects of its own, bytes that nobody refers to see to that; of an earlier part, the first
   * member of a stretch is written anew, with as much filler as it takes.
   */
  static final class Series implements AutoCloseable {
    private final ObjectStore store;
    private final ObjectKey folder;
    private final String name;
    private final long objectBytes;
    private final int blockBytes;
    private final List<StoredObject> objects = new ArrayList<>();
    private final List<Stretch> stretches = new ArrayList<>();
    private @Nullable Stretch reused;
    private @Nullable Upload upload;
    private long uploaded;
    private long reusedBytes;

    /** The length of all stretches. */
    private long bytes;

    /**
     * By how much a stretch lies farther from the beginning of its object, but for whole blocks.
     */
    private long shift;

    private Series(
        ObjectStore store, ObjectKey folder, String name, long objectBytes, int blockBytes) {
      this.store = store;
      this.folder = folder;
      this.name = name;
      this.objectBytes = objectBytes;
      this.blockBytes = blockBytes;
    }

    /**
     * Adds a member behind all others.
     *
     * @return the member as it lies here, which may have another length
     * @throws ArchiveCorruptException if an earlier part is not what its index says
     */
    Member append(Member member) throws IOException {
      return switch (member) {
        case Member.Fresh fresh -> {
          endReuse();
          write(fresh);
          yield fresh;
        }
        case Member.Reused found -> reuse(found);
      };
    }

    private Member reuse(Member.Reused member) throws IOException {
      Stretch stretch = Stretch.of(member);
      Stretch joined = reused == null ? null : reused.join(stretch);
      if (joined == null) {
        endReuse();
        if (bytes == 0) {
          shift = stretch.offset;
        }
        long gap = stretch.offset - bytes - shift;
        if (Math.floorMod(gap, blockBytes) != 0) {
          Member.Fresh moved = stretched(member, gap);
          write(moved);
          return moved;
        }
        joined = stretch;
      }
      reused = joined;
      return member;
    }

    /**
     * What is short is copied, lest an archive come to consist of crumbs, and its inventory and
     * plan grow beyond what is held in memory and is a small object of a store.
     */
    private void endReuse() throws IOException {
      Stretch ended = reused;
      if (ended == null) {
        return;
      }
      reused = null;
      if (ended.bytes() >= shortestSlice(stretches.size())) {
        stretches.add(ended);
        bytes += ended.bytes();
        reusedBytes += ended.bytes();
      } else {
        copy(ended.slice(List.of()), ended.crc64nvme());
      }
    }

    private void copy(Slice slice, long crc64nvme) throws IOException {
      Upload into = upload();
      Crc64Nvme copied = new Crc64Nvme();
      byte[] buffer = new byte[(int) Math.min(COPIED_BYTES, slice.bytes())];
      try (InputStream in = StoredSlice.open(store, slice)) {
        for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
          copied.update(buffer, 0, read);
          into.write(buffer, 0, read);
        }
      }
      if (copied.value() != crc64nvme) {
        throw damaged(slice);
      }
      wrote(slice.bytes(), crc64nvme);
    }

    /** As {@link GzipMember#stretched}. */
    private Member.Fresh stretched(Member.Reused member, long more) throws IOException {
      byte[] fetched;
      try (InputStream in = StoredSlice.open(store, member.slice())) {
        fetched = in.readNBytes(member.length());
      }
      if (fetched.length < member.length() || Crc64Nvme.of(fetched) != member.crc64nvme()) {
        throw damaged(member.slice());
      }
      byte[] gzip = GzipMember.stretched(fetched, more, blockBytes);
      return new Member.Fresh(gzip, member.plainBytes(), member.sha256());
    }

    private static ArchiveCorruptException damaged(Slice slice) {
      return new ArchiveCorruptException(
          slice.object().toString(),
          slice,
          null,
          slice.offset(),
          "its CRC64NVME is not the one of the index",
          null);
    }

    private void write(Member.Fresh member) throws IOException {
      upload().write(member.gzip());
      wrote(member.length(), member.crc64nvme());
    }

    /** The object that is being written, as far as what comes next is to lie from its beginning. */
    private Upload upload() throws IOException {
      Upload begun = upload;
      if (begun == null) {
        String number = String.format(Locale.ROOT, "%s-%05d", name, objects.size() + 1);
        begun = store.upload(folder.resolve(number));
        upload = begun;
        uploaded = 0;
      }
      byte[] gap = new byte[Math.floorMod(bytes + shift - uploaded, blockBytes)];
      begun.write(gap);
      uploaded += gap.length;
      return begun;
    }

    private void wrote(long length, long crc64nvme) throws IOException {
      Stretch stretch = new Stretch(null, objects.size(), uploaded, length, crc64nvme);
      Stretch joined = stretches.isEmpty() ? null : stretches.getLast().join(stretch);
      if (joined == null) {
        stretches.add(stretch);
      } else {
        stretches.set(stretches.size() - 1, joined);
      }
      uploaded += length;
      bytes += length;
      if (uploaded >= objectBytes) {
        completeObject();
      }
    }

    /** Makes the last object visible. */
    void complete() throws IOException {
      endReuse();
      completeObject();
    }

    private void completeObject() throws IOException {
      if (upload != null) {
        objects.add(upload.complete());
        upload.close();
        upload = null;
      }
    }

    /** Whether all that was added lies in whole objects. */
    boolean isWhole() {
      return upload == null && reused == null;
    }

    /** How many objects have been completed. */
    int objects() {
      return objects.size();
    }

    /** How many bytes lie in earlier parts. */
    long reusedBytes() {
      return reusedBytes;
    }

    /** Where everything that was added lies; once it has been completed. */
    List<Slice> slices() {
      return stretches.stream().map(stretch -> stretch.slice(objects)).toList();
    }

    /** CRC64NVME of each slice. */
    List<String> checksums() {
      return stretches.stream().map(stretch -> Crc64Nvme.hex(stretch.crc64nvme())).toList();
    }

    @Override
    public void close() throws IOException {
      if (upload != null) {
        upload.close();
        upload = null;
      }
    }
  }

  /**
   * Bytes that follow each other in one object.
   *
   * @param lies of an object of an earlier part: any slice of it; null in one of this part's own
   * @param object the number of an own object, whose ETag is not known before it is complete
   */
  private record Stretch(
      @Nullable Slice lies, int object, long offset, long bytes, long crc64nvme) {
    static Stretch of(Member.Reused member) {
      Slice slice = member.slice();
      return new Stretch(slice, 0, slice.offset(), slice.bytes(), member.crc64nvme());
    }

    /** Both as one, if {@code next} lies directly behind this; null if it does not. */
    @Nullable Stretch join(Stretch next) {
      boolean sameObject;
      if (lies == null) {
        sameObject = next.lies == null && object == next.object;
      } else {
        sameObject =
            next.lies != null
                && lies.object().equals(next.lies.object())
                && lies.etag().equals(next.lies.etag());
      }
      return sameObject && offset + bytes == next.offset
          ? new Stretch(
              lies,
              object,
              offset,
              bytes + next.bytes,
              Crc64Nvme.combine(crc64nvme, next.crc64nvme, next.bytes))
          : null;
    }

    Slice slice(List<StoredObject> objects) {
      if (lies != null) {
        return new Slice(lies.object(), lies.etag(), offset, bytes);
      }
      StoredObject own = objects.get(object);
      return new Slice(own.key(), own.etag(), offset, bytes);
    }
  }
}
