package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoredObject;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;

/**
 * A program that writes and reads a dump of as many members as one of hundreds of gigabytes has,
 * each with a byte of it, and a file behind that.
 */
final class ManyMembers {
  private static final byte[] GLOBALS = new byte[TarHeader.BLOCK];

  private ManyMembers() {}

  /**
   * Fails unless what is read is what was written.
   *
   * @param arguments a folder, and the number of members
   */
  public static void main(String[] arguments) throws IOException {
    int members = Integer.parseInt(arguments[1]) / TarHeader.BLOCK * TarHeader.BLOCK;
    String sha256 = Sha256.of(new byte[members], members);
    try (FilesystemObjectStore store = new FilesystemObjectStore(Path.of(arguments[0]))) {
      StoredObject archive = write(store, members, sha256);
      ArchiveReader reader = ArchiveReader.open(store, archive);

      require(sha256, out -> reader.copyDatabase(out, ProgressListener.NONE));
      ArchiveFiles files = ArchiveFiles.open(store, archive);
      require(sha256, out -> files.copy(DatabasePart.PATH, out));
      require(Sha256.of(GLOBALS, GLOBALS.length), out -> files.copy(DatabasePart.GLOBALS, out));
    }
  }

  private static StoredObject write(FilesystemObjectStore store, int members, String sha256)
      throws IOException {
    try (Compressor compressor = Compressor.open(2);
        PartObjects objects = new PartObjects(store, ObjectKey.of("work", "database"))) {
      IndexWriter index =
          new IndexWriter(
              Component.DATABASE, objects.index(), compressor, IndexWriter.Sizes.STANDARD);
      ArchiveEntry dump = entry(DatabasePart.PATH, members);
      ArchiveEntry globals = entry(DatabasePart.GLOBALS, GLOBALS.length);
      add(TarHeader.encode(dump), objects, index);
      Member.Fresh one = member(new byte[1]);
      for (int number = 0; number < members; number++) {
        index.member(objects.content().append(one));
      }
      index.entry(dump.placed(new ArchiveEntry.Place(0, 0), new ArchiveEntry.Place(1, 0), sha256));
      add(TarHeader.encode(globals), objects, index);
      add(GLOBALS, objects, index);
      index.entry(
          globals.placed(
              new ArchiveEntry.Place(members + 1L, 0),
              new ArchiveEntry.Place(members + 2L, 0),
              Sha256.of(GLOBALS, GLOBALS.length)));
      objects.content().complete();
      String _ = index.finish();
      return ArchiveFixture.compose(
          store,
          ObjectKey.of("archive"),
          ArchiveFixture.inventory(
              Component.DATABASE, objects, new PartWriter.Index(sha256, null)));
    }
  }

  private static ArchiveEntry entry(EntryPath path, int size) {
    return ArchiveFixture.entry(
        path.toString(), ArchiveEntry.Type.FILE, size, 0600, ArchiveFixture.TIME);
  }

  private static void add(byte[] plain, PartObjects objects, IndexWriter index) throws IOException {
    index.member(objects.content().append(member(plain)));
  }

  private static Member.Fresh member(byte[] plain) {
    return new Member.Fresh(
        GzipMember.stored(plain, plain.length), plain.length, Sha256.of(plain, plain.length));
  }

  private static void require(String sha256, PartReader.Content content) throws IOException {
    MessageDigest digest = Sha256.digest();
    try (OutputStream out = new DigestOutputStream(OutputStream.nullOutputStream(), digest)) {
      content.copyTo(out);
    }
    if (!Sha256.hex(digest).equals(sha256)) {
      throw new AssertionError("what is read is not what was written");
    }
  }
}
