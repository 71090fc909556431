package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
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
  private final Missing missing;
  private final Earlier earlier;
  private final PartObjects objects;
  private final ProgressListener progress;
  private final List<KnownMembers> known;
  private final PartWriter writer;
  private final EntrySource source = new EntrySource(this::warnOnce);
  private final HardLinks links = new HardLinks();
  private final TreePaths paths;

  /** Files that have been taken over from earlier parts; not all filesystems number files well. */
  private final PathHashes taken = new PathHashes();

  /** Symbolic links that have other names, in the tree or elsewhere. */
  private final List<Path> linkedSymlinks = new ArrayList<>();

  private final List<Path> folders = new ArrayList<>();
  private final List<String> warnings = new ArrayList<>();
  private long unnamedWarnings;
  private long found;
  private long expectedBytes;
  private long files;
  private long bytes;

  /**
   * What was made before, and need not be made again.
   *
   * @param parts of the same files, the best first
   * @param trusted a file that was modified before that is unchanged if its size and time are;
   *     others are read as well. Of what was written to while the earlier parts were made, size and
   *     time may have stayed the same within one tick of the clock
   */
  public record Earlier(List<PartReader> parts, Instant trusted) {
    /** Nothing was. */
    public static final Earlier NONE = new Earlier(List.of(), Instant.MAX);
  }

  /** Paths that the database refers to and the folder does not have. */
  @FunctionalInterface
  public interface Missing {
    /** There are none. */
    Missing NONE = listener -> {};

    /** Tells of each, relative to the folder. */
    void tell(Listener listener) throws IOException;

    /** Hears of paths. */
    @FunctionalInterface
    interface Listener {
      void path(EntryPath path) throws IOException;
    }
  }

  private MediaPart(
      Path root,
      Predicate<Path> vanished,
      Missing missing,
      Earlier earlier,
      PartObjects objects,
      Compressor compressor,
      ProgressListener progress)
      throws IOException {
    this.root = root;
    this.vanished = vanished;
    this.missing = missing;
    this.earlier = earlier;
    this.objects = objects;
    this.progress = progress;
    this.known = earlier.parts().stream().map(PartReader::members).toList();
    this.writer = new PartWriter(Component.MEDIA, objects, compressor, known);
    this.paths = new TreePaths(root);
  }

  /**
   * Writes a folder with everything in it: what earlier parts have, in their order, then all else
   * in an order that follows from the names alone.
   *
   * @param root in it nobody else makes, moves or removes anything; files may be written to
   *     meanwhile: then there is a warning, and of one that grows the part has what it had at
   *     first. Symbolic links are not followed
   * @param vanished tells which paths, relative to {@code root}, are there only because they were
   *     kept
   * @param missing is told last, and listed in the index
   * @param objects are completed; the caller closes them, also after an exception
   * @param progress hears of bytes and files as they are read or taken over
   * @throws ArchiveCorruptException if an earlier part is damaged
   * @throws IOException if something cannot be read, or a file gets shorter while it is
   */
  public static PartInventory write(
      Path root,
      Predicate<Path> vanished,
      Missing missing,
      Earlier earlier,
      PartObjects objects,
      Compressor compressor,
      ProgressListener progress)
      throws IOException {
    if (!Files.isDirectory(root, LinkOption.NOFOLLOW_LINKS)) {
      throw new NotDirectoryException(root.toString());
    }
    return new MediaPart(
            root.toAbsolutePath(), vanished, missing, earlier, objects, compressor, progress)
        .write();
  }

  private PartInventory write() throws IOException {
    writeLinksBelow(root);
    for (Path path : linkedSymlinks) {
      FileStatus status = FileStatus.of(path);
      if (!links.isGrouped(status)) {
        writeGroup(path, status);
      }
    }
    writer.cut();
    progress.expected(expectedBytes, found);
    for (int i = 0; i < known.size(); i++) {
      EarlierEntries.read(earlier.parts().get(i), known.get(i), this::takeOver);
    }
    writer.cut();
    writeBelow(root, ROOT);
    if (files != found) {
      throw new IOException(
          "%d files were found in %s and %d written; let nothing add or remove any there, nor give files that have several names the numbers of others, as some network filesystems do"
              .formatted(found, root, files));
    }
    writer.cut();
    // Folders come last, as putting files into them would change their times again.
    for (Path folder : folders) {
      writer.append(describe(folder, FileStatus.of(folder)), new byte[0]);
    }
    writer.cut();
    missing.tell(path -> writer.missing(ROOT.resolve(path)));
    PartWriter.Index index = writer.finish();
    if (unnamedWarnings > 0) {
      warnings.add("and " + unnamedWarnings + " more of these");
    }
    return new PartInventory(
        Component.MEDIA,
        objects.content().slices(),
        objects.content().checksums(),
        objects.index().slices(),
        objects.index().checksums(),
        index.lookup(),
        bytes,
        files,
        folders.size(),
        index.sha256(),
        null,
        objects.content().reusedBytes(),
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
      } else if (status.type() == FileStatus.SYMLINK && status.links() == 1) {
        found++;
        writeGroup(path, status);
      } else if (status.type() != FileStatus.SOCKET) {
        boolean first = status.links() == 1 || links.found(status, path);
        found++;
        expectedBytes += first && status.type() == FileStatus.FILE ? status.size() : 0;
        if (status.type() == FileStatus.SYMLINK) {
          linkedSymlinks.add(path);
        }
      }
    }
  }

  /**
   * Takes a group over whole if all of it is unchanged; otherwise at least the content of a large
   * file that is. What is not taken over here is written with what is new, so that in time what
   * changes often comes to lie together.
   */
  private void takeOver(EarlierEntries.Group group) throws IOException {
    List<ArchiveEntry> same = new ArrayList<>();
    for (ArchiveEntry entry : group.entries()) {
      Optional<FileStatus> status = unchangedContent(entry);
      if (status.isEmpty()) {
        break;
      }
      ArchiveEntry now = describe(paths.path(entry), status.get());
      if (!now.isLike(entry)) {
        break;
      }
      same.add(now.placed(entry.header(), entry.content(), entry.sha256()));
    }
    if (same.size() == group.entries().size()) {
      writer.append(same, group);
      for (int i = 0; i < same.size(); i++) {
        tookOver(same.get(i));
      }
      return;
    }
    ArchiveEntry last = group.entries().getLast();
    if (hasOwnMembers(last, group)) {
      Optional<FileStatus> status = unchangedContent(last);
      if (status.isPresent()) {
        ArchiveEntry now = describe(paths.path(last), status.get());
        writer.append(now, group, String.valueOf(last.sha256()));
        tookOver(now);
      }
    }
  }

  private void tookOver(ArchiveEntry entry) {
    taken.add(entry.path());
    bytes += entry.size();
    files++;
    progress.advanced(entry.size(), 1);
  }

  /** All members of the group but the first are this file's content. */
  private static boolean hasOwnMembers(ArchiveEntry last, EarlierEntries.Group group) {
    ArchiveEntry.Place content = last.content();
    return last.size() >= OWN_MEMBERS_BYTES
        && content != null
        && content.member() == group.first() + 1
        && content.offset() == 0;
  }

  /** What the entry's file is now, if its content is what it was. */
  private Optional<FileStatus> unchangedContent(ArchiveEntry entry) throws IOException {
    Optional<FileStatus> found = paths.find(entry);
    if (found.isEmpty()) {
      return found;
    }
    FileStatus status = found.get();
    boolean unchanged =
        status.type() != FileStatus.SOCKET
            && EntrySource.type(status) == entry.type()
            && entry.type() != ArchiveEntry.Type.FOLDER
            && entry.type() != ArchiveEntry.Type.SYMLINK
            && status.modified().equals(entry.modified())
            && (entry.type() != ArchiveEntry.Type.FILE || status.size() == entry.size())
            && !links.isGrouped(status)
            && !taken.contains(entry.path())
            && (entry.type() != ArchiveEntry.Type.FILE
                || entry.modified().isBefore(earlier.trusted())
                || Sha256.of(paths.path(entry)).equals(entry.sha256()));
    return unchanged ? found : Optional.empty();
  }

  private void writeBelow(Path folder, EntryPath archived) throws IOException {
    for (Path name : names(folder)) {
      Path path = folder.resolve(name);
      EntryPath below = archived.resolve(EntryPath.of(name));
      FileStatus status = FileStatus.of(path);
      switch (status.type()) {
        case FileStatus.FOLDER -> writeBelow(path, below);
        case FileStatus.SOCKET -> warn("a socket was left out: " + EscapedPath.brief(below));
        default -> {
          boolean unwritten =
              links.isGrouped(status) ? links.first(status) : status.type() != FileStatus.SYMLINK;
          if (unwritten && !taken.contains(below)) {
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
      writer.append(entry, new byte[0]);
    } else if (status.size() < OWN_MEMBERS_BYTES) {
      entry = appendSmall(path, status);
    } else {
      appendLarge(path, status, entry);
    }
    files++;
    progress.advanced(0, 1);
    if (status.links() > 1) {
      for (Path other : links.others(status)) {
        ArchiveEntry link = entry.linkedAs(archived(other), isVanished(other));
        writer.append(link, new byte[0]);
        files++;
        progress.advanced(0, 1);
      }
    }
  }

  /** Reads the file whole before anything is written, again if it changes meanwhile. */
  private ArchiveEntry appendSmall(Path path, FileStatus found) throws IOException {
    FileStatus before = found;
    for (int read = 1; before.size() < OWN_MEMBERS_BYTES; read++) {
      byte[] content;
      try (InputStream in = Files.newInputStream(path, LinkOption.NOFOLLOW_LINKS)) {
        content = in.readNBytes((int) before.size());
      }
      FileStatus after = FileStatus.of(path);
      boolean changed = after.changedSince(before);
      if (content.length == before.size() && (!changed || read >= READS)) {
        if (changed) {
          warnOfChange(path);
        }
        ArchiveEntry entry = describe(path, before);
        writer.append(entry, content);
        bytes += content.length;
        progress.advanced(content.length, 0);
        return entry;
      }
      if (read >= READS) {
        throw shorter(path);
      }
      before = after;
    }
    ArchiveEntry entry = describe(path, before);
    appendLarge(path, before, entry);
    return entry;
  }

  private void appendLarge(Path path, FileStatus status, ArchiveEntry entry) throws IOException {
    long written;
    try (InputStream in = Files.newInputStream(path, LinkOption.NOFOLLOW_LINKS)) {
      written = writer.append(entry, in, progress);
    }
    // Its header has been written, so that nothing but giving up can keep the two together.
    if (written != status.size()) {
      throw shorter(path);
    }
    if (FileStatus.of(path).changedSince(status)) {
      warnOfChange(path);
    }
    bytes += written;
  }

  private static IOException shorter(Path path) {
    return new IOException(
        path
            + " got shorter while it was read. Let nothing cut files short during a backup; where an"
            + " application has to, stage a copy");
  }

  /** The warning of a file whose content may never have been as it is in the part. */
  public static String changedWhileRead(EntryPath archived) {
    return "a file was written to while it was read, and may be partly of before and partly of after: "
        + EscapedPath.brief(archived);
  }

  private void warnOfChange(Path path) {
    warn(changedWhileRead(archived(path)));
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

  /** Of something that is looked at time and again. */
  private void warnOnce(String warning) {
    if (!warnings.contains(warning)) {
      warn(warning);
    }
  }

  private void warn(String warning) {
    if (warnings.size() < NAMED_WARNINGS) {
      warnings.add(warning);
    } else {
      unnamedWarnings++;
    }
  }
}
