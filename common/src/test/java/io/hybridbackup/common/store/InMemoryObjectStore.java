package io.hybridbackup.common.store;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;

/** Objects in memory, for tests that look at every one of many thousand steps. */
public class InMemoryObjectStore implements ObjectStore {
  private final NavigableMap<ObjectKey, Kept> objects = new TreeMap<>();
  private final List<InMemoryUpload> uploads = new ArrayList<>();
  private final InstantSource clock;
  private final boolean writeOnce;
  private long versions;

  /**
   * @param writeOnce whether a key that has been taken is refused; a store where it is overwritten
   *     instead shows what everything rests on
   */
  public InMemoryObjectStore(InstantSource clock, boolean writeOnce) {
    this.clock = clock;
    this.writeOnce = writeOnce;
  }

  /** Before an object appears or is replaced. */
  protected void writing(ObjectKey key, byte[] content) {}

  /** Before an object that exists disappears. */
  protected void deleting(ObjectKey key) {}

  @Override
  public synchronized Optional<StoredObject> find(ObjectKey key) {
    return Optional.ofNullable(objects.get(key)).map(kept -> kept.object);
  }

  @Override
  public synchronized Optional<byte[]> read(ObjectKey key) {
    return Optional.ofNullable(objects.get(key)).map(kept -> kept.content.clone());
  }

  @Override
  public InputStream open(Slice slice) {
    return new ExactInputStream(new ByteArrayInputStream(range(slice)), slice);
  }

  @Override
  public synchronized boolean create(ObjectKey key, byte[] content) {
    if (isTaken(key)) {
      return false;
    }
    put(key, content.clone());
    return true;
  }

  @Override
  public synchronized void overwrite(ObjectKey key, byte[] content) {
    put(key, content.clone());
  }

  @Override
  public synchronized Upload upload(ObjectKey key) {
    InMemoryUpload upload = new InMemoryUpload(key, clock.instant());
    uploads.add(upload);
    return upload;
  }

  @Override
  public synchronized StoredObject compose(ObjectKey key, List<Piece> pieces) {
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    for (Piece piece : pieces) {
      switch (piece) {
        case Literal literal -> content.writeBytes(literal.content());
        case Slice slice -> {
          byte[] range = range(slice);
          if (range.length < slice.bytes()) {
            throw new StoreException.Changed(slice.object());
          }
          content.writeBytes(range);
        }
      }
    }
    if (isTaken(key)) {
      throw new StoreException.Exists(key);
    }
    return put(key, content.toByteArray());
  }

  @Override
  public int sharedBlockBytes() {
    return 1;
  }

  @Override
  public synchronized Optional<String> checksum(ObjectKey key) {
    byte[] content = read(key).orElseThrow(() -> new StoreException.Missing(key));
    return Optional.of(Crc64Nvme.hex(Crc64Nvme.of(content)));
  }

  @Override
  public synchronized void delete(ObjectKey key) {
    if (objects.containsKey(key)) {
      deleting(key);
      objects.remove(key);
    }
  }

  @Override
  public synchronized List<StoredObject> list(String folder) {
    return objects.tailMap(new ObjectKey(folder), false).entrySet().stream()
        .filter(entry -> entry.getKey().value().startsWith(folder + "/"))
        .map(entry -> entry.getValue().object)
        .toList();
  }

  @Override
  public synchronized List<String> children(String folder) {
    TreeSet<String> names = new TreeSet<>();
    for (StoredObject object : list(folder)) {
      String below = object.key().value().substring(folder.length() + 1);
      int slash = below.indexOf('/');
      names.add(slash < 0 ? below : below.substring(0, slash));
    }
    return List.copyOf(names);
  }

  @Override
  public synchronized int abortUploads(String folder, Duration age) {
    Instant begunBefore = clock.instant().minus(age);
    List<InMemoryUpload> aborted =
        uploads.stream()
            .filter(upload -> !upload.begun.isAfter(begunBefore))
            .filter(upload ->
                upload.key.value().equals(folder) || upload.key.value().startsWith(folder + "/"))
            .toList();
    uploads.removeAll(aborted);
    return aborted.size();
  }

  @Override
  public StoreCapabilities probe() {
    return new StoreCapabilities(writeOnce, true, true, 1);
  }

  @Override
  public void close() {}

  private boolean isTaken(ObjectKey key) {
    return writeOnce && objects.containsKey(key);
  }

  private StoredObject put(ObjectKey key, byte[] content) {
    writing(key, content);
    StoredObject object =
        new StoredObject(key, content.length, "etag-" + ++versions, clock.instant());
    objects.put(key, new Kept(object, content));
    return object;
  }

  private synchronized byte[] range(Slice slice) {
    Kept kept = objects.get(slice.object());
    if (kept == null) {
      throw new StoreException.Missing(slice.object());
    }
    if (!kept.object.etag().equals(slice.etag())) {
      throw new StoreException.Changed(slice.object());
    }
    return Arrays.copyOfRange(
        kept.content,
        (int) slice.offset(),
        (int) Math.min(slice.offset() + slice.bytes(), kept.content.length));
  }

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Kept(StoredObject object, byte[] content) {}

  private final class InMemoryUpload extends Upload {
    private final ObjectKey key;
    private final Instant begun;
    private final ByteArrayOutputStream content = new ByteArrayOutputStream();

    InMemoryUpload(ObjectKey key, Instant begun) {
      this.key = key;
      this.begun = begun;
    }

    @Override
    public void write(int single) {
      content.write(single);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
      content.write(bytes, offset, length);
    }

    @Override
    public StoredObject complete() {
      synchronized (InMemoryObjectStore.this) {
        if (!uploads.contains(this)) {
          throw new StoreException.Unavailable("the upload of " + key + " has been given up", null);
        }
        if (isTaken(key)) {
          throw new StoreException.Exists(key);
        }
        uploads.remove(this);
        return put(key, content.toByteArray());
      }
    }

    @Override
    public void close() {
      synchronized (InMemoryObjectStore.this) {
        uploads.remove(this);
      }
    }
  }
}
