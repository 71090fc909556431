package io.hybridbackup.common.archive;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/**
 * Members of one stream on their way through the compressor, given on in the order in which they
 * came and on the thread that brings them. For one thread.
 */
final class MemberStream {
  /** What becomes of finished members. */
  @FunctionalInterface
  interface Sink {
    void accept(Member member) throws IOException;
  }

  /** What is to be done when all members before it have been given on. */
  @FunctionalInterface
  interface Step {
    void run() throws IOException;
  }

  private final Compressor compressor;
  private final Sink sink;
  private final int limit;
  private final Deque<Step> steps = new ArrayDeque<>();
  private int underWay;

  MemberStream(Compressor compressor, Sink sink) {
    this.compressor = compressor;
    this.sink = sink;
    this.limit = 2 * compressor.threads();
  }

  /** Adds a member, and waits while too many are under way. Takes the array over. */
  void add(byte[] plain, int plainBytes) throws IOException {
    Future<Member> member = compressor.compress(plain, plainBytes);
    underWay++;
    steps.add(() -> {
      sink.accept(await(member));
      underWay--;
    });
    while (underWay > limit) {
      steps.remove().run();
    }
  }

  /** Has {@code step} run after the members added so far. */
  void then(Step step) throws IOException {
    if (steps.isEmpty()) {
      step.run();
    } else {
      steps.add(step);
    }
  }

  /** Waits for everything added so far. */
  void flush() throws IOException {
    while (!steps.isEmpty()) {
      steps.remove().run();
    }
  }

  private static Member await(Future<Member> member) throws IOException {
    try {
      return member.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while members were compressed");
    } catch (ExecutionException e) {
      throw new IOException("a member could not be compressed", e.getCause());
    }
  }
}
