package io.hybridbackup.common.archive;

import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * Where the members of a part's index lie, and the pages of its lookup. A page has records of
 * {@link LookupRecords#RECORD_BYTES} bytes, ordered as numbers without sign: the first five bytes
 * of the SHA-256 of a path's bytes, and the number of the index member that has the line of its
 * entry. All records of one hash lie in one page.
 *
 * @param index all members of the index, in their order
 * @param pages in the order of their hashes
 */
public record LookupDirectory(List<IndexMember> index, List<Page> pages) {
  /** As many members of an index are read, or as many bytes, to find one path. */
  static final int MEMBERS_A_PATH = 3;

  private static final int SHORTEST = GzipMember.HEADER_BYTES + GzipMember.TRAILER_BYTES;
  private static final Pattern HASH = Pattern.compile("[0-9a-f]{10}");

  public LookupDirectory {
    if (index == null
        || pages == null
        || index.isEmpty()
        || pages.isEmpty()
        || index.stream().anyMatch(Objects::isNull)
        || pages.stream().anyMatch(Objects::isNull)) {
      throw new IllegalArgumentException("a lookup is not told whole");
    }
    for (int page = 1; page < pages.size(); page++) {
      if (pages.get(page - 1).first().compareTo(pages.get(page).first()) >= 0) {
        throw new IllegalArgumentException("the pages of a lookup are not in order");
      }
    }
  }

  /**
   * A member of the index.
   *
   * @param length in bytes
   * @param members how many of the content's members it tells of
   */
  public record IndexMember(long length, int members) {
    public IndexMember {
      if (length < SHORTEST || length > Integer.MAX_VALUE || members < 0) {
        throw new IllegalArgumentException("an index has no such member");
      }
    }
  }

  /**
   * A page, which is one gzip member.
   *
   * @param first the hash of its first record, 10 hex digits
   * @param length in bytes
   */
  public record Page(String first, long length) {
    /** Neither it nor what it holds is longer. */
    static final int LONGEST = 1024 * 1024;

    public Page {
      if (first == null
          || !HASH.matcher(first).matches()
          || length < SHORTEST
          || length > LONGEST) {
        throw new IllegalArgumentException("a lookup has no such page");
      }
    }
  }

  long indexBytes() {
    return index.stream().mapToLong(IndexMember::length).sum();
  }

  long pageBytes() {
    return pages.stream().mapToLong(Page::length).sum();
  }

  /** Whether it takes less to find so many paths by it than to read all of the index. */
  boolean isWorthwhile(int paths) {
    return MEMBERS_A_PATH * (long) paths <= index.size();
  }
}
