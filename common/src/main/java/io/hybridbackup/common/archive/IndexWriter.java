package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.store.Crc64Nvme;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Writes the lines of a part's index, in members of their own, as they come, and its lookup. */
final class IndexWriter {
  /** So many members and pages leave the root index well below the size that readers accept. */
  static final int LONGEST_DIRECTORY = 20_000;

  private final PartObjects.Series objects;
  private final Compressor compressor;
  private final Sizes sizes;
  private final MemberStream stream;
  private final MessageDigest digest = Sha256.digest();
  private byte[] lines;
  private int lineBytes;
  private long members;
  private long entries;
  private long offset;

  private final LookupRecords records = new LookupRecords();
  private final List<LookupDirectory.IndexMember> written = new ArrayList<>();

  /** How many members are told of in those of the index that are under way. */
  private final Deque<Long> told = new ArrayDeque<>();

  private long toldBefore;
  private int cuts;

  /**
   * How index and lookup are cut.
   *
   * @param memberBytes of lines at most in a member of the index, unless one line is longer
   * @param pageRecords in a page of the lookup, and as many more as have the hash of the last
   */
  record Sizes(int memberBytes, int pageRecords) {
    static final Sizes STANDARD = new Sizes(1024 * 1024, 8 * 1024);
  }

  IndexWriter(Component component, PartObjects.Series objects, Compressor compressor, Sizes sizes)
      throws IOException {
    this.objects = objects;
    this.compressor = compressor;
    this.sizes = sizes;
    this.lines = new byte[sizes.memberBytes()];
    this.stream = new MemberStream(compressor, List.of(), this::written);
    line(IndexLine.header(component));
  }

  /** The part's next member. */
  void member(Member member) throws IOException {
    member(member.length(), member.plainBytes(), member.sha256(), member.crc64nvme());
  }

  /** As {@link #member(Member)}, of a member that is no longer at hand. */
  void member(int length, int plainBytes, String sha256, long crc64nvme) throws IOException {
    line(
        IndexLine.member(
            new IndexLine.Span(offset, length, plainBytes, sha256, Crc64Nvme.hex(crc64nvme))));
    offset += length;
    members++;
  }

  /** The part's next entry, all of whose members have been told before. */
  void entry(ArchiveEntry entry) throws IOException {
    line(IndexLine.entry(entry));
    records.add(entry.path(), cuts);
    entries++;
  }

  /** A path that the database refers to and the part does not have. */
  void missing(EntryPath path) throws IOException {
    line(IndexLine.missing(path));
  }

  private void line(IndexLine line) throws IOException {
    byte[] json = Json.write(line);
    if (json.length > IndexInput.LONGEST_LINE) {
      throw new IOException(
          "a path has so many bytes that the archive's index cannot tell of it; does the query of"
              + " media-references give paths?");
    }
    if (lineBytes > 0 && lineBytes + json.length + 1 > sizes.memberBytes()) {
      cut();
    }
    if (json.length + 1 > lines.length) {
      lines = new byte[json.length + 1];
    }
    System.arraycopy(json, 0, lines, lineBytes, json.length);
    lineBytes += json.length;
    lines[lineBytes++] = '\n';
  }

  private void cut() throws IOException {
    if (lineBytes > 0) {
      digest.update(lines, 0, lineBytes);
      told.add(members - toldBefore);
      toldBefore = members;
      cuts++;
      stream.add(Arrays.copyOf(lines, lineBytes), lineBytes);
      lineBytes = 0;
    }
  }

  private void written(Member member) throws IOException {
    written.add(new LookupDirectory.IndexMember(member.length(), Math.toIntExact(told.remove())));
    Member _ = objects.append(member);
  }

  /** Completes the objects that hold all lines so far. */
  void flush() throws IOException {
    cut();
    stream.flush();
    objects.complete();
  }

  /**
   * Writes the last line and completes the objects.
   *
   * @return SHA-256 of the plain bytes of the index
   */
  String finish() throws IOException {
    line(IndexLine.end(members, entries));
    flush();
    return Sha256.hex(digest);
  }

  /**
   * Writes the lookup of the finished index and completes its objects.
   *
   * @return null if the index is so short that nobody would use it, or so long that the root index
   *     would be
   */
  PartInventory.@Nullable Lookup writeLookup(PartObjects.Series pages) throws IOException {
    if (records.size() == 0
        || written.size() < LookupDirectory.MEMBERS_A_PATH
        || written.size() + records.size() / sizes.pageRecords() >= LONGEST_DIRECTORY) {
      return null;
    }
    records.sort();
    Deque<String> firsts = new ArrayDeque<>();
    List<LookupDirectory.Page> listed = new ArrayList<>();
    MemberStream pageStream =
        new MemberStream(
            compressor,
            List.of(),
            page -> {
              listed.add(new LookupDirectory.Page(firsts.remove(), page.length()));
              pages.append(page);
            });
    for (int from = 0; from < records.size(); ) {
      int end = pageEnd(from);
      ByteBuffer page = ByteBuffer.allocate((end - from) * LookupRecords.RECORD_BYTES);
      firsts.add(LookupRecords.hex(LookupRecords.hash(records.get(from))));
      for (; from < end; from++) {
        page.putLong(records.get(from));
      }
      pageStream.add(page.array(), page.capacity());
    }
    pageStream.flush();
    pages.complete();
    return new PartInventory.Lookup(
        pages.slices(), pages.checksums(), new LookupDirectory(List.copyOf(written), listed));
  }

  /** Records of one hash stay together. */
  private int pageEnd(int from) {
    int end = Math.min(from + sizes.pageRecords(), records.size());
    while (end < records.size()
        && LookupRecords.hash(records.get(end)) == LookupRecords.hash(records.get(end - 1))) {
      end++;
    }
    return end;
  }
}
