package io.hybridbackup.common.archive;

import io.hybridbackup.common.archive.ArchiveEntry.Place;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * One pass over a part's index, or over an excerpt of it, that hands out chosen entries, and
 * fetches the members that hold their content and no others. The last entry is handed out only when
 * the index has been read to its end and found sound.
 *
 * <p>Of hard links whose target is not chosen, the first becomes the file and the others link to
 * that. For one thread.
 */
final class SelectiveReading implements PartReader.IndexListener, AutoCloseable {
  private final EntryDelivery delivery;
  private final Predicate<ArchiveEntry> chosen;

  /** Members that an entry to come may use, the first of them the part's number {@code known}. */
  private final Deque<IndexLine.Span> members = new ArrayDeque<>();

  private long known;

  /** What hard links that come next may share, and the name that it is chosen under. */
  private @Nullable ArchiveEntry shared;

  private @Nullable EntryPath chosenAs;

  private long lastExpected = -1;

  /**
   * @param delivery is closed with this
   */
  SelectiveReading(EntryDelivery delivery, Predicate<ArchiveEntry> chosen) {
    this.delivery = delivery;
    this.chosen = chosen;
  }

  @Override
  public void member(IndexLine.Span span) {
    members.add(span);
  }

  /** Members that have been left out before it are of no entry to come. */
  @Override
  public void indexMember(int number, long next) {
    if (next != known + members.size()) {
      members.clear();
      known = next;
    }
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
      throw EntryDelivery.corrupt(link, "a hard link does not follow its target");
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
    delivery.add(entry);
  }

  private void expectMembers(ArchiveEntry entry, Place content) throws IOException {
    long left = entry.size();
    if (left > 0 && content.member() != known) {
      throw EntryDelivery.corrupt(entry, "its content lies in no member that comes before it");
    }
    long next = known;
    int from = content.offset();
    for (IndexLine.Span span : members) {
      if (left <= 0) {
        return;
      }
      long bytes = Math.min(left, span.plain() - (long) from);
      if (from < 0 || bytes <= 0) {
        throw EntryDelivery.corrupt(entry, "its content lies outside of its member");
      }
      if (next > lastExpected) {
        delivery.expect(next, span, true);
        lastExpected = next;
      }
      left -= bytes;
      from = 0;
      next++;
    }
    if (left > 0) {
      throw EntryDelivery.corrupt(entry, "its content lies behind the last member");
    }
  }

  /** Hands out what waits, once the index has been found sound. */
  void finish() throws IOException {
    delivery.finish();
  }

  /** Gives up what is under way. */
  @Override
  public void close() {
    delivery.close();
  }
}
