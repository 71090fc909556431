package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.Slice;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;

/**
 * Reads one part, out of an archive or before it has become part of one. Holds nothing open between
 * calls; several threads may use it.
 */
public final class PartReader {
  private static final int LONGEST_MEMBER = 16 * 1024 * 1024;
  private static final Pattern CHECKSUM = Pattern.compile("[0-9a-f]{16}");

  private final ObjectStore store;
  private final Component component;
  private final StoredBytes content;
  private final StoredBytes index;
  private final @Nullable LookupReader lookup;

  /** Null where the index has no end. */
  private final @Nullable String sha256;

  private PartReader(
      ObjectStore store,
      Component component,
      List<Slice> content,
      List<Slice> index,
      PartInventory.@Nullable Lookup lookup,
      @Nullable String sha256) {
    this.store = store;
    this.component = component;
    this.content = new StoredBytes(content);
    this.index = new StoredBytes(index);
    this.lookup =
        lookup == null
            ? null
            : new LookupReader(
                store,
                new StoredBytes(lookup.pages()),
                lookup.directory(),
                "the lookup of the " + component.label() + " part");
    this.sha256 = sha256;
  }

  /** Reads a part that has just been written. */
  public static PartReader of(ObjectStore store, PartInventory part) {
    return new PartReader(
        store, part.component(), part.content(), part.index(), part.lookup(), part.sha256());
  }

  /** Reads what is there of a part whose writer was killed; its index has no end. */
  static PartReader ofCheckpoint(ObjectStore store, PartInventory part) {
    return new PartReader(store, part.component(), part.content(), part.index(), null, null);
  }

  /** Whether its writer came to the end. */
  boolean isWhole() {
    return sha256 != null;
  }

  /** Reads a part of an archive. */
  static PartReader of(ObjectStore store, Slice archive, RootIndex.Part part) {
    return new PartReader(
        store,
        part.component(),
        List.of(slice(archive, part.content())),
        List.of(slice(archive, part.index())),
        lookup(archive, part),
        part.sha256());
  }

  private static PartInventory.@Nullable Lookup lookup(Slice archive, RootIndex.Part part) {
    LookupDirectory directory = part.lookup();
    if (directory == null) {
      return null;
    }
    RootIndex.Range pages = new RootIndex.Range(part.index().end(), directory.pageBytes());
    return new PartInventory.Lookup(List.of(slice(archive, pages)), List.of(), directory);
  }

  private static Slice slice(Slice archive, RootIndex.Range range) {
    return new Slice(archive.object(), archive.etag(), range.offset(), range.length());
  }

  /** What becomes of entries, in the order of the archive. */
  @FunctionalInterface
  interface Handler {
    /**
     * @param content writes a file's content, checked, to where it belongs; does nothing for others
     */
    void entry(ArchiveEntry entry, Content content) throws IOException;
  }

  /** A file's content, to be taken once or not at all. */
  @FunctionalInterface
  interface Content {
    /**
     * @throws ArchiveCorruptException if it is not what the index says; some of it may have been
     *     written by then
     */
    void copyTo(OutputStream out) throws IOException;
  }

  /**
   * Tells of every entry, in the order of the archive, without reading the content.
   *
   * @throws ArchiveCorruptException if the index is damaged; entries before that have been told
   */
  public void entries(Consumer<ArchiveEntry> consumer) throws IOException {
    index(
        new IndexListener() {
          @Override
          public void member(IndexLine.Span member) {}

          @Override
          public void entry(ArchiveEntry entry) {
            consumer.accept(entry);
          }
        });
  }

  /**
   * Tells of every path that the database refers to and the part does not have.
   *
   * @throws ArchiveCorruptException if the index is damaged; paths before that have been told
   */
  public void missing(Consumer<EntryPath> consumer) throws IOException {
    index(
        new IndexListener() {
          @Override
          public void member(IndexLine.Span member) {}

          @Override
          public void entry(ArchiveEntry entry) {}

          @Override
          public void missing(EntryPath path) {
            consumer.accept(path);
          }
        });
  }

  /** Chooses members by where they lie and what they are. */
  @FunctionalInterface
  public interface MemberChoice {
    /**
     * @param slice where the member lies
     * @param sha256 of its content
     */
    boolean chooses(Slice slice, String sha256);
  }

  /**
   * Reads and decodes the chosen members and compares every SHA-256: theirs, and those of the files
   * all of whose members were chosen. Compares the lookup, if there is one, with the index.
   *
   * @param progress hears of the other members and files as well
   * @throws ArchiveCorruptException at the first thing that differs
   */
  public void verify(MemberChoice choice, ProgressListener progress) throws IOException {
    Handler handler = (entry, content) -> content.copyTo(OutputStream.nullOutputStream());
    try (Reading reading = new Reading(delivery(handler, progress), choice)) {
      if (lookup == null) {
        index(reading);
      } else {
        indexAndLookup(lookup, reading);
      }
      reading.finish();
    }
  }

  /** As {@link #verify(MemberChoice, ProgressListener)}, all of it. */
  public void verify(ProgressListener progress) throws IOException {
    verify((slice, sha256) -> true, progress);
  }

