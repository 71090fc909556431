package io.hybridbackup.common.archive;

import io.hybridbackup.common.archive.ArchiveEntry.Place;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Hands out entries with their content, a good way behind the index that tells of them: so many
 * members are fetched and decoded at once, however small the files are. For one thread.
 */
final class EntryDelivery implements AutoCloseable {
  /** Of those whose content fills no members, such as symbolic links, no more than this wait. */
  private static final int ENTRIES_BEHIND = 10_000;

  /** What names and attributes they have may be long: no more than about this waits either. */
  static final int BYTES_BEHIND = 16 * 1024 * 1024;

  private final MemberSource source;
  private final PartReader.Handler handler;
  private final ProgressListener progress;
  private final Deque<ArchiveEntry> waiting = new ArrayDeque<>();
  private long waitingBytes;
  private MemberSource.Plain member = MemberSource.Plain.NONE;

  /** What lies before has been handed out or passed over. */
  private Place position = new Place(0, 0);

  /**
   * @param source is closed with this
   */
  EntryDelivery(MemberSource source, PartReader.Handler handler, ProgressListener progress) {
    this.source = source;
    this.handler = handler;
    this.progress = progress;
  }

  /**
   * A member that lies behind all that were expected before, and that entries to come may need.
   *
   * @param number of the part's members, from 0
   * @param wanted whether it is to be read; of a file that has others, only what comes before them
   *     is handed out, unchecked
   */
  void expect(long number, IndexLine.Span span, boolean wanted) throws IOException {
    source.expect(number, span, wanted);
  }

  /** As {@link MemberSource#expect(long, long)}. */
  void expect(long number, long plainBytes) throws IOException {
    source.expect(number, plainBytes);
  }

  /** The next entry; all members that hold its content are expected. */
  void add(ArchiveEntry entry) throws IOException {
    waiting.add(entry);
    waitingBytes += entry.heldBytes();
    while (waiting.size() > 1
        && (waiting.size() > ENTRIES_BEHIND || waitingBytes > BYTES_BEHIND || source.isAhead())) {
      handOutNext();
    }
  }

  /** Hands out what waits, and reads the members that are left, once the index is found sound. */
  void finish() throws IOException {
    while (!waiting.isEmpty()) {
      handOutNext();
    }
    while (source.hasNext()) {
      member = source.next();
    }
  }

  private void handOutNext() throws IOException {
    ArchiveEntry entry = waiting.remove();
    waitingBytes -= entry.heldBytes();
    Place content = entry.content();
    handler.entry(entry, content == null ? out -> {} : out -> copy(entry, content, out));
    progress.advanced(0, entry.type() == ArchiveEntry.Type.FOLDER ? 0 : 1);
  }

  private void copy(ArchiveEntry entry, Place place, OutputStream out) throws IOException {
    if (place.member() < position.member()
        || (place.member() == position.member() && place.offset() < position.offset())) {
      throw corrupt(entry, "its content lies before what comes before it");
    }
    MessageDigest digest = Sha256.digest();
    boolean whole = true;
    long left = entry.size();
    long wanted = place.member();
    int from = place.offset();
    while (left > 0) {
      advanceTo(entry, wanted);
      int bytes = (int) Math.min(left, member.bytes() - (long) from);
      if (bytes <= 0) {
        throw corrupt(entry, "its content lies outside of its member");
      }
      byte[] content = member.content();
      if (content == null) {
        whole = false;
      } else if (whole) {
        digest.update(content, from, bytes);
        out.write(content, from, bytes);
      }
      progress.advanced(bytes, 0);
      left -= bytes;
      position = new Place(wanted, from + bytes);
      from = 0;
      wanted++;
    }
    if (whole && !Sha256.hex(digest).equals(entry.sha256())) {
      throw corrupt(entry, "its content's SHA-256 is not the one of the index");
    }
  }

  private void advanceTo(ArchiveEntry entry, long wanted) throws IOException {
    try {
      while (member.number() < wanted) {
        if (!source.hasNext()) {
          throw corrupt(entry, "its content lies behind the last member");
        }
        member = source.next();
      }
    } catch (ArchiveCorruptException e) {
      throw e.in(name(entry));
    }
  }

  /** What an entry says of itself and does not hold. */
  static ArchiveCorruptException corrupt(ArchiveEntry entry, String finding) {
    return new ArchiveCorruptException(
        name(entry),
        null,
        entry,
        entry.header().offset(),
        finding + " (member " + entry.header().member() + ")",
        null);
  }

  private static String name(ArchiveEntry entry) {
    return EscapedPath.of(entry.path(), StandardCharsets.UTF_8);
  }

  /** Gives up what is under way. */
  @Override
  public void close() throws IOException {
    source.close();
  }
}
