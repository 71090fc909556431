package io.hybridbackup.packager;

import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.store.Crc64Nvme;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoreException;
import java.io.IOException;
import java.io.InputStream;
import java.util.function.Supplier;

/**
 * Waits for a store that is away, but not for an object that cannot be read while everything else
 * can: a bad sector below it, say, or shards of it that are lost.
 */
final class SliceReader {
  /** So often an object is given another chance. */
  private static final int FAILURES = 3;

  private static final int BUFFER_BYTES = 1 << 18;

  private final ObjectStore store;
  private final Work work;
  private final RunId run;

  SliceReader(ObjectStore store, Work work, RunId run) {
    this.store = store;
    this.work = work;
    this.run = run;
  }

  /** What is to be read cannot be, though the store answers. */
  static final class UnreadableException extends RuntimeException {
    private final ObjectKey object;

    UnreadableException(ObjectKey object, Throwable cause) {
      super(object + " cannot be read: " + cause.getMessage(), cause);
      this.object = object;
    }

    ObjectKey object() {
      return object;
    }
  }

  /**
   * As {@link Work#insist(Supplier)}.
   *
   * @param call reads or copies slices
   * @throws UnreadableException if it fails for want of one object alone
   */
  <T> T insist(Supplier<T> call) throws InterruptedException {
    int[] failures = {0};
    return work.insist(() -> {
      try {
        return call.get();
      } catch (StoreException.Unavailable e) {
        if (++failures[0] >= FAILURES && e.slice().isPresent()) {
          blame(e.slice().get());
        }
        throw e;
      }
    });
  }

  /** CRC64NVME of what the store gives of a slice. */
  long crc64nvme(Slice slice) throws InterruptedException {
    return insist(() -> {
      try {
        return read(slice);
      } catch (IOException e) {
        throw new StoreException.Unavailable(
            "could not read " + slice.object() + ": " + e, e, slice);
      }
    });
  }

  private long read(Slice slice) throws IOException {
    Crc64Nvme crc = new Crc64Nvme();
    byte[] buffer = new byte[BUFFER_BYTES];
    try (InputStream in = store.open(slice)) {
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        work.checkpoint();
        crc.update(buffer, 0, read);
      }
    }
    return crc.value();
  }

  private void blame(Slice slice) {
    try {
      long _ = read(slice);
    } catch (IOException | StoreException.Unavailable e) {
      // Where the store is away this fails as well, and no object is to blame.
      if (store.read(RunKeys.claim(run).key()).isPresent()) {
        throw new UnreadableException(slice.object(), e);
      }
    }
  }
}
