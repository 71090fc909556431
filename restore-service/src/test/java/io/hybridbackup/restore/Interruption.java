package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.StoppedException;
import io.hybridbackup.restore.Journal.Back;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/** Epochs of a restore that are killed or frozen at one of their steps, counted from 0. */
final class Interruption {
  static final Back GIVEN_UP = new Back(2, FailureCode.TOOL_FAILED, "no luck");

  private Interruption() {}

  /** Makes an epoch, which tells of each step before it takes it. */
  @FunctionalInterface
  interface Epoch {
    Ending with(Consumer<String> steps) throws Exception;
  }

  /** What is asked of an epoch. */
  @FunctionalInterface
  interface Action {
    boolean on(Ending epoch) throws Exception;
  }

  /** Kills an epoch at a step; false if it has none of that number, and ended by itself. */
  static boolean isKilled(int step, Epoch epoch, Action action) throws Exception {
    AtomicInteger steps = new AtomicInteger();
    Ending killed =
        epoch.with(name -> {
          if (steps.getAndIncrement() == step) {
            throw new Killed(name);
          }
        });
    try {
      boolean _ = action.on(killed);
      return false;
    } catch (Killed e) {
      return true;
    }
  }

  /** No {@code catch} of an exception stops it, as nothing stops a kill. */
  private static final class Killed extends Error {
    private static final long serialVersionUID = 1;

    Killed(String step) {
      super(step);
    }
  }

  /** An epoch that stops in the middle of everything, and goes on when it is thawed. */
  static final class Frozen implements AutoCloseable {
    private final CountDownLatch reached = new CountDownLatch(1);
    private final CountDownLatch thawed = new CountDownLatch(1);
    private final CompletableFuture<Boolean> end = new CompletableFuture<>();

    Frozen(int step, Epoch epoch, Action action) throws Exception {
      AtomicInteger steps = new AtomicInteger();
      Ending frozen =
          epoch.with(name -> {
            if (steps.getAndIncrement() == step) {
              reached.countDown();
              await(thawed);
            }
          });
      Thread.ofPlatform()
          .daemon()
          .start(() -> {
            try {
              end.complete(perform(frozen, action));
            } catch (Throwable e) {
              end.completeExceptionally(e);
            }
            reached.countDown();
          });
    }

    /** As a service does that has not noticed anything. */
    private static boolean perform(Ending epoch, Action action) throws Exception {
      try {
        return action.on(epoch);
      } catch (ComponentFailure | IOException e) {
        return epoch.back(GIVEN_UP);
      }
    }

    boolean isFrozen() {
      await(reached);
      return !end.isDone();
    }

    /** What the action gives; false if the epoch found out that another has taken over. */
    boolean thaw() {
      thawed.countDown();
      try {
        return end.get(60, TimeUnit.SECONDS);
      } catch (ExecutionException e) {
        assertThat(e.getCause()).isInstanceOf(StoppedException.class);
        return false;
      } catch (InterruptedException | TimeoutException e) {
        throw new AssertionError(e);
      }
    }

    @Override
    public void close() {
      thawed.countDown();
    }

    private static void await(CountDownLatch latch) {
      try {
        assertThat(latch.await(60, TimeUnit.SECONDS)).isTrue();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
  }
}
