package io.hybridbackup.common.testing;

import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.Piece;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoreCapabilities;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.store.Upload;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;

/** Counts what is read of objects, can break reading off, and can seem to share blocks. */
public final class WatchedStore implements ObjectStore {
  private final ObjectStore store;
  private final AtomicLong bytes = new AtomicLong();
  private final AtomicLong bytesLeft = new AtomicLong(Long.MAX_VALUE);
  private final List<Slice> opened = new CopyOnWriteArrayList<>();
  private int sharedBlockBytes = 1;

  public WatchedStore(ObjectStore store) {
    this.store = store;
  }

  /** What has been read of objects' content so far. */
  public long bytesRead() {
    return bytes.get();
  }

  /** The ranges that were opened, in that order. */
  public List<Slice> opened() {
    return List.copyOf(opened);
  }

  /** From now on it claims to share blocks of this length. */
  public void share(int blockBytes) {
    sharedBlockBytes = blockBytes;
  }

  /** After so many bytes more every read fails. */
  public void breakOffAfter(long moreBytes) {
    bytesLeft.set(moreBytes);
  }

  @Override
  public InputStream open(Slice slice) {
    opened.add(slice);
    return new FilterInputStream(store.open(slice)) {
      @Override
      public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
      }

      @Override
      public int read(byte[] into, int offset, int length) throws IOException {
        int read = in.read(into, offset, length);
        if (read > 0 && bytesLeft.addAndGet(-read) < 0) {
          throw new IOException("the connection was cut");
        }
        bytes.addAndGet(Math.max(read, 0));
        return read;
      }
    };
  }

  @Override
  public Optional<byte[]> read(ObjectKey key) {
    Optional<byte[]> content = store.read(key);
    content.ifPresent(read -> bytes.addAndGet(read.length));
    return content;
  }

  @Override
  public Optional<StoredObject> find(ObjectKey key) {
    return store.find(key);
  }

  @Override
  public boolean create(ObjectKey key, byte[] content) {
    return store.create(key, content);
  }

  @Override
  public void overwrite(ObjectKey key, byte[] content) {
    store.overwrite(key, content);
  }

  @Override
  public Upload upload(ObjectKey key) {
    return store.upload(key);
  }

  @Override
  public StoredObject compose(ObjectKey key, List<Piece> pieces) {
    return store.compose(key, pieces);
  }

  @Override
  public int sharedBlockBytes() {
    return sharedBlockBytes;
  }

  @Override
  public Optional<String> checksum(ObjectKey key) {
    return store.checksum(key);
  }

  @Override
  public void delete(ObjectKey key) {
    store.delete(key);
  }

  @Override
  public List<StoredObject> list(String folder) {
    return store.list(folder);
  }

  @Override
  public List<String> children(String folder) {
    return store.children(folder);
  }

  @Override
  public int abortUploads(String folder, Duration age) {
    return store.abortUploads(folder, age);
  }

  @Override
  public StoreCapabilities probe() {
    return store.probe();
  }

  @Override
  public void close() {
    store.close();
  }
}
