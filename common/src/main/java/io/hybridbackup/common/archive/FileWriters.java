package io.hybridbackup.common.archive;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Writes small files at the same time, a bounded way behind whoever hands them in. */
final class FileWriters implements AutoCloseable {
  /** The largest file that is worth while; larger ones keep a disk busy by themselves. */
  static final int SMALL_BYTES = 1024 * 1024;

  private static final int THREADS = Math.clamp(Runtime.getRuntime().availableProcessors(), 2, 8);
  private static final int WAITING_BYTES = 16 * SMALL_BYTES;

  /** What a file takes that is empty. */
  private static final int LEAST_BYTES = 4096;

  private final ExecutorService executor =
      Executors.newFixedThreadPool(
          THREADS, Thread.ofPlatform().daemon().name("write-", 0).factory());

  private final Semaphore room = new Semaphore(WAITING_BYTES);
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

  /** Writes one file. */
  @FunctionalInterface
  interface Writing {
    void write() throws IOException;
  }

  /**
   * Has a file written, sooner or later.
   *
   * @param bytes at most {@link #SMALL_BYTES}
   * @throws IOException also if an earlier file could not be written
   */
  void add(int bytes, Writing writing) throws IOException {
    int taken = Math.max(LEAST_BYTES, bytes);
    acquire(taken);
    executor.execute(() -> {
      try {
        if (failure.get() == null) {
          writing.write();
        }
      } catch (IOException | RuntimeException | Error e) {
        failure.compareAndSet(null, e);
      } finally {
        room.release(taken);
      }
    });
  }

  /**
   * Waits until all files are written.
   *
   * @throws IOException if one could not be
   */
  void settle() throws IOException {
    acquire(WAITING_BYTES);
    room.release(WAITING_BYTES);
  }

  private void acquire(int bytes) throws IOException {
    try {
      room.acquire(bytes);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while files were written");
    }
    Throwable failed = failure.get();
    if (failed != null) {
      room.release(bytes);
    }
    switch (failed) {
      case null -> {}
      case IOException e -> throw e;
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new IllegalStateException(failed);
    }
  }

  /** Gives up what is waiting. */
  @Override
  public void close() {
    executor.shutdownNow();
    executor.close();
  }
}
