package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.Slice;
import java.io.IOException;
import java.io.InputStream;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.BitSet;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;

/** Reads the index of a part. Holds nothing open between calls; several threads may use it. */
final class IndexReader {
  private static final int LONGEST_MEMBER = 16 * 1024 * 1024;
  private static final Pattern CHECKSUM = Pattern.compile("[0-9a-f]{16}");

  private final ObjectStore store;
  private final Component component;
  private final StoredBytes stored;
  private final long contentBytes;
  private final @Nullable LookupReader lookup;

  /** Null where the index has no end. */
  private final @Nullable String sha256;

  /**
   * @param stored the index
   * @param contentBytes how long the part's content is
   * @param sha256 of the part; null if its writer did not come to the end
   */
  IndexReader(
      ObjectStore store,
      Component component,
      StoredBytes stored,
      long contentBytes,
      @Nullable LookupReader lookup,
      @Nullable String sha256) {
    this.store = store;
    this.component = component;
    this.stored = stored;
    this.contentBytes = contentBytes;
    this.lookup = lookup;
    this.sha256 = sha256;
  }

  /** Whether its writer came to the end. */
  boolean isWhole() {
    return sha256 != null;
  }

  /**
   * What of the index has to be read for these paths.
   *
   * @throws ArchiveCorruptException if what is read to find out is damaged
   */
  Excerpt find(Set<EntryPath> paths) throws IOException {
    LookupReader by = lookup;
    return by == null
        ? Excerpt.WHOLE
        : PathSearch.find(paths, by, (members, listener) -> tell(by, members, listener));
  }

  /**
   * Tells of the index.
   *
   * @throws ArchiveCorruptException if it is damaged; what comes before that has been told
   */
  void tell(IndexListener listener) throws IOException {
    MessageDigest digest = Sha256.digest();
    IndexCheck check = new IndexCheck(listener);
    checked(0, stored.bytes(), check, digest);
    finish(check, digest);
  }

  /** As {@link #tell(IndexListener)}, of an excerpt of it. */
  void tell(Excerpt excerpt, IndexListener listener) throws IOException {
    BitSet indexMembers = excerpt.indexMembers();
    if (lookup == null || indexMembers == null) {
      tell(listener);
    } else {
      tell(lookup, indexMembers, listener);
    }
  }

  private void checked(long offset, long length, IndexCheck check, MessageDigest digest)
      throws IOException {
    try (InputStream in = stored.open(store, offset, length);
        InputStream plain = new DigestInputStream(new GzipMembers(in), digest)) {
      lines(plain, check::line);
    }
  }

  private void finish(IndexCheck check, MessageDigest digest) throws ArchiveCorruptException {
    check.finish();
    if (component == Component.MEDIA && sha256 != null && !Sha256.hex(digest).equals(sha256)) {
      throw damagedIndex("its SHA-256 is not the root index's", null);
    }
  }

  /**
   * As {@link #tell(IndexListener)}, and compares what it tells with the lookup, if there is one.
   */
  void tellAndCompareLookup(IndexListener listener) throws IOException {
    LookupReader by = lookup;
    if (by == null) {
      tell(listener);
      return;
    }
    MessageDigest digest = Sha256.digest();
    LookupCheck compared = new LookupCheck(by, listener);
    IndexCheck check = new IndexCheck(compared);
    for (int number = 0; number < by.indexMembers(); number++) {
      compared.begin(number);
      checked(by.indexOffset(number), by.indexLength(number), check, digest);
    }
    finish(check, digest);
    compared.finish();
  }

  /**
   * Tells of some members of the index.
   *
   * @throws ArchiveCorruptException if they are damaged; what comes before that has been told
   */
  private void tell(LookupReader by, BitSet members, IndexListener listener) throws IOException {
    ExcerptCheck check = new ExcerptCheck(by, listener);
    for (int number = members.nextSetBit(0); number >= 0; number = members.nextSetBit(number + 1)) {
      check.begin(number);
      try (InputStream in = stored.open(store, by.indexOffset(number), by.indexLength(number));
          InputStream plain = new GzipMembers(in)) {
        lines(plain, check::line);
      }
      check.end(number);
    }
  }

  /**
   * Members of the content by the index, which is read from its beginning.
   *
   * @throws ArchiveCorruptException if it is damaged, now or while they are told
   */
  MemberQueue.Members membersFrom(long number) throws IOException {
    InputStream plain = new GzipMembers(stored.open(store, 0, stored.bytes()));
    IndexInput lines = new IndexInput(plain);
    return new MemberQueue.Members() {
      private long next;

      @Override
      public IndexLine.@Nullable Span next() throws IOException {
        while (IndexReader.this.next(lines)) {
          IndexLine.Span member = understood(lines).line().member();
          if (member != null && next++ >= number) {
            if (!isSound(member)) {
              throw damagedMember(next - 1);
            }
            return member;
          }
        }
        return null;
      }

      @Override
      public void close() throws IOException {
        plain.close();
      }
    };
  }

  /** What becomes of a line. */
  @FunctionalInterface
  private interface LineHandler {
    void line(Line line) throws IOException;
  }

  /** A line and what of it has been understood. */
  private record Line(IndexLine line, @Nullable ArchiveEntry entry, @Nullable EntryPath missing) {}

  private void lines(InputStream plain, LineHandler handler) throws IOException {
    IndexInput lines = new IndexInput(plain);
    while (next(lines)) {
      handler.line(understood(lines));
    }
  }

