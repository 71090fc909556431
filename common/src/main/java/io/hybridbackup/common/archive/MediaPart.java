package io.hybridbackup.common.archive;

import io.hybridbackup.common.archive.ArchiveEntry.Place;
import io.hybridbackup.common.identity.Component;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.Predicate;

/** The part of an archive that holds the files, below {@code storage/}. */
public final class MediaPart {
  /** The path of the root folder in the archive. */
  public static final EntryPath ROOT = EntryPath.of("storage");

  /** A file of at least so many bytes has members of its own. */
  static final int OWN_MEMBERS_BYTES = 64 * 1024;

  private static final int NAMED_WARNINGS = 100;
  private static final int READS = 3;

  private final Path root;
  private final Predicate<Path> vanished;
  private final PartObjects objects;
  private final ProgressListener progress;
  private final MemberStream members;
  private final IndexWriter index;
  private final EntrySource source = new EntrySource();
  private final HardLinks links = new HardLinks();

  /** Entries whose last member is still the shared one. */
  private final List<ArchiveEntry> waiting = new ArrayList<>();

  private final byte[] shared = new byte[MemberCutter.LONGEST];
  private int sharedBytes;
  private long nextMember;

  private final List<Path> folders = new ArrayList<>();
  private final List<String> warnings = new ArrayList<>();
  private long unnamedWarnings;
  private long files;
  private long bytes;

  private MediaPart(
      Path root,
      Predicate<Path> vanished,
      PartObjects objects,
      Compressor compressor,
      ProgressListener progress)
      throws IOException {
    this.root = root;
    this.vanished = vanished;
    this.objects = objects;
    this.progress = progress;
    this.members = new MemberStream(compressor, this::written);
    this.index = new IndexWriter(Component.MEDIA, objects.index(), compressor);
  }

  /**
   * Writes a folder with everything in it, in an order that follows from the names alone.
   *
   * @param root a folder that nobody else writes to; symbolic links in it are not followed
   * @param vanished tells which paths, relative to {@code root}, are there only because they were
   *     kept
   * @param objects are completed; the caller closes them, also after an exception
   * @param progress hears of bytes and files as they are read
   * @throws IOException if something cannot be read, or changes while it is
   */
  public static PartInventory write(
      Path root,
      Predicate<Path> vanished,
      PartObjects objects,
      Compressor compressor,
      ProgressListener progress)
      throws IOException {
    if (!Files.isDirectory(root, LinkOption.NOFOLLOW_LINKS)) {
      throw new NotDirectoryException(root.toString());
    }
    return new MediaPart(root.toAbsolutePath(), vanished, objects, compressor, progress).write();
  }

  private PartInventory write() throws IOException {
    writeLinksBelow(root);
    writeBelow(root, ROOT);
    // Folders come last, as putting files into them would change their times again.
    for (Path folder : folders) {
      append(describe(folder, FileStatus.of(folder)));
    }
    cutShared();
    members.flush();
    objects.content().complete();
    String indexSha256 = index.finish();
    if (unnamedWarnings > 0) {
      warnings.add("and " + unnamedWarnings + " more of these");
    }
    return new PartInventory(
        Component.MEDIA,
        objects.content().slices(),
        objects.content().checksums(),
        objects.index().slices(),
        objects.index().checksums(),
        bytes,
        files,
        folders.size(),
        indexSha256,
        0,
        List.copyOf(warnings));
  }

  /**
   * Symbolic links go first, and on the way it is found out which files have several names.
   *
   * <p>GNU tar makes absolute links, and those with {@code ..}, only at its end, and gives their
   * folder its time again afterwards only if it made that folder for the first of them.
   */
  private void writeLinksBelow(Path folder) throws IOException {
    for (Path name : names(folder)) {
      Path path = folder.resolve(name);
      FileStatus status = FileStatus.of(path);
      if (status.type() == FileStatus.FOLDER) {
        writeLinksBelow(path);
      } else if (status.links() > 1) {
        links.found(status, path);
      } else if (status.type() == FileStatus.SYMLINK) {
        writeGroup(path, status);
      }
    }
  }

  private void writeBelow(Path folder, EntryPath archived) throws IOException {
    for (Path name : names(folder)) {
      Path path = folder.resolve(name);
      EntryPath below = archived.resolve(EntryPath.of(name));
      FileStatus status = FileStatus.of(path);
      switch (status.type()) {
        case FileStatus.FOLDER -> writeBelow(path, below);
        case FileStatus.SOCKET -> warn("a socket was left out: " + below);
        default -> {
          boolean unwritten =
              status.links() > 1 ? links.first(status) : status.type() != FileStatus.SYMLINK;
          if (unwritten) {
            writeGroup(path, status);
          }
        }
      }
    }
    folders.add(folder);
  }

