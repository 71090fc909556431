package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The part of an archive that holds {@code database.dump}, and {@code globals.sql} if wanted. */
public final class DatabasePart {
  /** Where the dump is in the archive. */
  public static final EntryPath PATH = EntryPath.of("database.dump");

  /** Where the SQL is that makes the server's roles and tablespaces. */
  public static final EntryPath GLOBALS = EntryPath.of("globals.sql");

  private DatabasePart() {}

  /** Whether a database part may have this path. */
  static boolean mayHold(EntryPath path) {
    return path.equals(PATH) || path.equals(GLOBALS);
  }

  /**
   * Writes a dump of unknown length to its end. The inventory is worth nothing unless whatever made
   * the dump has also ended well: check that before using it.
   *
   * @param dump is read to its end and not closed
   * @param globals content of {@code globals.sql}; null if there is to be none
   * @param modified the entries' time
   * @param earlier parts of the same database, whose members need not be made again
   * @param objects are completed; the caller closes them, also after an exception
   * @param progress hears of the dump's bytes as they are read, and of the files at the end
   * @throws ArchiveCorruptException if an earlier part is damaged
   * @throws IOException if the dump cannot be read
   */
  public static PartInventory write(
      InputStream dump,
      byte @Nullable [] globals,
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
    // What is told of them when all are written.
    MemberList written = new MemberList();
    MemberStream stream =
        new MemberStream(
            compressor, known, member -> written.add(objects.content().append(member)));
    FileContent content = FileContent.write(dump, Long.MAX_VALUE, stream::add, progress);
    stream.flush();
    int dumpMembers = written.size();
    ArchiveEntry globalsEntry = null;
    if (globals != null) {
      FileContent sql = new FileContent(globals.length, Sha256.of(globals, globals.length));
      globalsEntry = entry(GLOBALS, sql, modified, 1L + dumpMembers);
      byte[] globalsHeader = TarHeader.encode(globalsEntry);
      stream.add(globalsHeader, globalsHeader.length);
      FileContent _ =
          FileContent.write(
              new ByteArrayInputStream(globals),
              globals.length,
              stream::add,
              ProgressListener.NONE);
      stream.flush();
    }
    objects.content().complete();

    ArchiveEntry entry = entry(PATH, content, modified, 0);
    byte[] plainHeader = TarHeader.encode(entry);
    byte[] gzip = GzipMember.stored(plainHeader, plainHeader.length);
    Member.Fresh header =
        new Member.Fresh(gzip, plainHeader.length, Sha256.of(plainHeader, plainHeader.length));
    Member _ = objects.header().append(header);
    objects.header().complete();

    IndexWriter index =
        new IndexWriter(
            Component.DATABASE, objects.index(), compressor, IndexWriter.Sizes.STANDARD);
    index.member(header);
    tell(index, written, dumpMembers);
    index.entry(entry);
    tell(index, written, written.size());
    if (globalsEntry != null) {
      index.entry(globalsEntry);
    }
    index.finish();
    int files = globalsEntry == null ? 1 : 2;
    progress.advanced(0, files);
    return new PartInventory(
        Component.DATABASE,
        join(objects.header().slices(), objects.content().slices()),
        join(objects.header().checksums(), objects.content().checksums()),
        objects.index().slices(),
        objects.index().checksums(),
        null,
        content.bytes(),
        files,
        0,
        content.sha256(),
        globalsEntry == null ? null : globalsEntry.sha256(),
        objects.content().reusedBytes(),
        List.of());
  }

  /** Tells of the members up to a number, and lets go of them. */
  private static void tell(IndexWriter index, MemberList members, int end) throws IOException {
    for (int number = members.first(); number < end; number++) {
      index.member(
          members.length(number),
          members.plain(number),
          members.sha256(number),
          members.crc64nvme(number));
      members.removeFirst();
    }
  }

  /** A file whose headers are a member of their own, and whose content begins in the next. */
  private static ArchiveEntry entry(
      EntryPath path, FileContent content, Instant modified, long member) {
    return new ArchiveEntry(
        path,
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
        new ArchiveEntry.Place(member, 0),
        new ArchiveEntry.Place(member + 1, 0));
  }

  private static <T> List<T> join(List<T> first, List<T> second) {
    return Stream.concat(first.stream(), second.stream()).toList();
  }
}
