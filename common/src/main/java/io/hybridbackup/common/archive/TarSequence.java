package io.hybridbackup.common.archive;

import java.util.Arrays;

/**
 * Follows where the entries of a part lie, as tar does: each begins where the one before it ends,
 * and nothing lies in between. How long a header is only tar knows; of an entry without content the
 * end is therefore not known exactly.
 */
final class TarSequence {
  /**
   * Where the members begin in the part's plain bytes, from the one of the last header on. Of a
   * dump that is all of them, before its entry comes.
   */
  private long[] begins = new long[1024];

  private int known;
  private long first;
  private long plainBytes;
  private long end;
  private boolean exact = true;

  void member(IndexLine.Span member) {
    if (known == begins.length) {
      begins = Arrays.copyOf(begins, 2 * known);
    }
    begins[known++] = plainBytes;
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
    int past = (int) (header.member() - first);
    known -= past;
    System.arraycopy(begins, past, begins, 0, known);
    first = header.member();
    return follows && end <= plainBytes;
  }

  /** Whether the last entry ends where the part does. */
  boolean isComplete() {
    return exact ? end == plainBytes : end <= plainBytes;
  }

  private boolean isKnown(ArchiveEntry.Place place) {
    return place.member() >= first && place.member() < first + known;
  }

  private long position(ArchiveEntry.Place place) {
    return begins[(int) (place.member() - first)] + place.offset();
  }

  private static boolean isAligned(long bytes) {
    return bytes % TarHeader.BLOCK == 0;
  }
}
