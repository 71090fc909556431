package io.hybridbackup.common.store;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.services.s3.model.CompletedPart;

/** Parts on their way, several at a time. The first one that fails fails all. */
final class S3Parts implements AutoCloseable {
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final List<Future<CompletedPart>> parts = new ArrayList<>();
  private final AtomicReference<@Nullable Exception> failure = new AtomicReference<>();
  private final Semaphore room;
  private final int size;

  S3Parts(int atATime) {
    size = atATime;
    room = new Semaphore(atATime);
  }

  /**
   * Waits until there is room for it.
   *
   * @param weight how many ordinary parts it counts as
   */
  void add(int weight, Callable<CompletedPart> part) {
    int taken = Math.clamp(weight, 1, size);
    try {
      room.acquire(taken);
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
    throwFailure();
    parts.add(
        threads.submit(() -> {
          try {
            throwFailure();
            return part.call();
          } catch (Exception e) {
            failure.compareAndSet(null, e);
            throw e;
          } finally {
            room.release(taken);
          }
        }));
  }

  /** All of them, in the order in which they were added. */
  List<CompletedPart> join() {
    List<CompletedPart> completed = new ArrayList<>();
    try {
      for (Future<CompletedPart> part : parts) {
        completed.add(part.get());
      }
    } catch (ExecutionException e) {
      throwFailure();
      throw new IllegalStateException(e);
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
    return completed;
  }

  private void throwFailure() {
    switch (failure.get()) {
      case null -> {}
      case RuntimeException e -> throw e;
      case Exception e -> throw new IllegalStateException(e);
    }
  }

  private static StoreException interrupted(InterruptedException e) {
    Thread.currentThread().interrupt();
    return new StoreException.Unavailable("interrupted while parts were sent", e);
  }

  /** Breaks off what is still on its way and waits for its end. */
  @Override
  public void close() {
    threads.shutdownNow();
    threads.close();
  }
}
