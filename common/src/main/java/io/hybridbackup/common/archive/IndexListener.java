package io.hybridbackup.common.archive;

import java.io.IOException;

/** Hears of a part's index, line by line. */
interface IndexListener {
  /** The next member. */
  void member(IndexLine.Span member) throws IOException;

  /** The next entry; its members have been told before. */
  void entry(ArchiveEntry entry) throws IOException;

  /** A path that the database refers to and the part does not have. */
  default void missing(EntryPath path) {}

  /**
   * A member of the index begins. Told only where the lookup is used.
   *
   * @param number of the index's members, from 0
   * @param next number of the next member of the content that is told of
   */
  default void indexMember(int number, long next) {}
}
