package io.hybridbackup.common.job;

import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.Piece;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoreCapabilities;
import io.hybridbackup.common.store.StoreException;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.store.Upload;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/** A store before which trouble can be put: it befalls every call, with the key or folder asked. */
final class TroubledStore implements ObjectStore {
  private final ObjectStore store;
  private volatile Consumer<String> trouble = key -> {};
  private final AtomicInteger toBreakOff = new AtomicInteger();

  TroubledStore(ObjectStore store) {
    this.store = store;
  }

  /** What is thrown befalls the caller instead of an answer. */
  void trouble(Consumer<String> befalling) {
    trouble = befalling;
  }

  void goDown() {
    trouble(key -> {
      throw new StoreException.Unavailable("the store is down", null);
    });
  }

  void comeBack() {
    trouble(key -> {});
  }

  /** As many streams as that break off when they are read. */
  void breakOff(int streams) {
    toBreakOff.set(streams);
  }

  @Override
  public Optional<StoredObject> find(ObjectKey key) {
    trouble.accept(key.value());
    return store.find(key);
  }

  @Override
  public Optional<byte[]> read(ObjectKey key) {
    trouble.accept(key.value());
    return store.read(key);
  }

  @Override
  public int sharedBlockBytes() {
    return store.sharedBlockBytes();
  }

  @Override
  public Optional<String> checksum(ObjectKey key) {
    trouble.accept(key.value());
    return store.checksum(key);
  }

  @Override
  public InputStream open(Slice slice) {
    trouble.accept(slice.object().value());
    InputStream content = store.open(slice);
    return toBreakOff.getAndUpdate(left -> Math.max(0, left - 1)) == 0
        ? content
        : new FilterInputStream(content) {
          @Override
          public int read(byte[] bytes, int offset, int length) throws IOException {
            throw new IOException("Premature end");
          }
        };
  }

  @Override
  public boolean create(ObjectKey key, byte[] content) {
    trouble.accept(key.value());
    return store.create(key, content);
  }

  @Override
  public void overwrite(ObjectKey key, byte[] content) {
    trouble.accept(key.value());
    store.overwrite(key, content);
  }

  @Override
  public Upload upload(ObjectKey key) {
    trouble.accept(key.value());
    return store.upload(key);
  }

  @Override
  public StoredObject compose(ObjectKey key, List<Piece> pieces) {
    trouble.accept(key.value());
    return store.compose(key, pieces);
  }

  @Override
  public void delete(ObjectKey key) {
    trouble.accept(key.value());
    store.delete(key);
  }

  @Override
  public List<StoredObject> list(String folder) {
    trouble.accept(folder);
    return store.list(folder);
  }

  @Override
  public List<String> children(String folder) {
    trouble.accept(folder);
    return store.children(folder);
  }

  @Override
  public int abortUploads(String folder, Duration age) {
    trouble.accept(folder);
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
