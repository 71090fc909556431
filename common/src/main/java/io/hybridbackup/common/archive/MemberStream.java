package io.hybridbackup.common.archive;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
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

  /** What waits behind members that are under way takes memory too. */
  private static final int WAITING_STEPS = 16 * 1024;

  private final Compressor compressor;
  private final List<KnownMembers> known;
  private final Sink sink;
  private final int limit;
  private final Deque<Step> steps = new ArrayDeque<>();
  private int underWay;

  /**
   * @param known where members are looked for before they are compressed
   */
  MemberStream(Compressor compressor, List<KnownMembers> known, Sink sink) {
    this.compressor = compressor;
    this.known = known;
    this.sink = sink;
    this.limit = 2 * compressor.threads();
  }

  /** Adds a member, and waits while too many are under way. Takes the array over. */
  void add(byte[] plain, int plainBytes) throws IOException {
    Future<Member> member = compressor.compress(plain, plainBytes, known);
    underWay++;
    steps.add(() -> {
      sink.accept(await(member));
      underWay--;
    });
    while (underWay > limit) {
      steps.remove().run();
    }
  }

  /** Adds a member that an earlier part has. */
  void reuse(Member.Reused member) throws IOException {
    then(() -> sink.accept(member));
  }

  /** Has {@code step} run after the members added so far. */
  void then(Step step) throws IOException {
    if (steps.isEmpty()) {
      step.run();
    } else {
      steps.add(step);
    }
    while (steps.size() > WAITING_STEPS) {
      steps.remove().run();
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
