package io.hybridbackup.common.job;

import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * What jobs get from the machine that they run on: time that passes, and threads. Everything in
 * this package that waits, waits here.
 */
interface Machine {
  Machine REAL =
      new Machine() {
        @Override
        public long nanoTime() {
          return System.nanoTime();
        }

        @Override
        public void sleep(Duration time) throws InterruptedException {
          Thread.sleep(time);
        }

        @Override
        public Condition condition(ReentrantLock lock) {
          return lock.newCondition();
        }

        @Override
        public Thread thread(String name, Runnable task) {
          // Not virtual: a dead network drive, or one that packs, holds up the carriers of all.
          return Thread.ofPlatform().daemon().name(name).unstarted(task);
        }

        @Override
        public void interrupt(Thread thread) {
          thread.interrupt();
        }

        @Override
        public void join(Thread thread) throws InterruptedException {
          thread.join();
        }

        @Override
        public boolean join(Thread thread, Duration patience) throws InterruptedException {
          return thread.join(patience);
        }
      };

  /** Nanoseconds from an arbitrary beginning; steady, as {@link System#nanoTime}. */
  long nanoTime();

  void sleep(Duration time) throws InterruptedException;

  /** A condition to wait for with that lock. */
  Condition condition(ReentrantLock lock);

  /** A thread that does not keep the program from ending; it has not been started. */
  Thread thread(String name, Runnable task);

  /** Keeps a thread from waiting any longer. */
  void interrupt(Thread thread);

  /** Waits until the thread has ended. */
  void join(Thread thread) throws InterruptedException;

  /** Waits until the thread has ended, but no longer than that, and tells whether it has. */
  boolean join(Thread thread, Duration patience) throws InterruptedException;
}
