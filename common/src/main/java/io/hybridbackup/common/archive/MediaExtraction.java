package io.hybridbackup.common.archive;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Puts entries back below a folder that was empty. Nothing is written but into real folders: a
 * symbolic link where a folder should be ends the extraction, so no link of the archive leads
 * anywhere. Small files are written at the same time.
 */
final class MediaExtraction implements PartReader.Handler, AutoCloseable {
  private static final int NAMED_WARNINGS = 100;
  private static final int PERMISSIONS = 0777;

  /** Set-uid, set-gid and sticky as well. They are the owner's to give, so they go with owners. */
  private static final int ALL_MODE_BITS = 07777;

  private static final int SET_UID = 04000;
  private static final int SET_GID = 02000;

  private final Path root;
  private final EntryPath rawRoot;
  private final ExtractOptions options;
  private final FileWriters writers = new FileWriters();

  /** Guards itself and the count. */
  private final List<String> warnings = new ArrayList<>();

  private long unnamedWarnings;

  /** The folder that was last seen to be real; it stays so, as nothing that exists is replaced. */
  private EntryPath realFolder;

  MediaExtraction(Path folder, ExtractOptions options) throws IOException {
    Files.createDirectories(folder);
    // Unless it has to be, a path is not resolved: it may go through a folder that is held open.
    this.root = Files.isSymbolicLink(folder) ? folder.toRealPath() : folder.toAbsolutePath();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(root)) {
      if (entries.iterator().hasNext()) {
        throw new DirectoryNotEmptyException(root.toString());
      }
    }
    this.rawRoot = EntryPath.of(root);
    this.options = options;
    this.realFolder = rawRoot;
  }

  /**
   * Waits until everything is where it belongs.
   *
   * @return for people: what could not be put back
   */
  List<String> finish() throws IOException {
    writers.settle();
    synchronized (warnings) {
      if (unnamedWarnings > 0) {
        warnings.add("and " + unnamedWarnings + " more of these");
        unnamedWarnings = 0;
      }
      return List.copyOf(warnings);
    }
  }

  @Override
  public void close() {
    writers.close();
  }

  @Override
  public void entry(ArchiveEntry entry, PartReader.Content content) throws IOException {
    try {
      put(entry, content);
    } catch (FileAlreadyExistsException e) {
      throw taken(entry, e);
    }
  }

  private static PathTakenException taken(ArchiveEntry entry, FileAlreadyExistsException e) {
    return new PathTakenException(entry, entry.path(), "its path is taken", e);
  }

  /** Whether there is a folder where the archive has this one. */
  boolean made(ArchiveEntry folder) throws ArchiveCorruptException {
    return Files.isDirectory(inside(folder, folder.path()).toPath(), LinkOption.NOFOLLOW_LINKS);
  }

  private void put(ArchiveEntry entry, PartReader.Content content) throws IOException {
    EntryPath path = inside(entry, entry.path());
    if (entry.type() != ArchiveEntry.Type.FOLDER) {
      realParent(entry, path);
    }
    switch (entry.type()) {
      case FILE -> {
        if (entry.size() <= FileWriters.SMALL_BYTES) {
          writeLater(entry, content, path);
          return;
        }
        write(path, content);
      }
      case FOLDER -> {
        // Whatever comes into a folder later changes its time, or may not come in any more.
        writers.settle();
        realFolder(entry, path);
      }
      case SYMLINK -> Libc.symlink(target(entry), path);
      case HARDLINK -> {
        writers.settle();
        EntryPath target = inside(entry, target(entry));
        realParent(entry, target);
        realParent(entry, path);
        Libc.link(target, path);
        return;
      }
      case FIFO -> Libc.mknod(path, FileStatus.FIFO, new ArchiveEntry.Device(0, 0));
      case CHARACTER_DEVICE, BLOCK_DEVICE -> {
        if (entry.device() == null) {
          throw corrupt(entry, "a device node without numbers", null);
        }
        if (!options.deviceNodes()) {
          warn("a device node was left out: " + EscapedPath.brief(entry.path()));
          return;
        }
        boolean character = entry.type() == ArchiveEntry.Type.CHARACTER_DEVICE;
        Libc.mknod(
            path,
            character ? FileStatus.CHARACTER_DEVICE : FileStatus.BLOCK_DEVICE,
            entry.device());
      }
    }
    describe(entry, path);
  }

  private void writeLater(ArchiveEntry entry, PartReader.Content content, EntryPath path)
      throws IOException {
    ByteArrayOutputStream whole = new ByteArrayOutputStream((int) entry.size());
    content.copyTo(whole);
    writers.add(
        whole.size(),
        () -> {
          try {
            write(path, whole::writeTo);
            describe(entry, path);
          } catch (FileAlreadyExistsException e) {
            throw taken(entry, e);
          }
        });
  }

  private static void write(EntryPath path, PartReader.Content content) throws IOException {
    try (OutputStream out = ArchiveReader.newFile(path.toPath())) {
      content.copyTo(out);
    }
  }

  /** Owner first, as it takes set-uid bits and capabilities away; times last. */
  private void describe(ArchiveEntry entry, EntryPath path) throws IOException {
    if (options.restoreOwners()) {
      Libc.lchown(path, options.owners().user(entry.uid()), options.owners().group(entry.gid()));
    }
    for (Map.Entry<String, byte[]> attribute : entry.attributes().entrySet()) {
      if (options.restoreOwners() || ExtendedAttributes.isOfUser(attribute.getKey())) {
        ExtendedAttributes.set(path, attribute.getKey(), attribute.getValue());
      } else {
        warn(
            "the attribute "
                + EscapedPath.brief(EntryPath.of(attribute.getKey()))
                + " was left out: "
                + EscapedPath.brief(entry.path()));
      }
    }
    if (entry.type() != ArchiveEntry.Type.SYMLINK) {
      Libc.chmod(path, mode(entry));
      try {
        ExtendedAttributes.setAcls(path, entry.accessAcl(), entry.defaultAcl(), options.owners());
      } catch (IllegalArgumentException e) {
        throw corrupt(entry, "its ACL makes no sense", e);
      }
    }
    Libc.setModified(path, entry.modified());
  }

  /** A program that was to run as one user must not run as another because of a mapping. */
  private int mode(ArchiveEntry entry) {
    if (!options.restoreOwners()) {
      return entry.mode() & PERMISSIONS;
    }
    int lost = 0;
    if (entry.type() != ArchiveEntry.Type.FOLDER) {
      lost |= options.owners().user(entry.uid()) == entry.uid() ? 0 : SET_UID;
      lost |= options.owners().group(entry.gid()) == entry.gid() ? 0 : SET_GID;
    }
    return entry.mode() & ALL_MODE_BITS & ~lost;
  }

  private static EntryPath target(ArchiveEntry entry) throws ArchiveCorruptException {
    EntryPath target = entry.target();
    if (target == null || target.octets().isEmpty() || target.octets().indexOf(0) >= 0) {
      throw corrupt(entry, "a link without a target", null);
    }
    return target;
  }

  /** The path on disk of a path of the archive, which must lie below {@code storage}. */
  private EntryPath inside(ArchiveEntry entry, EntryPath archived) throws ArchiveCorruptException {
    List<String> segments = Arrays.asList(archived.octets().split("/", -1));
    boolean proper =
        segments.getFirst().equals(MediaPart.ROOT.octets())
            && archived.octets().indexOf(0) < 0
            && segments.stream()
                .noneMatch(name -> name.isEmpty() || name.equals(".") || name.equals(".."));
    if (!proper || (segments.size() == 1 && entry.type() != ArchiveEntry.Type.FOLDER)) {
      throw corrupt(entry, "its path leads out of " + MediaPart.ROOT, null);
    }
    EntryPath path = rawRoot;
    for (String segment : segments.subList(1, segments.size())) {
      path = path.resolve(new EntryPath(segment));
    }
    return path;
  }

  /** The path in the archive of a path on disk. */
  private EntryPath archived(EntryPath path) {
    return new EntryPath(
        MediaPart.ROOT.octets() + path.octets().substring(rawRoot.octets().length()));
  }

  private void realParent(ArchiveEntry entry, EntryPath path) throws IOException {
    realFolder(entry, new EntryPath(path.octets().substring(0, path.octets().lastIndexOf('/'))));
  }

  /** Makes sure that a folder below the root is there, and no link on the way to it. */
  private void realFolder(ArchiveEntry entry, EntryPath folder) throws IOException {
    if (folder.equals(realFolder) || folder.equals(rawRoot)) {
      return;
    }
    realParent(entry, folder);
    Path path = folder.toPath();
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      Files.createDirectory(path);
    } else if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      throw new PathTakenException(
          entry, archived(folder), "its path leads through something that is no folder", null);
    }
    realFolder = folder;
  }

  private void warn(String warning) {
    synchronized (warnings) {
      if (warnings.size() < NAMED_WARNINGS) {
        warnings.add(warning);
      } else {
        unnamedWarnings++;
      }
    }
  }

  private static ArchiveCorruptException corrupt(
      ArchiveEntry entry, String finding, @Nullable Throwable cause) {
    ArchiveEntry.Place place = entry.header();
    return new ArchiveCorruptException(
        entry.path().toString(),
        null,
        entry,
        place.offset(),
        finding + " (member " + place.member() + ")",
        cause);
  }
}
