package io.hybridbackup.common.archive;

import io.hybridbackup.common.store.Crc64Nvme;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.store.Upload;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Where a part's bytes go: objects {@code part-00001}, {@code part-00002}, … below one folder, each
 * of whole members, the part's index as {@code index-00001}, …, and a late header as {@code
 * header-00001}. Nothing else in the store is touched. For one part and one thread.
 *
 * <p>Whoever makes it closes it. Closing gives up the objects that have not been completed; those
 * that have stay in the folder.
 */
public final class PartObjects implements AutoCloseable {
  public static final long DEFAULT_OBJECT_BYTES = 128L * 1024 * 1024;

  private final Series header;
  private final Series content;
  private final Series index;

  /**
   * @param folder belongs to this part alone
   * @param objectBytes an object is completed once it has so many bytes; at least 1
   */
  public PartObjects(ObjectStore store, ObjectKey folder, long objectBytes) {
    if (objectBytes < 1) {
      throw new IllegalArgumentException("an object cannot have " + objectBytes + " bytes");
    }
    this.header = new Series(store, folder, "header", objectBytes);
    this.content = new Series(store, folder, "part", objectBytes);
    this.index = new Series(store, folder, "index", objectBytes);
  }

  /** Objects of {@link #DEFAULT_OBJECT_BYTES}. */
  public PartObjects(ObjectStore store, ObjectKey folder) {
    this(store, folder, DEFAULT_OBJECT_BYTES);
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

  @Override
  public void close() throws IOException {
    try (header;
        content;
        index) {
      // Each gives up what it has not completed.
    }
  }

  /** Objects that follow each other. */
  static final class Series implements AutoCloseable {
    private final ObjectStore store;
    private final ObjectKey folder;
    private final String name;
    private final long objectBytes;
    private final List<Slice> slices = new ArrayList<>();
    private final List<String> checksums = new ArrayList<>();
    private @Nullable Upload upload;
    private Crc64Nvme crc = new Crc64Nvme();
    private long uploaded;
    private long bytes;

    private Series(ObjectStore store, ObjectKey folder, String name, long objectBytes) {
      this.store = store;
      this.folder = folder;
      this.name = name;
      this.objectBytes = objectBytes;
    }

    /** Bytes written so far, to all objects. */
    long bytes() {
      return bytes;
    }

    void write(byte[] member) throws IOException {
      if (upload == null) {
        String number = String.format(Locale.ROOT, "%s-%05d", name, slices.size() + 1);
        upload = store.upload(folder.resolve(number));
        crc = new Crc64Nvme();
        uploaded = 0;
      }
      upload.write(member, 0, member.length);
      crc.update(member, 0, member.length);
      uploaded += member.length;
      bytes += member.length;
      if (uploaded >= objectBytes) {
        complete();
      }
    }

    /** Makes the last object visible. */
    void complete() throws IOException {
      if (upload == null) {
        return;
      }
      StoredObject object = upload.complete();
      upload.close();
      upload = null;
      slices.add(new Slice(object.key(), object.etag(), 0, uploaded));
      checksums.add(Crc64Nvme.hex(crc.value()));
    }

    List<Slice> slices() {
      return List.copyOf(slices);
    }

    /** CRC64NVME of each slice. */
    List<String> checksums() {
      return List.copyOf(checksums);
    }

    @Override
    public void close() throws IOException {
      if (upload != null) {
        upload.close();
        upload = null;
      }
    }
  }
}