  /**
   * Reads once more what a finding is of, and all of the index and the lookup.
   *
   * @return whether the index still has the entry that made no sense
   * @throws ArchiveCorruptException at the first thing that differs
   */
  boolean isFoundAgain(ArchiveCorruptException finding, ProgressListener progress)
      throws IOException {
    verify((slice, sha256) -> finding.isOf(slice), progress);
    Optional<ArchiveEntry> refused = finding.entry();
    return refused.isPresent() && has(entry -> entry.isToldAs(refused.get()), 1);
  }

  /** Whether at least so many entries are such. */
  boolean has(Predicate<ArchiveEntry> such, int least) throws IOException {
    AtomicInteger found = new AtomicInteger();
    entries(entry -> found.addAndGet(such.test(entry) ? 1 : 0));
    return found.get() >= least;
  }

  /**
   * Reads every member, also those that no entry takes content from.
   *
   * @throws ArchiveCorruptException at the first thing that differs from the index
   */
  void read(Handler handler, ProgressListener progress) throws IOException {
    try (Reading reading = new Reading(delivery(handler, progress), (slice, sha256) -> true)) {
      index(reading);
      reading.finish();
    }
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
   * Reads chosen entries, and no other members than theirs; see {@link SelectiveReading}.
   *
   * @param excerpt of the index; has all that is chosen
   * @throws ArchiveCorruptException if what is read of the index is damaged, or what is chosen is
   *     not what it says
   */
  void read(
      Excerpt excerpt, Predicate<ArchiveEntry> chosen, Handler handler, ProgressListener progress)
      throws IOException {
    try (SelectiveReading reading = new SelectiveReading(delivery(handler, progress), chosen)) {
      index(excerpt, reading);
      reading.finish();
    }
  }

  private EntryDelivery delivery(Handler handler, ProgressListener progress) {
    return new EntryDelivery(
        new MemberSource(
            store,
            content,
            this::membersFrom,
            "the " + component.label() + " part",
            Parallelism.here()),
        handler,
        progress);
  }

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

  /** To be filled with what the index tells. */
  KnownMembers members() {
    return new KnownMembers(content);
  }

  /**
   * Tells of the index.
   *
   * @throws ArchiveCorruptException if it is damaged; what comes before that has been told
   */
  void index(IndexListener listener) throws IOException {
    MessageDigest digest = Sha256.digest();
    IndexCheck check = new IndexCheck(listener);
    checked(0, index.bytes(), check, digest);
    finish(check, digest);
  }

  /** As {@link #index(IndexListener)}, of an excerpt of it. */
  void index(Excerpt excerpt, IndexListener listener) throws IOException {
    BitSet indexMembers = excerpt.indexMembers();
    if (lookup == null || indexMembers == null) {
      index(listener);
    } else {
      tell(lookup, indexMembers, listener);
    }
  }

  private void checked(long offset, long length, IndexCheck check, MessageDigest digest)
      throws IOException {
    try (InputStream stored = index.open(store, offset, length);
        InputStream plain = new DigestInputStream(new GzipMembers(stored), digest)) {
      lines(plain, check::line);
    }
  }

  private void finish(IndexCheck check, MessageDigest digest) throws ArchiveCorruptException {
    check.finish();
    if (component == Component.MEDIA && sha256 != null && !Sha256.hex(digest).equals(sha256)) {
      throw damagedIndex("its SHA-256 is not the root index's", null);
    }
  }

  /** As {@link #index(IndexListener)}, and compares what it tells with the lookup. */
  private void indexAndLookup(LookupReader by, IndexListener listener) throws IOException {
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
      try (InputStream stored = index.open(store, by.indexOffset(number), by.indexLength(number));
          InputStream plain = new GzipMembers(stored)) {
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
  private MemberQueue.Members membersFrom(long number) throws IOException {
    InputStream plain = new GzipMembers(index.open(store, 0, index.bytes()));
    IndexInput lines = new IndexInput(plain);
    return new MemberQueue.Members() {
      private long next;

      @Override
      public IndexLine.@Nullable Span next() throws IOException {
        while (PartReader.this.next(lines)) {
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
    Slice beginning = index.range(0, 1).getFirst();
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
        && member.offset() <= content.bytes() - member.length();
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
          || offset != content.bytes()
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

  /**
   * One pass over content and index together. Of a file that has a member which is not chosen, only
   * what comes before that is handed out.
   */
  private final class Reading implements IndexListener, AutoCloseable {
    private final EntryDelivery delivery;
    private final MemberChoice choice;
    private long number;

    Reading(EntryDelivery delivery, MemberChoice choice) {
      this.delivery = delivery;
      this.choice = choice;
    }

    @Override
    public void member(IndexLine.Span span) throws IOException {
      Slice slice = content.range(span.offset(), span.length()).getFirst();
      delivery.expect(number++, span, choice.chooses(slice, span.sha256()));
    }

    @Override
    public void entry(ArchiveEntry entry) throws IOException {
      delivery.add(entry);
    }

    void finish() throws IOException {
      delivery.finish();
    }

    @Override
    public void close() throws IOException {
      delivery.close();
    }
  }
}
