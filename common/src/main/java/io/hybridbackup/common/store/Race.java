package io.hybridbackup.common.store;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;

/** Lets several writers go for the same key at the same moment and counts who believes it won. */
final class Race {
  static final int CONTENT_BYTES = 9;

  private static final int WRITERS = 16;

  /** A store that only looks first and then writes is often lucky once, hardly ever each time. */
  private static final int ROUNDS = 4;

  private final ObjectStore store;
  private final ObjectKey place;

  Race(ObjectStore store, ObjectKey place) {
    this.store = store;
    this.place = place;
  }

  /** Whether {@link ObjectStore#create} lets exactly one writer win. */
  boolean oneCreates() {
    for (int round = 0; round < ROUNDS; round++) {
      ObjectKey key = place.resolve("create-" + round);
      if (!oneWins(
          key,
          writer ->
              start -> {
                start.await();
                return store.create(key, content(writer));
              })) {
        return false;
      }
    }
    return true;
  }

  /** Whether {@link Upload#complete} lets exactly one writer win. */
  boolean oneCompletes(Function<ObjectKey, Upload> uploads) {
    for (int round = 0; round < ROUNDS; round++) {
      ObjectKey key = place.resolve("complete-" + round);
      if (!oneWins(key, writer -> start -> complete(uploads, key, writer, start))) {
        return false;
      }
    }
    return true;
  }

  private static boolean complete(
      Function<ObjectKey, Upload> uploads, ObjectKey key, int writer, CyclicBarrier start)
      throws Exception {
    try (Upload upload = uploads.apply(key)) {
      upload.write(content(writer));
      start.await();
      upload.complete();
      return true;
    } catch (StoreException.Exists e) {
      return false;
    } catch (StoreException.Corrupt e) {
      // Another has written over it.
      return true;
    }
  }

  private static byte[] content(int writer) {
    return String.format(Locale.ROOT, "writer %02d", writer).getBytes(StandardCharsets.UTF_8);
  }

  private boolean oneWins(ObjectKey key, Function<Integer, Writer> writers) {
    CyclicBarrier start = new CyclicBarrier(WRITERS);
    List<Callable<Boolean>> racing = new ArrayList<>();
    for (int writer = 0; writer < WRITERS; writer++) {
      Writer next = writers.apply(writer);
      racing.add(() -> {
        try {
          return next.write(start);
        } catch (StoreException | IOException e) {
          // The others must not wait at the start for one that has failed.
          start.reset();
          throw e;
        }
      });
    }
    List<Integer> winners = new ArrayList<>();
    List<Throwable> failures = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Boolean>> finished = threads.invokeAll(racing);
      for (int writer = 0; writer < WRITERS; writer++) {
        Future<Boolean> one = finished.get(writer);
        if (one.state() == Future.State.FAILED) {
          failures.add(one.exceptionNow());
        } else if (one.resultNow()) {
          winners.add(writer);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new StoreException.Unavailable("interrupted while the store was probed", e);
    }
    if (!failures.isEmpty()) {
      requireLosersOnly(failures, winners);
      return false;
    }
    return winners.size() == 1
        && store
            .read(key)
            .filter(kept -> Arrays.equals(kept, content(winners.getFirst())))
            .isPresent();
  }

  /**
   * A store that refuses some and not others gets them mixed up; one that refuses all is not set up
   * for any.
   */
  private static void requireLosersOnly(List<Throwable> failures, List<Integer> winners) {
    Optional<StoreException> failure =
        failures.stream()
            .filter(StoreException.class::isInstance)
            .map(StoreException.class::cast)
            .filter(one -> one.retryable() || winners.isEmpty())
            .findFirst();
    if (failure.isPresent()) {
      throw failure.get();
    }
    if (winners.isEmpty()) {
      throw new StoreException.Unavailable(
          "the store failed while it was probed", failures.getFirst());
    }
  }

  @FunctionalInterface
  private interface Writer {
    boolean write(CyclicBarrier start) throws Exception;
  }
}