  private static List<Path> names(Path folder) throws IOException {
    List<Path> names = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder)) {
      for (Path path : stream) {
        names.add(path.getFileName());
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    Collections.sort(names);
    return names;
  }

  /** A file and, behind it, its other names. */
  private void writeGroup(Path path, FileStatus status) throws IOException {
    ArchiveEntry entry = describe(path, status);
    if (entry.type() != ArchiveEntry.Type.FILE) {
      append(entry);
    } else if (status.size() < OWN_MEMBERS_BYTES) {
      entry = appendSmall(path);
    } else {
      appendLarge(path, status, entry);
    }
    files++;
    progress.advanced(0, 1);
    if (status.links() > 1) {
      for (Path other : links.others(status)) {
        ArchiveEntry link = entry.linkedAs(archived(other), isVanished(other));
        append(link);
        files++;
        progress.advanced(0, 1);
      }
    }
  }

  /** An entry without content. */
  private void append(ArchiveEntry entry) throws IOException {
    append(entry, new byte[0]);
  }

  /** An entry whose content, if it has any, lies in the shared member. */
  private void append(ArchiveEntry entry, byte[] content) throws IOException {
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

  /** Reads the file whole before anything is written, again if it changes meanwhile. */
  private ArchiveEntry appendSmall(Path path) throws IOException {
    for (int read = 0; read < READS; read++) {
      FileStatus before = FileStatus.of(path);
      ArchiveEntry entry = describe(path, before);
      byte[] content;
      try (InputStream in = Files.newInputStream(path, LinkOption.NOFOLLOW_LINKS)) {
        content = in.readNBytes(OWN_MEMBERS_BYTES);
      }
      if (content.length == before.size() && !FileStatus.of(path).changedSince(before)) {
        append(entry, content);
        bytes += content.length;
        progress.advanced(content.length, 0);
        return entry;
      }
    }
    throw changed(path);
  }

  private void appendLarge(Path path, FileStatus status, ArchiveEntry entry) throws IOException {
    Place header = share(TarHeader.encode(entry), 0);
    cutShared();
    Place content = new Place(nextMember, 0);
    FileContent written;
    try (InputStream in = Files.newInputStream(path, LinkOption.NOFOLLOW_LINKS)) {
      written = FileContent.write(in, this::member, progress);
    }
    // Its header has been written, so that nothing but giving up can keep the two together.
    if (written.bytes() != status.size() || FileStatus.of(path).changedSince(status)) {
      throw changed(path);
    }
    bytes += written.bytes();
    index(entry.placed(header, content, written.sha256()));
  }

  private static IOException changed(Path path) {
    return new IOException(
        path + " changes while it is read. Let nothing write to this folder during a backup");
  }

  /** Puts a header into the shared member, where {@code following} bytes will have room too. */
  private Place share(byte[] header, int following) throws IOException {
    if (sharedBytes + header.length + following > shared.length) {
      cutShared();
    }
    if (header.length + following > shared.length) {
      throw new IOException("a header of " + header.length + " bytes: too many attributes");
    }
    Place place = new Place(nextMember, sharedBytes);
    System.arraycopy(header, 0, shared, sharedBytes, header.length);
    sharedBytes += header.length;
    return place;
  }

  private void cutShared() throws IOException {
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
    objects.content().write(member.gzip());
    index.member(member.gzip().length, member.plainBytes(), member.sha256());
  }

  /** Indexes an entry behind all members added so far. */
  private void index(ArchiveEntry entry) throws IOException {
    members.then(() -> index.entry(entry));
  }

  private ArchiveEntry describe(Path path, FileStatus status) throws IOException {
    return source.describe(path, status, archived(path), isVanished(path));
  }

  private EntryPath archived(Path path) {
    return path.equals(root) ? ROOT : ROOT.resolve(EntryPath.of(root.relativize(path)));
  }

  private boolean isVanished(Path path) {
    return !path.equals(root) && vanished.test(root.relativize(path));
  }

  private void warn(String warning) {
    if (warnings.size() < NAMED_WARNINGS) {
      warnings.add(warning);
    } else {
      unnamedWarnings++;
    }
  }
}
