package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.StoredObject;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What lies in an archive, by path, as tar would show it: {@code manifest.json}, {@code
 * database.dump}, {@code globals.sql} and {@code storage/}. Reads the archive's end, the index of a
 * part that is asked about or, for a few paths, what of it tells of them, and the members that hold
 * what is asked for; nothing else. Every method that reads may throw {@link
 * io.hybridbackup.common.store.StoreException}.
 */
public final class ArchiveFiles {
  /** A file up to this size is compared with its SHA-256 before any of it is handed out. */
  public static final int WHOLE_BYTES = 8 * 1024 * 1024;

  private final ArchiveReader archive;

  private ArchiveFiles(ArchiveReader archive) {
    this.archive = archive;
  }

  /**
   * @throws ArchiveCorruptException if the object is not an archive of this format
   */
  public static ArchiveFiles open(ObjectStore store, StoredObject archive) throws IOException {
    return new ArchiveFiles(ArchiveReader.open(store, archive));
  }

  /** Takes entries one by one. */
  @FunctionalInterface
  public interface EntryConsumer {
    void accept(ArchiveEntry entry) throws IOException;
  }

  /**
   * Tells of entries in the order of the archive, without reading the content.
   *
   * @throws ArchiveCorruptException if an index is damaged; entries before that have been told
   */
  public void list(Selection selection, EntryConsumer consumer) throws IOException {
    if (selection.contains(ArchiveLayout.MANIFEST)) {
      consumer.accept(archive.manifestFile().entry());
    }
    for (Component component : archive.parts()) {
      if (selection.mayContain(component)) {
        PartReader part = archive.part(component);
        Excerpt excerpt =
            component == Component.MEDIA ? ArchiveReader.excerpt(part, selection) : Excerpt.WHOLE;
        IndexListener listener =
            new IndexListener() {
              @Override
              public void member(IndexLine.Span member) {}

              @Override
              public void entry(ArchiveEntry entry) throws IOException {
                if (selection.contains(entry.path())) {
                  consumer.accept(entry);
                }
              }
            };
        if (excerpt.isWhole()) {
          part.index(listener);
        }
        for (ArchiveEntry entry : excerpt.entries()) {
          listener.entry(entry);
        }
      }
    }
  }

  /**
   * Copies the content of one file; of a hard link, that of the file that it shares. What is read
   * of the index has been found sound before anything is written, and each member before any of it
   * is: all of the index if it has no lookup, or the lookup does not lead to the path. A file of up
   * to {@link #WHOLE_BYTES} is compared with its SHA-256 first, a larger one at its end.
   *
   * @param out is not closed
   * @return what that path is, a hard link told as what it shares; empty if it is not there. Unless
   *     it is a file nothing has been written
   * @throws ArchiveCorruptException if it is not what was once written
   */
  public Optional<ArchiveEntry> copy(EntryPath path, OutputStream out) throws IOException {
    if (path.equals(ArchiveLayout.MANIFEST)) {
      ArchiveReader.ManifestFile manifest = archive.manifestFile();
      out.write(manifest.content());
      return Optional.of(manifest.entry());
    }
    Component component = DatabasePart.mayHold(path) ? Component.DATABASE : Component.MEDIA;
    if (!archive.parts().contains(component)) {
      return Optional.empty();
    }
    List<ArchiveEntry> found = new ArrayList<>();
    PartReader part = archive.part(component);
    part.read(
        part.find(Set.of(path)),
        entry -> entry.path().equals(path),
        (entry, content) -> {
          found.add(entry);
          if (entry.type() == ArchiveEntry.Type.FILE) {
            copy(entry, content, out);
          }
        },
        ProgressListener.NONE);
    return found.stream().findFirst();
  }

  private static void copy(ArchiveEntry entry, PartReader.Content content, OutputStream out)
      throws IOException {
    if (entry.size() > WHOLE_BYTES) {
      content.copyTo(out);
      return;
    }
    ByteArrayOutputStream whole = new ByteArrayOutputStream((int) entry.size());
    content.copyTo(whole);
    whole.writeTo(out);
  }

  /** The few paths that look most like one that is not there. */
  public List<EntryPath> nearest(EntryPath path) throws IOException {
    NearestPaths nearest = new NearestPaths(path);
    list(Selection.of(List.of()), entry -> nearest.consider(entry.path()));
    return nearest.found();
  }

  /**
   * Puts files into a folder as tar would, with the folders that they lie in. A hard link whose
   * target is not among them becomes a file.
   *
   * @param folder is made if it does not exist, and must be empty; nobody else may write to it.
   *     After an exception it may hold anything
   * @return for people: what could not be put back
   * @throws DirectoryNotEmptyException if there is something in the folder
   * @throws ArchiveCorruptException if anything differs from what was written
   */
  public List<String> extract(
      Selection selection, Path folder, ExtractOptions options, ProgressListener progress)
      throws IOException {
    Files.createDirectories(folder);
    Path root = folder.toRealPath();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(root)) {
      if (entries.iterator().hasNext()) {
        throw new DirectoryNotEmptyException(folder.toString());
      }
    }
    if (selection.contains(ArchiveLayout.MANIFEST)) {
      ArchiveReader.ManifestFile manifest = archive.manifestFile();
      put(root, manifest.entry(), out -> out.write(manifest.content()));
      progress.advanced(manifest.content().length, 1);
    }
    List<String> warnings = new ArrayList<>();
    for (Component component : archive.parts()) {
      if (selection.mayContain(component)) {
        switch (component) {
          case DATABASE ->
              archive
                  .part(component)
                  .read(
                      Excerpt.WHOLE,
                      entry -> selection.contains(entry.path()),
                      (entry, content) -> {
                        ArchiveReader.requireOfDatabase(entry);
                        put(root, entry, content);
                      },
                      progress);
          default ->
              warnings.addAll(
                  archive.extractMedia(
                      selection, root.resolve(MediaPart.ROOT.toString()), options, progress));
        }
      }
    }
    return warnings;
  }

  private static void put(Path root, ArchiveEntry entry, PartReader.Content content)
      throws IOException {
    Path file = root.resolve(entry.path().toString());
    try (OutputStream out = ArchiveReader.newFile(file)) {
      content.copyTo(out);
    }
    Libc.chmod(EntryPath.of(file), entry.mode() & 0777);
    Libc.setModified(EntryPath.of(file), entry.modified());
  }
}
