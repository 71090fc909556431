package io.hybridbackup.common.archive;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Members that are to be read, in their order. It holds some of them; of the others, which may be
 * all members of a dump, only their numbers, and reads the index once more when it comes to them.
 * For one thread.
 */
final class MemberQueue implements AutoCloseable {
  /** With about a mebibyte of content each, and 64 bytes here. */
  static final int HELD = 64 * 1024;

  private final Index index;
  private final int longest;

  /** The note is number and whether wanted. */
  private final MemberList held = new MemberList();

  private final Deque<Run> runs = new ArrayDeque<>();

  /** Where the index is read once more, and the number of the next member there. */
  private @Nullable Members again;

  private long againNext;
  private IndexLine.@Nullable Span againLast;
  private @Nullable Expected first;

  /** Of those that are held. */
  private long bytes;

  private long plainBytes;

  /** Reads the index once more. */
  @FunctionalInterface
  interface Index {
    /** The members from one on; the caller closes them. */
    Members from(long number) throws IOException;
  }

  /** Members, one behind the other. */
  interface Members extends AutoCloseable {
    /** The next one, or null if there is none. */
    IndexLine.@Nullable Span next() throws IOException;

    @Override
    void close() throws IOException;
  }

  /**
   * A member that is to be read, or passed over.
   *
   * @param number of the part's members, from 0
   */
  record Expected(long number, IndexLine.Span span, boolean wanted) {}

  /** Members that follow each other, and come before one that is held. */
  private static final class Run {
    private final int before;
    private final boolean wanted;
    private long next;
    private long end;
    private long plainLeft;

    Run(int before, boolean wanted, long next, long end, long plainLeft) {
      this.before = before;
      this.wanted = wanted;
      this.next = next;
      this.end = end;
      this.plainLeft = plainLeft;
    }
  }

  MemberQueue(Index index, int longest) {
    this.index = index;
    this.longest = longest;
  }

  /** A member that lies behind all that are there; there may be others between. */
  void add(long number, IndexLine.Span member, boolean wanted) {
    if (held.size() - held.first() < longest) {
      held.add(member, number << 1 | (wanted ? 1 : 0));
      bytes += member.length();
      plainBytes += member.plain();
      return;
    }
    Run last = runs.peekLast();
    if (last != null && last.before == held.size() && last.end == number && last.wanted == wanted) {
      last.end++;
    } else {
      runs.add(new Run(held.size(), wanted, number, number + 1, Long.MAX_VALUE));
    }
  }

  /** Members to be read, from one on, until they have so many plain bytes. */
  void add(long number, long plain) {
    runs.add(new Run(held.size(), true, number, Long.MAX_VALUE, plain));
  }

  /** Whether what is there is so much, as far as that is known, or more than is held. */
  boolean has(long someBytes, long somePlainBytes) {
    return !runs.isEmpty() || bytes >= someBytes || plainBytes >= somePlainBytes;
  }

  /** The first, if there is one, which stays. */
  @Nullable Expected peek() throws IOException {
    if (first == null) {
      first = next();
    }
    return first;
  }

  /** Lets go of what {@link #peek} gave. */
  void remove() {
    first = null;
  }

  private @Nullable Expected next() throws IOException {
    for (Run run = runs.peek(); run != null && run.before == held.first(); run = runs.peek()) {
      IndexLine.Span span = again(run.next);
      if (span != null) {
        Expected next = new Expected(run.next++, span, run.wanted);
        run.plainLeft -= span.plain();
        if (run.next == run.end || run.plainLeft <= 0) {
          runs.remove();
        }
        return next;
      }
      runs.remove();
    }
    if (held.first() == held.size()) {
      return null;
    }
    long note = held.note(held.first());
    Expected next = new Expected(note >>> 1, held.get(held.first()), (note & 1) == 1);
    held.removeFirst();
    bytes -= next.span().length();
    plainBytes -= next.span().plain();
    return next;
  }

  /** Goes on where the index is being read, as one run often begins where another ended. */
  private IndexLine.@Nullable Span again(long number) throws IOException {
    Members members = again;
    if (members == null || number < againNext - 1) {
      close();
      members = index.from(number);
      again = members;
      againNext = number;
    }
    while (againNext <= number) {
      againLast = members.next();
      againNext++;
    }
    return againLast;
  }

  /** Gives up what is under way. */
  @Override
  public void close() throws IOException {
    Members open = again;
    again = null;
    if (open != null) {
      open.close();
    }
  }
}
