package io.hybridbackup.common.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.testing.Commands;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FilesystemObjectStoreTest extends ObjectStoreContract {
  /** Whoever is to write may come too late. */
  private static final int WRITING_ATTEMPTS = 20;

  @TempDir private Path temporary;

  @Override
  ObjectStore openEmpty() {
    return new FilesystemObjectStore(directory());
  }

  @Override
  boolean knowsEveryChecksum() {
    return true;
  }

  /** What has been written of an object that is not finished. */
  private long scratchBytes(ObjectKey key) throws IOException {
    Path folder = directory().resolve(".uploads").resolve(key.value());
    if (Files.notExists(folder)) {
      return 0;
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.mapToLong(file -> file.toFile().length()).sum();
    } catch (NoSuchFileException e) {
      return 0;
    }
  }

  private Path directory() {
    return temporary.resolve("made/when/opened");
  }

  @Test
  void shouldKeepObjectsAsOrdinaryFiles() {
    store().create(new ObjectKey("backups/shop/backup.manifest.json"), bytes("{}"));

    assertThat(directory().resolve("backups/shop/backup.manifest.json")).hasContent("{}");
  }

  @Test
  void shouldFindTheLeavingsOfAProcessThatDied() throws IOException {
    // given
    Upload died = store().upload(new ObjectKey("work/abc/part"));
    died.write(randomBytes(100));
    try (ObjectStore another = new FilesystemObjectStore(directory())) {

      // when
      int abandoned = another.abortUploads("work/abc", Duration.ZERO);

      // then
      assertThat(abandoned).isEqualTo(1);
    }
    assertThat(files()).isEmpty();
  }

  @Test
  void shouldLeaveNoScratchFilesOrFolders() throws IOException {
    // given
    ObjectKey key = new ObjectKey("work/abc/part");
    upload(key.value(), randomBytes(100));
    try (Upload givenUp = store().upload(key)) {
      givenUp.write(randomBytes(100));
    }

    // when
    store().delete(key);

    // then
    try (Stream<Path> left = Files.walk(directory().resolve(".uploads"))) {
      assertThat(left).containsExactly(directory().resolve(".uploads"));
    }
    assertThat(directory().resolve("work")).doesNotExist();
  }

  @Test
  void shouldOverlookForeignDotFiles() throws IOException {
    // given
    store().create(new ObjectKey("backups/shop/backup"), bytes("x"));
    Files.createDirectories(directory().resolve("backups/.snapshot/shop"));
    Files.writeString(directory().resolve("backups/.snapshot/shop/backup"), "x");
    Files.writeString(directory().resolve("backups/.nfs0001"), "x");

    // then
    assertThat(store().list("backups")).hasSize(1);
    assertThat(store().children("backups")).containsExactly("shop");
  }

  @Test
  void shouldPassThePageCacheBy() throws IOException {
    Assumptions.assumeTrue(DiskBlocks.of(directory()).bypassing(), "only on ext4, xfs and btrfs");
    // given
    StoredObject part = upload("work/abc/part", randomBytes(3 * DiskBlocks.BUFFER_BYTES + 1));

    // when
    StoredObject archive =
        store().compose(new ObjectKey("backups/shop/backup"), List.of(all(part)));
    Optional<String> _ = store().checksum(archive.key());
    try (InputStream stream = store().open(all(part))) {
      stream.transferTo(OutputStream.nullOutputStream());
    }

    // then
    for (StoredObject object : List.of(part, archive)) {
      String file = directory().resolve(object.key().value()).toString();
      assertThat(
              Commands.run("fincore", "--bytes", "--noheadings", "--output", "RES", file).strip())
          .isEqualTo("0");
    }
  }

  @Test
  void shouldTellThatAnObjectHasChangedThatIsCutShortWhileItIsRead() throws IOException {
    // given
    StoredObject object = upload("work/abc/part", randomBytes(4 * DiskBlocks.BUFFER_BYTES));
    try (InputStream stream = store().open(all(object))) {
      stream.readNBytes(1000);

      // when
      try (FileChannel file =
          FileChannel.open(directory().resolve(object.key().value()), StandardOpenOption.WRITE)) {
        file.truncate(2000);
      }

      // then
      assertThatThrownBy(stream::readAllBytes).isInstanceOf(StoreException.Changed.class);
    }
  }

  @Test
  void shouldNotComposeOfWhatIsWrittenToMeanwhile() throws Exception {
    // given
    StoredObject part = upload("work/abc/part", randomBytes(64 << 20));
    Path source = directory().resolve(part.key().value());
    boolean noticed = false;
    for (int attempt = 1; attempt <= WRITING_ATTEMPTS && !noticed; attempt++) {
      ObjectKey archive = ObjectKey.of("backups", "shop", "backup-" + attempt);
      Slice slice = all(store().find(part.key()).orElseThrow());
      AtomicBoolean over = new AtomicBoolean();
      try (ExecutorService thread = Executors.newSingleThreadExecutor()) {
        Future<Integer> writing =
            thread.submit(() -> {
              while (!over.get() && scratchBytes(archive) == 0) {
                Thread.onSpinWait();
              }
              try (FileChannel file = FileChannel.open(source, StandardOpenOption.WRITE)) {
                return file.write(ByteBuffer.wrap(new byte[] {1}), 0);
              }
            });

        // when
        StoredObject _ = store().compose(archive, List.of(slice));
        over.set(true);
        int _ = writing.get();
      } catch (StoreException.Changed e) {
        noticed = true;
      }
    }

    // then
    assertThat(noticed).isTrue();
  }

  @Test
  void shouldSayAtWhichSliceACompositionBrokeOff() throws IOException {
    // given
    StoredObject good = upload("work/abc/part", randomBytes(1000));
    ObjectKey key = new ObjectKey("work/abc/unreadable");
    // Reading it fails with EIO, as that of a bad sector does.
    Files.createSymbolicLink(directory().resolve(key.value()), Path.of("/proc/self/mem"));
    Slice slice = new Slice(key, store().find(key).orElseThrow().etag(), 0, 100);

    // then
    assertThatThrownBy(
            () -> store().compose(new ObjectKey("backups/shop/backup"), List.of(all(good), slice)))
        .isInstanceOfSatisfying(
            StoreException.Unavailable.class, e -> assertThat(e.slice()).contains(slice));
  }

  @Test
  void shouldRefuseAKeyThatIsAFolderOfAnother() {
    // given
    store().create(new ObjectKey("a/b"), bytes("x"));

    // then
    assertThatThrownBy(() -> store().create(new ObjectKey("a"), bytes("x")))
        .isInstanceOf(StoreException.Refused.class);
    assertThatThrownBy(() -> store().create(new ObjectKey("a/b/c"), bytes("x")))
        .isInstanceOf(StoreException.Refused.class);
  }

  @Test
  void shouldSayWhichFilesystemIsFull() throws Exception {
    // given
    Path small = Files.createDirectory(temporary.resolve("small"));
    Assumptions.assumeTrue(
        run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small.toString()),
        "only root can make a small filesystem to fill");
    try (ObjectStore full = new FilesystemObjectStore(small)) {
      ObjectKey key = new ObjectKey("work/abc/part");

      // when
      assertThatThrownBy(
              () -> {
                try (Upload upload = full.upload(key)) {
                  upload.write(randomBytes(2 << 20));
                  upload.complete();
                }
              })

          // then
          .isInstanceOf(StoreException.Refused.class)
          .hasMessageContainingAll(small.toString(), "is full", "make room");
      assertThat(full.find(key)).isEmpty();
      assertThat(full.create(key, randomBytes(900_000))).isTrue();
      assertThatThrownBy(() -> full.create(new ObjectKey("work/abc/another"), randomBytes(200_000)))
          .isInstanceOf(StoreException.Refused.class);
      assertThat(scratchFiles(small)).isEmpty();
    } finally {
      run("umount", small.toString());
    }
  }

  @Test
  void shouldLeaveNothingOfWritersThatRaceForTheLastRoom() throws Exception {
    // given
    Path small = Files.createDirectory(temporary.resolve("small"));
    Assumptions.assumeTrue(
        run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small.toString()),
        "only root can make a small filesystem to fill");
    try (ObjectStore full = new FilesystemObjectStore(small)) {
      for (int round = 0; round < 50; round++) {
        ObjectKey key = new ObjectKey("work/abc/part");
        Callable<Boolean> writer =
            () -> {
              try {
                return full.create(key, randomBytes(600_000));
              } catch (StoreException.Refused e) {
                return false;
              }
            };

        // when
        long winners = 0;
        try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
          for (Future<Boolean> one : threads.invokeAll(List.of(writer, writer))) {
            winners += one.get() ? 1 : 0;
          }
        }

        // then
        assertThat(winners).isLessThanOrEqualTo(1);
        assertThat(full.find(key).isPresent()).isEqualTo(winners == 1);
        assertThat(scratchFiles(small)).isEmpty();
        full.delete(key);
      }
    } finally {
      run("umount", small.toString());
    }
  }

  private static List<Path> scratchFiles(Path store) throws IOException {
    try (Stream<Path> all = Files.walk(store.resolve(".uploads"))) {
      return all.filter(Files::isRegularFile).toList();
    }
  }

  private static boolean run(String... command) throws IOException, InterruptedException {
    return new ProcessBuilder(command).inheritIO().start().waitFor() == 0;
  }

  private Stream<Path> files() throws IOException {
    try (Stream<Path> all = Files.walk(directory())) {
      return all.filter(Files::isRegularFile).toList().stream();
    }
  }
}
