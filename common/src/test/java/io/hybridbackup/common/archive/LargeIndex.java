package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.testing.WatchedStore;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A program that writes and reads an archive of very many small files. */
final class LargeIndex {
  private static final int FILES_A_FOLDER = 1_000;
  private static final long MOST_BYTES_FOR_ONE = 1024 * 1024;

  private LargeIndex() {}

  /**
   * Fails unless what is read is what was written.
   *
   * @param arguments a folder, and the number of files
   */
  public static void main(String[] arguments) throws IOException {
    int files = Integer.parseInt(arguments[1]);
    long begun = System.nanoTime();
    try (FilesystemObjectStore store = new FilesystemObjectStore(Path.of(arguments[0]))) {
      StoredObject archive = write(store, files);
      long written = System.nanoTime();
      read(store, archive, files);
      long read = System.nanoTime();
      int[] some = {0, files / 2, files - 1};
      long bytes = 0;
      for (int file : some) {
        bytes = Math.max(bytes, readOne(store, archive, file));
      }
      long found = System.nanoTime();
      long listedBytes = 0;
      for (int file : some) {
        listedBytes = Math.max(listedBytes, listOne(store, archive, file));
      }
      System.out.printf(
          "%,d files: written in %.1f s, read in %.1f s, one in %.0f ms and %,d bytes, listed in %,d bytes, %s%n",
          files,
          (written - begun) / 1e9,
          (read - written) / 1e9,
          (found - read) / 3e6,
          bytes,
          listedBytes,
          peak());
    }
  }

  private static StoredObject write(FilesystemObjectStore store, int files) throws IOException {
    try (Compressor compressor = Compressor.open(2);
        PartObjects objects = new PartObjects(store, ObjectKey.of("work", "media"))) {
      PartWriter writer = new PartWriter(Component.MEDIA, objects, compressor, List.of());
      for (int file = 0; file < files; file++) {
        writer.append(entry(path(file), ArchiveEntry.Type.FILE, Integer.BYTES), content(file));
      }
      writer.cut();
      for (int folder = 0; folder * FILES_A_FOLDER < files; folder++) {
        writer.append(entry(folder(folder), ArchiveEntry.Type.FOLDER, 0), new byte[0]);
      }
      return ArchiveFixture.compose(
          store,
          ObjectKey.of("archive"),
          ArchiveFixture.inventory(Component.MEDIA, objects, writer.finish()));
    }
  }

  private static void read(FilesystemObjectStore store, StoredObject archive, int files)
      throws IOException {
    int[] next = new int[1];
    ArchiveFiles.open(store, archive)
        .list(
            Selection.of(List.of("storage")),
            entry -> {
              if (entry.type() == ArchiveEntry.Type.FILE) {
                require(entry.path().equals(EntryPath.of(path(next[0]++))));
              }
            });
    require(next[0] == files);
  }

  /** Returns how many bytes it takes. */
  private static long readOne(FilesystemObjectStore store, StoredObject archive, int file)
      throws IOException {
    WatchedStore watched = new WatchedStore(store);
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    require(
        ArchiveFiles.open(watched, archive).copy(EntryPath.of(path(file)), content).isPresent()
            && ByteBuffer.wrap(content.toByteArray()).getInt() == file);
    require(watched.bytesRead() < MOST_BYTES_FOR_ONE);
    return watched.bytesRead();
  }

  /** As {@link #readOne}. */
  private static long listOne(FilesystemObjectStore store, StoredObject archive, int file)
      throws IOException {
    WatchedStore watched = new WatchedStore(store);
    List<EntryPath> listed = new ArrayList<>();
    ArchiveFiles.open(watched, archive)
        .list(Selection.of(List.of(path(file))), entry -> listed.add(entry.path()));
    require(listed.equals(List.of(EntryPath.of(path(file)))));
    require(watched.bytesRead() < MOST_BYTES_FOR_ONE);
    return watched.bytesRead();
  }

  private static void require(boolean condition) {
    if (!condition) {
      throw new AssertionError("what is read is not what was written");
    }
  }

  private static byte[] content(int file) {
    return ByteBuffer.allocate(Integer.BYTES).putInt(file).array();
  }

  private static String folder(int folder) {
    return "storage/letters and plans/%06d".formatted(folder);
  }

  private static String path(int file) {
    return folder(file / FILES_A_FOLDER) + "/document-%09d.pdf".formatted(file);
  }

  private static ArchiveEntry entry(String path, ArchiveEntry.Type type, int size) {
    return ArchiveFixture.entry(path, type, size, 0640, ArchiveFixture.TIME);
  }

  /** The most memory that this process has had. */
  private static String peak() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("VmHWM:"))
        .map(line -> "at most " + line.replaceAll("\\D", "") + " KiB in memory")
        .findFirst()
        .orElseThrow();
  }
}
