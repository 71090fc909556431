package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.Crc64Nvme;
import java.io.IOException;
import java.io.InputStream;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The part of an archive that holds {@code database.dump}. */
public final class DatabasePart {
  /** Its path in the archive. */
  public static final EntryPath PATH = EntryPath.of("database.dump");

  private static final ArchiveEntry.Place HEADER = new ArchiveEntry.Place(0, 0);
  private static final ArchiveEntry.Place CONTENT = new ArchiveEntry.Place(1, 0);

  private DatabasePart() {}

  /** What is left to tell of a member whose bytes are on their way. */
  private record Written(int length, int plainBytes, String sha256, long crc64nvme) {
    static Written of(Member member) {
      return new Written(member.length(), member.plainBytes(), member.sha256(), member.crc64nvme());
    }

    void tell(IndexWriter index) throws IOException {
      index.member(length, plainBytes, sha256, crc64nvme);
    }
  }

  /**
   * Writes a dump of unknown length to its end. The inventory is worth nothing unless whatever made
   * the dump has also ended well: check that before using it.
   *
   * @param dump is read to its end and not closed
   * @param modified the entry's time
   * @param earlier parts of the same database, whose members need not be made again
   * @param objects are completed; the caller closes them, also after an exception
   * @param progress hears of bytes as they are read, and of one file at the end
   * @throws ArchiveCorruptException if an earlier part is damaged
   * @throws IOException if the dump cannot be read
   */
  public static PartInventory write(
      InputStream dump,
      Instant modified,
      List<PartReader> earlier,
      PartObjects objects,
      Compressor compressor,
      ProgressListener progress)
      throws IOException {
    List<KnownMembers> known = new ArrayList<>();
    for (PartReader part : earlier) {
      KnownMembers members = part.members();
      EarlierEntries.read(part, members, group -> {});
      known.add(members);
    }
    List<Written> written = new ArrayList<>();
    MemberStream stream =
        new MemberStream(
            compressor,
            known,
            member -> {
              objects.content().append(member);
              written.add(Written.of(member));
            });
    FileContent content = FileContent.write(dump, Long.MAX_VALUE, stream::add, progress);
    stream.flush();
    objects.content().complete();

    ArchiveEntry entry = entry(content, modified);
    byte[] plainHeader = TarHeader.encode(entry);
    byte[] gzip = GzipMember.stored(plainHeader, plainHeader.length);
    Member.Fresh header =
        new Member.Fresh(
            gzip,
            plainHeader.length,
            Sha256.of(plainHeader, plainHeader.length),
            Crc64Nvme.of(gzip));
    objects.header().append(header);
    objects.header().complete();

    IndexWriter index = new IndexWriter(Component.DATABASE, objects.index(), compressor);
    Written.of(header).tell(index);
    for (Written member : written) {
      member.tell(index);
    }
    index.entry(entry);
    index.finish();
    progress.advanced(0, 1);
    return new PartInventory(
        Component.DATABASE,
        join(objects.header().slices(), objects.content().slices()),
        join(objects.header().checksums(), objects.content().checksums()),
        objects.index().slices(),
        objects.index().checksums(),
        content.bytes(),
        1,
        0,
        content.sha256(),
        objects.content().reusedBytes(),
        List.of());
  }

  private static ArchiveEntry entry(FileContent content, Instant modified) {
    return new ArchiveEntry(
        PATH,
        ArchiveEntry.Type.FILE,
        content.bytes(),
        0600,
        0,
        0,
        "",
        "",
        modified,
        content.sha256(),
        null,
        null,
        new TreeMap<>(),
        null,
        null,
        false,
        HEADER,
        CONTENT);
  }

  private static <T> List<T> join(List<T> first, List<T> second) {
    return Stream.concat(first.stream(), second.stream()).toList();
  }
}
