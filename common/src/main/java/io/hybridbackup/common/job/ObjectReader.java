package io.hybridbackup.common.job;

import io.hybridbackup.common.store.Crc64Nvme;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoreException;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;

/**
 * Waits for a store that is away, but not for an object that cannot be read while everything else
 * can: a bad sector below it, say, or shards of it that are lost.
 */
public final class ObjectReader {
  /** So long an object is given further chances. */
  static final Duration PATIENCE = Duration.ofSeconds(3);

  private static final int BUFFER_BYTES = 1 << 18;

  private final Runs runs;
  private final Work work;

  public ObjectReader(Runs runs, Work work) {
    this.runs = runs;
    this.work = work;
  }

  /** What is to be read cannot be, though the store answers. */
  public static final class UnreadableException extends RuntimeException {
    private final ObjectKey object;
    private final @Nullable Slice slice;

    private UnreadableException(ObjectKey object, @Nullable Slice slice, Throwable cause) {
      super(object + " cannot be read: " + cause.getMessage(), cause);
      this.object = object;
      this.slice = slice;
    }

    public ObjectKey object() {
      return object;
    }

    /** In which the object cannot be read; empty if that is not known. */
    public Optional<Slice> slice() {
      return Optional.ofNullable(slice);
    }
  }

  /**
   * As {@link Work#insist(Supplier)}.
   *
   * @param call reads or copies slices
   * @throws UnreadableException if it fails for want of one object alone
   */
  public <T> T insist(Supplier<T> call) throws InterruptedException {
    return insist(call, failure -> failure.slice().ifPresent(this::blame));
  }

  /**
   * As {@link Work#insist(Supplier)}.
   *
   * @param object a small one
   * @param call reads it, or asks for it
   * @throws UnreadableException if it fails for want of that object alone
   */
  public <T> T insist(ObjectKey object, Supplier<T> call) throws InterruptedException {
    return insist(call, failure -> throwIfStoreAnswers(object, null, failure));
  }

  /**
   * CRC64NVME of what the store gives of a slice.
   *
   * @throws UnreadableException if it does not give it, though it answers
   */
  public long crc64nvme(Slice slice) throws InterruptedException {
    return insist(() -> {
      try {
        return read(slice);
      } catch (IOException e) {
        throw new StoreException.Unavailable(
            "could not read " + slice.object() + ": " + e, e, slice);
      }
    });
  }

  /**
   * What to tell of an archive upon which a backup was to build.
   *
   * @param finding which it is, and why it cannot be read
   */
  public static String ofBase(@Nullable String finding) {
    return "what the backup builds upon cannot be read: "
        + finding
        + ". Use another archive, and check the store that holds this one";
  }

  /**
   * What has been decided; empty if nothing has been yet, or if it cannot be read.
   *
   * @param unreadable is told then which record it is and why
   */
  public <T> Optional<T> find(Decision<T> decision, Consumer<String> unreadable)
      throws InterruptedException {
    try {
      return insist(decision.key(), () -> runs.decisions().find(decision));
    } catch (UnreadableException e) {
      unreadable.accept(String.valueOf(e.getMessage()));
    } catch (JacksonException e) {
      unreadable.accept(decision.key() + " cannot be read: " + e.getOriginalMessage());
    }
    return Optional.empty();
  }

  private <T> T insist(Supplier<T> call, Consumer<StoreException.Unavailable> blame)
      throws InterruptedException {
    Failing failing = new Failing();
    return work.insist(() -> {
      try {
        return call.get();
      } catch (StoreException.Unavailable e) {
        if (failing.isLong()) {
          blame.accept(e);
        }
        throw e;
      }
    });
  }

  private long read(Slice slice) throws IOException {
    Crc64Nvme crc = new Crc64Nvme();
    byte[] buffer = new byte[BUFFER_BYTES];
    try (InputStream in = runs.store().open(slice)) {
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
      throwIfStoreAnswers(slice.object(), slice, e);
    }
  }

  /** Where the store is away this fails as well, and no object is to blame. */
  private void throwIfStoreAnswers(ObjectKey object, @Nullable Slice slice, Exception failure) {
    if (runs.store().read(RunKeys.claim(work.run()).key()).isPresent()) {
      throw new UnreadableException(object, slice, failure);
    }
  }

  /** For how long something has failed, time after time. */
  private final class Failing {
    private boolean begun;
    private long since;

    boolean isLong() {
      if (!begun) {
        begun = true;
        since = work.nanoTime();
      }
      return work.nanoTime() - since >= PATIENCE.toNanos();
    }
  }
}
