package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.StoredObject;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Random;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** An archive made of a dump and a folder, in a store on disk. The test deletes the folder. */
final class ArchiveFixture implements AutoCloseable {
  static final byte[] MANIFEST = "{\"format_version\":1}\n".getBytes(StandardCharsets.UTF_8);
  static final byte[] GLOBALS = "CREATE ROLE clerks;\n".getBytes(StandardCharsets.UTF_8);
  static final Instant TIME = Instant.parse("2026-01-11T02:00:00Z");
  private static final long OBJECT_BYTES = 3_000_000;

  /** So that there are members without content between the parts. */
  private static final int BLOCK_BYTES = 4096;

  private static final ObjectKey KEY = ObjectKey.of("backups", "edms", "archive.tar.gz");

  final Path folder;
  final FilesystemObjectStore store;
  final StoredObject archive;
  final PartInventory database;
  final PartInventory media;
  final ArchiveLayout.Composition composition;

  ArchiveFixture(
      Path folder, byte[] dump, byte @Nullable [] globals, Path tree, Predicate<Path> vanished)
      throws IOException {
    this.folder = folder;
    this.store = new FilesystemObjectStore(folder);
    try (Compressor compressor = Compressor.open(2);
        PartObjects databaseObjects =
            new PartObjects(store, ObjectKey.of("work", "database"), OBJECT_BYTES);
        PartObjects mediaObjects =
            new PartObjects(store, ObjectKey.of("work", "media"), OBJECT_BYTES)) {
      this.database =
          DatabasePart.write(
              new ByteArrayInputStream(dump),
              globals,
              TIME,
              List.of(),
              databaseObjects,
              compressor,
              ProgressListener.NONE);
      this.media =
          MediaPart.write(
              tree,
              vanished,
              MediaPart.Missing.NONE,
              MediaPart.Earlier.NONE,
              mediaObjects,
              compressor,
              ProgressListener.NONE);
    }
    this.composition = ArchiveLayout.compose(MANIFEST, TIME, List.of(media, database), BLOCK_BYTES);
    this.archive = store.compose(KEY, composition.pieces());
  }

  /** With {@link #GLOBALS}. */
  ArchiveFixture(Path folder, byte[] dump, Path tree) throws IOException {
    this(folder, dump, GLOBALS, tree, path -> false);
  }

  /** A dump that shrinks in part, of any length. */
  static byte[] dump(int bytes) {
    byte[] dump = new byte[bytes];
    new Random(1).nextBytes(dump);
    for (int i = 0; i < bytes / 2; i++) {
      dump[i] = (byte) "INSERT INTO ".charAt(i % 12);
    }
    return dump;
  }

  ArchiveReader reader() throws IOException {
    return ArchiveReader.open(store, archive);
  }

  byte[] bytes() throws IOException {
    return Files.readAllBytes(file());
  }

  /** The archive as a file. */
  Path file() {
    return folder.resolve(KEY.value());
  }

  /** The archive with other bytes, as another object. */
  ArchiveReader readerOf(byte[] bytes) throws IOException {
    ObjectKey key = ObjectKey.of("changed", "archive-" + System.nanoTime());
    try (var upload = store.upload(key)) {
      upload.write(bytes);
      StoredObject object = upload.complete();
      return ArchiveReader.open(store, object);
    }
  }

  PartReader part(Component component) throws IOException {
    return reader().part(component);
  }

  @Override
  public void close() {
    store.close();
  }

  static ArchiveEntry entry(
      String path, ArchiveEntry.Type type, long size, int mode, Instant modified) {
    return new EntryBuilder(path, type).size(size).mode(mode).modified(modified).build();
  }

  /** A part that a writer has finished, of which nobody asks how much it is. */
  static PartInventory inventory(Component component, PartObjects objects, PartWriter.Index index) {
    return new PartInventory(
        component,
        objects.content().slices(),
        objects.content().checksums(),
        objects.index().slices(),
        objects.index().checksums(),
        index.lookup(),
        0,
        0,
        0,
        index.sha256(),
        null,
        0,
        List.of());
  }

  /** An archive of these parts. */
  static StoredObject compose(ObjectStore store, ObjectKey key, PartInventory... parts) {
    return store.compose(key, ArchiveLayout.compose(MANIFEST, TIME, List.of(parts), 1).pieces());
  }
}