  private Line understood(IndexInput lines) throws ArchiveCorruptException {
    try {
      IndexLine line = lines.line();
      return new Line(
          line,
          line.entry() == null ? null : line.entry().toEntry(),
          line.missing() == null ? null : line.missing().toPath());
    } catch (JacksonException | IllegalArgumentException e) {
      throw damagedIndex("a line makes no sense", e);
    }
  }

  private boolean next(IndexInput lines) throws IOException {
    try {
      return lines.next();
    } catch (IOException e) {
      throw undecodable(e);
    }
  }

  /** That it cannot be fetched is told by a StoreException. */
  private ArchiveCorruptException undecodable(IOException e) {
    return damagedIndex("it cannot be read: " + e.getMessage(), e);
  }

  private ArchiveCorruptException damagedIndex(String finding, @Nullable Throwable cause) {
    Slice beginning = stored.range(0, 1).getFirst();
    return new ArchiveCorruptException(
        "the index of the " + component.label() + " part",
        beginning,
        null,
        beginning.offset(),
        finding,
        cause);
  }

  private ArchiveCorruptException damagedMember(long number) {
    return damagedIndex("member " + number + " lies where it cannot", null);
  }

  private boolean isSound(IndexLine.Span member) {
    return member.offset() >= 0
        && member.length() >= GzipMember.HEADER_BYTES + GzipMember.TRAILER_BYTES
        && member.plain() >= 1
        && member.plain() <= LONGEST_MEMBER
        && member.length() <= 2 * LONGEST_MEMBER
        && Sha256.isHex(member.sha256())
        && CHECKSUM.matcher(String.valueOf(member.crc64nvme())).matches()
        && member.offset() <= contentBytes - member.length();
  }

  /** Lets through only what an index may say. */
  private final class IndexCheck {
    private final IndexListener listener;
    private boolean begun;
    private boolean ended;
    private long members;
    private long entries;
    private long offset;
    private final TarSequence sequence = new TarSequence();

    IndexCheck(IndexListener listener) {
      this.listener = listener;
    }

    void line(Line told) throws IOException {
      IndexLine line = told.line();
      ArchiveEntry entry = told.entry();
      EntryPath missing = told.missing();
      if (!begun || ended) {
        header(line);
      } else if (line.member() != null) {
        member(line.member());
      } else if (entry != null) {
        entries++;
        if (!sequence.entry(entry)) {
          throw damagedIndex(entry.path() + " does not lie behind the entry before it", null);
        }
        listener.entry(entry);
      } else if (missing != null) {
        listener.missing(missing);
      } else if (line.end() != null) {
        ended = line.end().members() == members && line.end().entries() == entries;
      }
    }

    private void header(IndexLine line) throws ArchiveCorruptException {
      if (begun || line.index() == null || line.index().component() != component) {
        throw damagedIndex("it does not begin or end as an index does", null);
      }
      UnknownVersionException.requireKnown(
          "the index of the " + component.label() + " part",
          line.index().version(),
          IndexLine.VERSION);
      begun = true;
    }

    private void member(IndexLine.Span member) throws IOException {
      if (member.offset() != offset || !isSound(member)) {
        throw damagedMember(members);
      }
      offset += member.length();
      members++;
      sequence.member(member);
      listener.member(member);
    }

    void finish() throws ArchiveCorruptException {
      if (ended == (sha256 == null)
          || offset != contentBytes
          || (ended && !sequence.isComplete())) {
        throw damagedIndex("it does not cover the content", null);
      }
    }
  }

  /** Lets through what some members of an index may say, without knowing the others. */
  private final class ExcerptCheck {
    private final LookupReader by;
    private final IndexListener listener;
    private long next;

    ExcerptCheck(LookupReader by, IndexListener listener) {
      this.by = by;
      this.listener = listener;
    }

    void begin(int number) {
      next = by.membersBefore(number);
      listener.indexMember(number, next);
    }

    void line(Line told) throws IOException {
      IndexLine.Span member = told.line().member();
      ArchiveEntry entry = told.entry();
      if (member != null) {
        if (!isSound(member)) {
          throw damagedMember(next);
        }
        next++;
        listener.member(member);
      } else if (entry != null) {
        listener.entry(entry);
      }
    }

    void end(int number) throws ArchiveCorruptException {
      if (next != by.membersBefore(number + 1)) {
        throw damagedIndex("it tells of other members than its lookup says", null);
      }
    }
  }

  /** Finds out what the lookup of an index should be. */
  private static final class LookupCheck implements IndexListener {
    private final LookupReader lookup;
    private final IndexListener listener;
    private final LookupRecords records = new LookupRecords();
    private int number;
    private long members;

    LookupCheck(LookupReader lookup, IndexListener listener) {
      this.lookup = lookup;
      this.listener = listener;
    }

    void begin(int indexMember) throws ArchiveCorruptException {
      number = indexMember;
      if (members != lookup.membersBefore(indexMember)) {
        throw lookup.damaged(0, "its index tells of other members than it says", null);
      }
    }

    @Override
    public void member(IndexLine.Span member) throws IOException {
      members++;
      listener.member(member);
    }

    @Override
    public void entry(ArchiveEntry entry) throws IOException {
      records.add(entry.path(), number);
      listener.entry(entry);
    }

    @Override
    public void missing(EntryPath path) {
      listener.missing(path);
    }

    void finish() throws IOException {
      begin(lookup.indexMembers());
      records.sort();
      lookup.verify(records);
    }
  }
}
