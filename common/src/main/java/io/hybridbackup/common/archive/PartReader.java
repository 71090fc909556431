package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.Slice;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Reads one part, out of an archive or before it has become part of one. Holds nothing open between
 * calls; several threads may use it.
 */
public final class PartReader {
  private final ObjectStore store;
  private final Component component;
  private final StoredBytes content;
  private final IndexReader index;

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
    this.index =
        new IndexReader(
            store,
            component,
            new StoredBytes(index),
            this.content.bytes(),
            lookup == null
                ? null
                : new LookupReader(
                    store,
                    new StoredBytes(lookup.pages()),
                    lookup.directory(),
                    "the lookup of the " + component.label() + " part"),
            sha256);
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
    return index.isWhole();
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
    index.tell(
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
    index.tell(
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
      index.tellAndCompareLookup(reading);
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
      index.tell(reading);
      reading.finish();
    }
  }

  /**
   * What of the index has to be read for these paths.
   *
   * @throws ArchiveCorruptException if what is read to find out is damaged
   */
  Excerpt find(Set<EntryPath> paths) throws IOException {
    return index.find(paths);
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
      index.tell(excerpt, reading);
      reading.finish();
    }
  }

  private EntryDelivery delivery(Handler handler, ProgressListener progress) {
    return new EntryDelivery(
        new MemberSource(
            store,
            content,
            index::membersFrom,
            "the " + component.label() + " part",
            Parallelism.here()),
        handler,
        progress);
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
    index.tell(listener);
  }

  /** As {@link #index(IndexListener)}, of an excerpt of it. */
  void index(Excerpt excerpt, IndexListener listener) throws IOException {
    index.tell(excerpt, listener);
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
