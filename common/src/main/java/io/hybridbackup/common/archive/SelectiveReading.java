package io.hybridbackup.common.archive;

import io.hybridbackup.common.archive.ArchiveEntry.Place;
import java.io.IOException;
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
final class SelectiveReading implements IndexListener, AutoCloseable {
  private final EntryDelivery delivery;
  private final Predicate<ArchiveEntry> chosen;

  /** The last members that an entry to come may use, numbered as in the part by their notes. */
  private MemberList members = new MemberList();

  /**
   * The first member that an entry to come may use, also if there are so many that it is not held.
   */
  private long least;

  /** The number of the next member. */
  private long next;

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
    members.add(span, next++);
    if (held() > MemberQueue.HELD) {
      members.removeFirst();
    }
  }

  private int held() {
    return members.size() - members.first();
  }

  /** Members that have been left out before it are of no entry to come. */
  @Override
  public void indexMember(int number, long first) {
    if (first != next) {
      members = new MemberList();
      next = first;
      least = first;
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
    if (content == null) {
      return;
    }
    least = Math.clamp(content.member(), least, next);
    while (held() > 0 && next - held() < least) {
      members.removeFirst();
    }
  }

  private void choose(ArchiveEntry entry) throws IOException {
    if (entry.content() != null && entry.size() > 0) {
      expectMembers(entry, entry.content());
    }
    delivery.add(entry);
  }

  private void expectMembers(ArchiveEntry entry, Place content) throws IOException {
    if (content.member() != least || least == next) {
      throw EntryDelivery.corrupt(entry, "its content lies in no member that comes before it");
    }
    if (next - held() > least) {
      delivery.expect(least, content.offset() + entry.size());
      return;
    }
    long left = entry.size();
    int from = content.offset();
    for (int at = members.first(); left > 0; at++) {
      if (at == members.size()) {
        throw EntryDelivery.corrupt(entry, "its content lies behind the last member");
      }
      long bytes = Math.min(left, members.plain(at) - (long) from);
      if (from < 0 || bytes <= 0) {
        throw EntryDelivery.corrupt(entry, "its content lies outside of its member");
      }
      if (members.note(at) > lastExpected) {
        lastExpected = members.note(at);
        delivery.expect(lastExpected, members.get(at), true);
      }
      left -= bytes;
      from = 0;
    }
  }

  /** Hands out what waits, once the index has been found sound. */
  void finish() throws IOException {
    delivery.finish();
  }

  /** Gives up what is under way. */
  @Override
  public void close() throws IOException {
    delivery.close();
  }
}
