package io.hybridbackup.common.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.testing.LoopDisk;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A store on real filesystems whose files can have blocks in common. */
class SharedBlocksIT {
  private static final int BLOCK = 4096;
  private static final int BYTES = 48 << 20;
  private static final ObjectKey COMPOSED = ObjectKey.of("backups", "composed");

  @TempDir private Path folder;

  private static byte[] random(int bytes) {
    byte[] content = new byte[bytes];
    new Random(bytes).nextBytes(content);
    return content;
  }

  private static byte[] joined(byte[]... pieces) {
    ByteArrayOutputStream joined = new ByteArrayOutputStream();
    for (byte[] piece : pieces) {
      joined.writeBytes(piece);
    }
    return joined.toByteArray();
  }

  private static StoredObject upload(ObjectStore store, String name, byte[] content)
      throws IOException {
    try (Upload upload = store.upload(ObjectKey.of("work", name))) {
      upload.write(content, 0, content.length);
      return upload.complete();
    }
  }

  private static Slice slice(StoredObject object, long offset, long bytes) {
    return new Slice(object.key(), object.etag(), offset, bytes);
  }

  @ParameterizedTest
  @ValueSource(strings = {"xfs", "btrfs"})
  void shouldComposeWithoutCopyingWhatLiesRight(String type) throws IOException {
    // given
    byte[] first = random(BYTES);
    byte[] second = random(BYTES + 1);
    try (LoopDisk disk = LoopDisk.mount(folder, type);
        ObjectStore store = new FilesystemObjectStore(disk.folder().resolve("store"))) {
      assertThat(store.probe().sharedBlockBytes()).isEqualTo(BLOCK);
      StoredObject one = upload(store, "one", first);
      StoredObject two = upload(store, "two", second);
      byte[] begin = random(1000 + BLOCK);
      long before = disk.used();

      // when
      StoredObject composed =
          store.compose(
              COMPOSED,
              List.of(
                  new Literal(begin),
                  slice(one, 1000, BYTES - 5000),
                  slice(two, BLOCK - 4000, BYTES - BLOCK),
                  slice(one, 77, 5000),
                  slice(one, 5 * BLOCK - 3096, 3096),
                  slice(one, 5 * BLOCK, BYTES / 2)));
      long taken = disk.used() - before;
      store.delete(one.key());
      store.delete(two.key());

      // then
      byte[] expected =
          joined(
              begin,
              Arrays.copyOfRange(first, 1000, BYTES - 4000),
              Arrays.copyOfRange(second, BLOCK - 4000, BYTES - 4000),
              Arrays.copyOfRange(first, 77, 5077),
              Arrays.copyOfRange(first, 5 * BLOCK - 3096, 5 * BLOCK + BYTES / 2));
      assertThat(composed.bytes()).isEqualTo(expected.length);
      Path file = disk.folder().resolve("store").resolve(COMPOSED.value());
      assertThat(Arrays.equals(Files.readAllBytes(file), expected)).isTrue();
      assertThat(store.checksum(COMPOSED)).contains(Crc64Nvme.hex(Crc64Nvme.of(expected)));
      assertThat(taken).isLessThan(4 << 20);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"xfs", "btrfs"})
  void shouldCopyWhatLiesOtherwise(String type) throws IOException {
    // given
    byte[] content = random(BYTES);
    try (LoopDisk disk = LoopDisk.mount(folder, type);
        ObjectStore store = new FilesystemObjectStore(disk.folder().resolve("store"))) {
      StoreCapabilities _ = store.probe();
      StoredObject one = upload(store, "one", content);
      long before = disk.used();

      // when
      StoredObject _ = store.compose(COMPOSED, List.of(slice(one, 1, BYTES - 1)));

      // then
      assertThat(store.checksum(COMPOSED))
          .contains(Crc64Nvme.hex(Crc64Nvme.of(Arrays.copyOfRange(content, 1, BYTES))));
      assertThat(disk.used() - before).isGreaterThan(BYTES / 2);
    }
  }

  @Test
  void shouldShareNothingBeforeItIsKnownThatItCan() {
    try (ObjectStore store = new FilesystemObjectStore(folder.resolve("store"))) {
      assertThat(store.sharedBlockBytes()).isEqualTo(1);
    }
  }
}
