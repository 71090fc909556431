package io.hybridbackup.common.archive;

import io.hybridbackup.common.archive.ArchiveEntry.Place;
import io.hybridbackup.common.identity.Component;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Writes the entries of a part in their order: small ones together into shared members, large
 * content into members of its own, and the index of all of it. For one thread.
 */
final class PartWriter {
  /** A shared member's content is no longer. */
  private static final int SHARED_BYTES = 1024 * 1024;

  /**
   * So much of a header attributes and ACLs may take: the rest of a shared member is for paths and
   * the content of a file that has no members of its own.
   */
  static final long MOST_ATTRIBUTE_BYTES = SHARED_BYTES - MediaPart.OWN_MEMBERS_BYTES - 32 * 1024;

  /**
   * From one checkpoint to the next there is one object more for every so many that there are. Each
   * tells of all that is there, and would otherwise make the sum of them grow with the square.
   */
  private static final int OBJECTS_A_CHECKPOINT = 32;

  private final Component component;
  private final PartObjects objects;
  private final MemberStream members;
  private final IndexWriter index;

  /** Entries whose last member is still the shared one. */
  private final List<ArchiveEntry> waiting = new ArrayList<>();

  private final byte[] shared = new byte[SHARED_BYTES];
  private int sharedBytes;
  private long nextMember;

  /** How many objects there are to be at the next checkpoint. */
  private int nextCheckpoint = 1;

  /**
   * @param objects are completed by {@link #finish}; the caller closes them
   * @param known where members are looked for before they are compressed
   */
  PartWriter(
      Component component, PartObjects objects, Compressor compressor, List<KnownMembers> known)
      throws IOException {
    this(component, objects, compressor, known, IndexWriter.Sizes.STANDARD);
  }

  PartWriter(
      Component component,
      PartObjects objects,
      Compressor compressor,
      List<KnownMembers> known,
      IndexWriter.Sizes indexSizes)
      throws IOException {
    this.component = component;
    this.objects = objects;
    this.members = new MemberStream(compressor, known, this::written);
    this.index = new IndexWriter(component, objects.index(), compressor, indexSizes);
  }

  /**
   * An entry with its content, if it has any, in the shared member.
   *
   * @param content shorter than {@link MediaPart#OWN_MEMBERS_BYTES}
   */
  void append(ArchiveEntry entry, byte[] content) throws IOException {
    byte[] header = TarHeader.encode(entry);
    int padding = TarHeader.padding(content.length);
    Place place = share(header, content.length + padding);
    System.arraycopy(content, 0, shared, sharedBytes, content.length);
    Arrays.fill(
        shared, sharedBytes + content.length, sharedBytes + content.length + padding, (byte) 0);
    Place contentPlace = new Place(nextMember, sharedBytes);
    sharedBytes += content.length + padding;
    boolean file = entry.type() == ArchiveEntry.Type.FILE;
    waiting.add(
        entry.placed(
            place, file ? contentPlace : null, file ? Sha256.of(content, content.length) : null));
  }

  /**
   * A file with members of its own.
   *
   * @param content is read as far as the entry's size, and not closed
   * @return how many bytes there were: if they are fewer than the entry's, the part is worth
   *     nothing
   */
  long append(ArchiveEntry entry, InputStream content, ProgressListener progress)
      throws IOException {
    Place header = share(TarHeader.encode(entry), 0);
    cut();
    Place place = new Place(nextMember, 0);
    FileContent written = FileContent.write(content, entry.size(), this::member, progress);
    index(entry.placed(header, place, written.sha256()));
    return written.bytes();
  }

  /**
   * A file whose content an earlier part has in members of its own, those behind the first of a
   * group.
   */
  void append(ArchiveEntry entry, EarlierEntries.Group group, String sha256) throws IOException {
    Place header = share(TarHeader.encode(entry), 0);
    cut();
    Place place = new Place(nextMember, 0);
    reuse(group.members(), group.first() + 1, group.end());
    index(entry.placed(header, place, sha256));
  }

  /**
   * The whole of a group.
   *
   * @param entries those of the group, with their places there, as they are to be indexed
   */
  void append(List<ArchiveEntry> entries, EarlierEntries.Group group) throws IOException {
    cut();
    long shift = nextMember - group.first();
    reuse(group.members(), group.first(), group.end());
    for (ArchiveEntry entry : entries) {
      Place content = entry.content();
      index(
          entry.placed(
              shifted(entry.header(), shift),
              content == null ? null : shifted(content, shift),
              entry.sha256()));
    }
  }

  private static Place shifted(Place place, long shift) {
    return new Place(place.member() + shift, place.offset());
  }

  private void reuse(KnownMembers known, long first, long end) throws IOException {
    for (long number = first; number < end; number++) {
      nextMember++;
      members.reuse(known.get((int) number));
    }
  }

  /** Puts a header into the shared member, where {@code following} bytes will have room too. */
  private Place share(byte[] header, int following) throws IOException {
    if (sharedBytes + header.length + following > shared.length) {
      cut();
    }
    Place place = new Place(nextMember, sharedBytes);
    System.arraycopy(header, 0, shared, sharedBytes, header.length);
    sharedBytes += header.length;
    return place;
  }

  /** Ends the shared member: what follows has nothing in common with what came before. */
  void cut() throws IOException {
    if (sharedBytes > 0) {
      member(Arrays.copyOf(shared, sharedBytes), sharedBytes);
      sharedBytes = 0;
    }
    for (ArchiveEntry entry : waiting) {
      index(entry);
    }
    waiting.clear();
  }

  private void member(byte[] plain, int plainBytes) throws IOException {
    nextMember++;
    members.add(plain, plainBytes);
  }

  private void written(Member member) throws IOException {
    index.member(objects.content().append(member));
    int whole = objects.content().objects();
    if (objects.content().isWhole() && whole >= nextCheckpoint) {
      nextCheckpoint = whole + 1 + whole / OBJECTS_A_CHECKPOINT;
      index.flush();
      objects.checkpoint(component, whole);
    }
  }

  /** Indexes an entry behind all members added so far. */
  private void index(ArchiveEntry entry) throws IOException {
    members.then(() -> index.entry(entry));
  }

  /** Tells of a path, as one in tar, that the database refers to and the part does not have. */
  void missing(EntryPath path) throws IOException {
    members.then(() -> index.missing(path));
  }

  /**
   * A finished index.
   *
   * @param sha256 of its plain bytes
   * @param lookup null if it is too short or too long for one
   */
  record Index(String sha256, PartInventory.@Nullable Lookup lookup) {}

  /** Completes everything. */
  Index finish() throws IOException {
    cut();
    members.flush();
    objects.content().complete();
    String sha256 = index.finish();
    return new Index(sha256, index.writeLookup(objects.lookup()));
  }
}
