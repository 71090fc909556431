package io.hybridbackup.common.archive;

import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.Slice;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** Reads the lookup of a part, a page at a time. Holds nothing open between calls. */
final class LookupReader {
  private final ObjectStore store;
  private final StoredBytes pages;
  private final String name;
  private final LookupDirectory directory;

  /** Where index members begin, and where the last one ends. */
  private final long[] indexOffsets;

  /** How many members of the content the index members before tell of. */
  private final long[] members;

  private final long[] pageOffsets;
  private final long[] firsts;

  /**
   * @param name what it is, for messages
   */
  LookupReader(ObjectStore store, StoredBytes pages, LookupDirectory directory, String name) {
    this.store = store;
    this.pages = pages;
    this.name = name;
    this.directory = directory;
    int indexMembers = directory.index().size();
    indexOffsets = new long[indexMembers + 1];
    members = new long[indexMembers + 1];
    for (int number = 0; number < indexMembers; number++) {
      LookupDirectory.IndexMember member = directory.index().get(number);
      indexOffsets[number + 1] = indexOffsets[number] + member.length();
      members[number + 1] = members[number] + member.members();
    }
    int count = directory.pages().size();
    pageOffsets = new long[count + 1];
    firsts = new long[count];
    for (int page = 0; page < count; page++) {
      pageOffsets[page + 1] = pageOffsets[page] + directory.pages().get(page).length();
      firsts[page] = HexFormat.fromHexDigitsToLong(directory.pages().get(page).first());
    }
  }

  boolean isWorthwhile(int paths) {
    return directory.isWorthwhile(paths);
  }

  /** How many members the index has. */
  int indexMembers() {
    return directory.index().size();
  }

  /** Where a member of the index begins. */
  long indexOffset(int number) {
    return indexOffsets[number];
  }

  long indexLength(int number) {
    return indexOffsets[number + 1] - indexOffsets[number];
  }

  /** How many members of the content those before a member of the index tell of. */
  long membersBefore(int number) {
    return members[number];
  }

  /** The member of the index that tells of a member of the content; the last if none does. */
  int tellingOf(long member) {
    int number = 0;
    while (number < indexMembers() - 1 && member >= members[number + 1]) {
      number++;
    }
    return number;
  }

  /**
   * Adds the members of the index that may have a path's entry.
   *
   * @throws ArchiveCorruptException if the page is damaged
   */
  void addCandidates(EntryPath path, BitSet candidates) throws IOException {
    long hash = LookupRecords.hash(path);
    int at = Arrays.binarySearch(firsts, hash);
    int page = at < 0 ? -at - 2 : at;
    if (page < 0) {
      return;
    }
    for (long record : page(page)) {
      if (LookupRecords.hash(record) == hash) {
        candidates.set(LookupRecords.number(record));
      }
    }
  }

  /**
   * Compares all pages.
   *
   * @param expected have been sorted
   * @throws ArchiveCorruptException if they have anything else
   */
  void verify(LookupRecords expected) throws IOException {
    int compared = 0;
    for (int page = 0; page < firsts.length; page++) {
      for (long record : page(page)) {
        if (compared == expected.size() || record != expected.get(compared++)) {
          throw damaged(pageOffsets[page], "it does not lead to the entries of the index", null);
        }
      }
    }
    if (compared < expected.size()) {
      throw damaged(0, "it does not lead to all entries of the index", null);
    }
  }

  private long[] page(int page) throws IOException {
    byte[] gzip = new byte[(int) (pageOffsets[page + 1] - pageOffsets[page])];
    try (InputStream in = pages.open(store, pageOffsets[page], gzip.length)) {
      if (in.readNBytes(gzip, 0, gzip.length) < gzip.length) {
        throw new IOException("the store gave less of " + name + " than was asked for");
      }
    }
    byte[] plain;
    try {
      plain = ArchiveReader.gunzip(gzip, LookupDirectory.Page.LONGEST);
    } catch (IOException e) {
      throw damaged(pageOffsets[page], "it cannot be read: " + e.getMessage(), e);
    }
    long[] records = new long[plain.length / LookupRecords.RECORD_BYTES];
    ByteBuffer.wrap(plain).asLongBuffer().get(records);
    if (plain.length % LookupRecords.RECORD_BYTES != 0 || !isSound(page, records)) {
      throw damaged(pageOffsets[page], "a page has not the records that it should have", null);
    }
    return records;
  }

  private boolean isSound(int page, long[] records) {
    if (records.length == 0 || LookupRecords.hash(records[0]) != firsts[page]) {
      return false;
    }
    for (int i = 0; i < records.length; i++) {
      if (LookupRecords.number(records[i]) >= indexMembers()
          || (i > 0 && Long.compareUnsigned(records[i - 1], records[i]) > 0)) {
        return false;
      }
    }
    return page + 1 == firsts.length
        || LookupRecords.hash(records[records.length - 1]) < firsts[page + 1];
  }

  ArchiveCorruptException damaged(long offset, String finding, @Nullable Throwable cause) {
    Slice read = pages.range(offset, 1).getFirst();
    return new ArchiveCorruptException(name, read, null, offset, finding, cause);
  }
}
