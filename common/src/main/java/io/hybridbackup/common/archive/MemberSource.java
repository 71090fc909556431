package io.hybridbackup.common.archive;

import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.Slice;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.zip.DataFormatException;
import org.jspecify.annotations.Nullable;

/**
 * Fetches members by ranges and decodes them, both in parallel and a bounded way ahead, and hands
 * their content out in order. For one thread.
 */
final class MemberSource implements AutoCloseable {
  static final int BATCH_BYTES = 4 * 1024 * 1024;
  static final int BATCH_PLAIN_BYTES = 8 * 1024 * 1024;
  private static final int BATCH_MEMBERS = 4096;

  private final ObjectStore store;
  private final StoredBytes content;
  private final String name;
  private final int batches;
  private final ExecutorService executor;

  private final MemberQueue expected;
  private final Deque<Future<Deque<Plain>>> underWay = new ArrayDeque<>();
  private Deque<Plain> ready = new ArrayDeque<>();

  /**
   * A member's content.
   *
   * @param number of the part's members, from 0
   * @param bytes its length
   * @param content null if it was not wanted
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Plain(long number, int bytes, byte @Nullable [] content) {
    /** Comes before all others. */
    static final Plain NONE = new Plain(-1, 0, null);
  }

  /**
   * @param content where the part's content lies
   * @param index where members are looked up again when they are more than can be held
   * @param name what the content is, for messages
   */
  MemberSource(
      ObjectStore store,
      StoredBytes content,
      MemberQueue.Index index,
      String name,
      Parallelism parallelism) {
    this.expected = new MemberQueue(index, MemberQueue.HELD);
    this.store = store;
    this.content = content;
    this.name = name;
    this.batches = parallelism.batches();
    this.executor =
        Executors.newFixedThreadPool(
            batches - 1, Thread.ofPlatform().daemon().name("decode-", 0).factory());
  }

  /**
   * A member that lies behind all that were expected before; there may be others between.
   *
   * @param number of the part's members, from 0
   * @param wanted whether it is to be read
   */
  void expect(long number, IndexLine.Span member, boolean wanted) throws IOException {
    expected.add(number, member, wanted);
    if (hasBatch()) {
      fetchAhead();
    }
  }

  /**
   * Members to be read that nobody remembers, from one on, until they have so many plain bytes: the
   * index tells of them once more. They lie behind all that were expected before; of what is
   * expected later, some may be among them.
   */
  void expect(long number, long plainBytes) throws IOException {
    expected.add(number, plainBytes);
    fetchAhead();
  }

  private boolean hasBatch() {
    return expected.has(BATCH_BYTES, BATCH_PLAIN_BYTES);
  }

  /** Whether it helps nobody to expect more before some has been taken. */
  boolean isAhead() {
    return underWay.size() >= batches && hasBatch();
  }

  private void fetchAhead() throws IOException {
    MemberQueue.Expected next = underWay.size() < batches ? expected.peek() : null;
    while (next != null) {
      boolean wanted = next.wanted();
      long offset = next.span().offset();
      List<MemberQueue.Expected> batch = new ArrayList<>();
      long bytes = 0;
      long plain = 0;
      do {
        batch.add(next);
        bytes += next.span().length();
        plain += next.span().plain();
        expected.remove();
        next = expected.peek();
      } while (next != null
          && batch.size() < BATCH_MEMBERS
          && next.wanted() == wanted
          && (!wanted
              || (next.span().offset() == offset + bytes
                  && bytes + next.span().length() <= BATCH_BYTES
                  && plain + next.span().plain() <= BATCH_PLAIN_BYTES)));
      long total = bytes;
      underWay.add(
          wanted
              ? executor.submit(() -> fetch(batch, total))
              : CompletableFuture.completedFuture(passedOver(batch)));
      if (underWay.size() >= batches) {
        return;
      }
    }
  }

  private static Deque<Plain> passedOver(List<MemberQueue.Expected> batch) {
    Deque<Plain> contents = new ArrayDeque<>();
    batch.forEach(member -> contents.add(new Plain(member.number(), member.span().plain(), null)));
    return contents;
  }

  /**
   * The content of the next expected member.
   *
   * @throws ArchiveCorruptException if it is not what the index says
   * @throws IOException if none is expected, or it cannot be read
   */
  Plain next() throws IOException {
    while (ready.isEmpty()) {
      fetchAhead();
      if (underWay.isEmpty()) {
        throw new EOFException("there is no further member");
      }
      ready = await(underWay.remove());
    }
    Plain next = ready.remove();
    fetchAhead();
    return next;
  }

  boolean hasNext() throws IOException {
    return !ready.isEmpty() || !underWay.isEmpty() || expected.peek() != null;
  }

  private static Deque<Plain> await(Future<Deque<Plain>> batch) throws IOException {
    try {
      return batch.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while the archive was read");
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case IOException failure -> throw failure;
        case RuntimeException failure -> throw failure;
        case null, default -> throw new IOException("a range could not be read", e);
      }
    }
  }

  private Deque<Plain> fetch(List<MemberQueue.Expected> batch, long bytes) throws IOException {
    Deque<Plain> contents = new ArrayDeque<>();
    try (InputStream in = content.open(store, batch.getFirst().span().offset(), bytes)) {
      for (MemberQueue.Expected next : batch) {
        IndexLine.Span member = next.span();
        byte[] gzip = in.readNBytes(member.length());
        if (gzip.length < member.length()) {
          throw new EOFException("the store gave less than was asked for");
        }
        contents.add(new Plain(next.number(), member.plain(), decode(member, gzip)));
      }
    }
    return contents;
  }

  private byte[] decode(IndexLine.Span member, byte[] gzip) throws ArchiveCorruptException {
    byte[] plain;
    try {
      plain = GzipMember.decode(gzip, member.plain());
    } catch (DataFormatException e) {
      throw damaged(member, "a member cannot be decoded: " + e.getMessage(), e);
    }
    if (!Sha256.of(plain, plain.length).equals(member.sha256())) {
      throw damaged(member, "a member's SHA-256 is not the index's", null);
    }
    return plain;
  }

  private ArchiveCorruptException damaged(
      IndexLine.Span member, String finding, @Nullable Throwable cause) {
    Slice read = content.range(member.offset(), member.length()).getFirst();
    return new ArchiveCorruptException(name, read, null, member.offset(), finding, cause);
  }

  /** Gives up what is under way. */
  @Override
  public void close() throws IOException {
    executor.shutdownNow();
    executor.close();
    expected.close();
  }
}
