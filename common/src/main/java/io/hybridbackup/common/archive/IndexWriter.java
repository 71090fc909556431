package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.store.Crc64Nvme;
import java.io.IOException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.List;

/** Writes the lines of a part's index, in members of their own, as they come. */
final class IndexWriter {
  private static final int MEMBER_BYTES = 1024 * 1024;

  private final PartObjects.Series objects;
  private final MemberStream stream;
  private final MessageDigest digest = Sha256.digest();
  private byte[] lines = new byte[MEMBER_BYTES];
  private int lineBytes;
  private long members;
  private long entries;
  private long offset;

  IndexWriter(Component component, PartObjects.Series objects, Compressor compressor)
      throws IOException {
    this.objects = objects;
    this.stream =
        new MemberStream(
            compressor,
            List.of(),
            member -> {
              Member _ = objects.append(member);
            });
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
    if (lineBytes + json.length + 1 > lines.length) {
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
      stream.add(Arrays.copyOf(lines, lineBytes), lineBytes);
      lineBytes = 0;
    }
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
}
