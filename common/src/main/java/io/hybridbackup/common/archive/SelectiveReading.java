package io.hybridbackup.common.archive;

import io.hybridbackup.common.archive.ArchiveEntry.Place;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * One pass over a part's index that hands out chosen entries, and fetches the members that hold
 * their content and no others. Entries are handed out a good way behind the index, so that much is
 * fetched at once; the last one only when the index has been read to its end and found sound.
 *
 * <p>Of hard links whose target is not chosen, the first becomes the file and the others link to
 * that. For one thread.
 */
final class SelectiveReading implements PartReader.IndexListener, AutoCloseable {
  private static final int ENTRIES_BEHIND = 10_000;
  private static final int MEMBERS_BEHIND = 1 << 16;

  private final MemberSource source;
  private final Predicate<ArchiveEntry> chosen;
  private final PartReader.Handler handler;
  private final ProgressListener progress;

  /** Members that an entry to come may use, the first of them the part's number {@code known}. */
  private final Deque<IndexLine.Span> members = new ArrayDeque<>();

  private long known;

  /** What hard links that come next may share, and the name that it is chosen under. */
  private @Nullable ArchiveEntry shared;

  private @Nullable EntryPath chosenAs;

  private final Deque<ArchiveEntry> waiting = new ArrayDeque<>();
  private final Deque<Long> expected = new ArrayDeque<>();
  private long lastExpected = -1;

  private byte[] member = new byte[0];
  private long number = -1;

  /**
   * @param source is closed with this
   */
  SelectiveReading(
      MemberSource source,
      Predicate<ArchiveEntry> chosen,
      PartReader.Handler handler,
      ProgressListener progress) {
    this.source = source;
    this.chosen = chosen;
    this.handler = handler;
    this.progress = progress;
  }

  @Override
  public void member(IndexLine.Span span) {
    members.add(span);
  }

  @Override
  public void entry(ArchiveEntry entry) throws IOException {
    boolean wanted = chosen.test(entry);
    if (entry.type() == ArchiveEntry.Type.HARDLINK) {
      if (wanted) {
        choose(resolve(entry));
      }
      return;
    }
    shared = entry;
    chosenAs = wanted ? entry.path() : null;
    forgetMembersBefore(entry);
    if (wanted) {
      choose(entry);
    }
  }

  private ArchiveEntry resolve(ArchiveEntry link) throws ArchiveCorruptException {
    ArchiveEntry target = shared;
    if (target == null || !target.path().equals(link.target())) {
      throw corrupt(link, "a hard link does not follow its target");
    }
    if (chosenAs == null) {
      chosenAs = link.path();
      return target.named(link.path());
    }
    return chosenAs.equals(target.path())
        ? link
        : target.named(chosenAs).linkedAs(link.path(), link.vanished());
  }

  private void forgetMembersBefore(ArchiveEntry entry) {
    Place content = entry.content();
    while (content != null && known < content.member() && !members.isEmpty()) {
      members.remove();
      known++;
    }
  }

  private void choose(ArchiveEntry entry) throws IOException {
    if (entry.content() != null) {
      expectMembers(entry, entry.content());
    }
    waiting.add(entry);
    while (waiting.size() > ENTRIES_BEHIND
        || (expected.size() > MEMBERS_BEHIND && waiting.size() > 1)) {
      handOut(waiting.remove());
    }
  }

  private void expectMembers(ArchiveEntry entry, Place content) throws IOException {
    long left = entry.size();
    if (left > 0 && content.member() != known) {
      throw corrupt(entry, "its content lies in no member that comes before it");
    }
    long next = known;
    int from = content.offset();
    for (IndexLine.Span span : members) {
      if (left <= 0) {
        return;
      }
      long bytes = Math.min(left, span.plain() - (long) from);
      if (from < 0 || bytes <= 0) {
        throw corrupt(entry, "its content lies outside of its member");
      }
      if (next > lastExpected) {
        source.expect(span, true);
        expected.add(next);
        lastExpected = next;
      }
      left -= bytes;
      from = 0;
      next++;
    }
    if (left > 0) {
      throw corrupt(entry, "its content lies behind the last member");
    }
  }

  /** Hands out what waits, once the index has been found sound. */
  void finish() throws IOException {
    while (!waiting.isEmpty()) {
      handOut(waiting.remove());
    }
  }

  private void handOut(ArchiveEntry entry) throws IOException {
    Place content = entry.content();
    handler.entry(entry, content == null ? out -> {} : out -> copy(entry, content, out));
    progress.advanced(0, entry.type() == ArchiveEntry.Type.FOLDER ? 0 : 1);
  }

  private void copy(ArchiveEntry entry, Place content, OutputStream out) throws IOException {
    MessageDigest digest = Sha256.digest();
    long left = entry.size();
    long wanted = content.member();
    int from = content.offset();
    while (left > 0) {
      advanceTo(entry, wanted);
      int bytes = (int) Math.min(left, member.length - from);
      digest.update(member, from, bytes);
      out.write(member, from, bytes);
      progress.advanced(bytes, 0);
      left -= bytes;
      from = 0;
      wanted++;
    }
    if (!Sha256.hex(digest).equals(entry.sha256())) {
      throw corrupt(entry, "its content's SHA-256 is not the one of the index");
    }
  }

  private void advanceTo(ArchiveEntry entry, long wanted) throws IOException {
    try {
      while (number < wanted) {
        member = Objects.requireNonNull(source.next().content());
        number = expected.remove();
      }
    } catch (ArchiveCorruptException e) {
      throw e.in(name(entry));
    }
  }

  private static ArchiveCorruptException corrupt(ArchiveEntry entry, String finding) {
    return new ArchiveCorruptException(
        name(entry),
        entry.header().offset(),
        finding + " (member " + entry.header().member() + ")");
  }

  private static String name(ArchiveEntry entry) {
    return EscapedPath.of(entry.path(), StandardCharsets.UTF_8);
  }

  /** Gives up what is under way. */
  @Override
  public void close() {
    source.close();
  }
}
