package io.hybridbackup.common.archive;

import java.util.ArrayList;
import java.util.List;

/**
 * Follows where the entries of a part lie, as tar does: each begins where the one before it ends,
 * and nothing lies in between. How long a header is only tar knows; of an entry without content the
 * end is therefore not known exactly.
 */
final class TarSequence {
  /** Where the members begin in the part's plain bytes, from the one of the last header on. */
  private final List<Long> begins = new ArrayList<>();

  private long first;
  private long plainBytes;
  private long end;
  private boolean exact = true;

  void member(IndexLine.Span member) {
    begins.add(plainBytes);
    plainBytes += member.plain();
  }

  /**
   * The next entry; its members have been told before.
   *
   * @return whether it lies where it should
   */
  boolean entry(ArchiveEntry entry) {
    ArchiveEntry.Place header = entry.header();
    ArchiveEntry.Place content = entry.content();
    if (!isKnown(header) || (content != null && !isKnown(content))) {
      return false;
    }
    long begin = position(header);
    boolean follows = exact ? begin == end : begin >= end && isAligned(begin);
    if (content == null) {
      end = begin + TarHeader.BLOCK;
    } else {
      long contentBegin = position(content);
      follows &= contentBegin > begin && isAligned(contentBegin - begin);
      end = contentBegin + entry.size() + TarHeader.padding(entry.size());
    }
    exact = content != null;
    begins.subList(0, (int) (header.member() - first)).clear();
    first = header.member();
    return follows && end <= plainBytes;
  }

  /** Whether the last entry ends where the part does. */
  boolean isComplete() {
    return exact ? end == plainBytes : end <= plainBytes;
  }

  private boolean isKnown(ArchiveEntry.Place place) {
    return place.member() >= first && place.member() < first + begins.size();
  }

  private long position(ArchiveEntry.Place place) {
    return begins.get((int) (place.member() - first)) + place.offset();
  }

  private static boolean isAligned(long bytes) {
    return bytes % TarHeader.BLOCK == 0;
  }
}
