package io.hybridbackup.common.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.util.FileSystemUtils;

/** A store on a filesystem that shares no blocks and that the kernel copies within. */
class MemoryFilesystemObjectStoreTest extends ObjectStoreContract {
  private Path folder = Path.of("/dev/shm");

  @Override
  ObjectStore openEmpty() throws IOException {
    folder = Files.createTempDirectory(Path.of("/dev/shm"), "store-");
    return new FilesystemObjectStore(folder);
  }

  @Override
  boolean knowsEveryChecksum() {
    return true;
  }

  @AfterEach
  void remove() throws IOException {
    boolean _ = FileSystemUtils.deleteRecursively(folder);
  }

  @Test
  void shouldLetTheKernelCopyRangesOfAnyPlaceAndLength() throws IOException {
    // given
    assertThat(DiskBlocks.of(folder).bypassing()).isFalse();
    assertThat(store().probe().sharedBlockBytes()).isEqualTo(1);
    byte[] content = randomBytes(5_000_000);
    StoredObject part = upload("work/abc/part", content);

    // when
    StoredObject archive =
        store()
            .compose(
                ObjectKey.of("backups", "shop", "backup"),
                List.of(
                    new Slice(part.key(), part.etag(), 4_999_999, 1),
                    new Literal(new byte[] {1, 2, 3}),
                    new Slice(part.key(), part.etag(), 77, 4_000_001)));

    // then
    byte[] composed = Files.readAllBytes(folder.resolve(archive.key().value()));
    assertThat(composed).hasSize(4_000_005).startsWith(content[4_999_999], 1, 2, 3);
    assertThat(Arrays.equals(composed, 4, 4_000_005, content, 77, 4_000_078)).isTrue();
  }

  @Test
  void shouldNotTakeAShortObjectForTheOneThatItWas() throws IOException {
    // given
    StoredObject part = upload("work/abc/part", randomBytes(1000));
    try (FileChannel file =
        FileChannel.open(folder.resolve(part.key().value()), StandardOpenOption.WRITE)) {
      file.truncate(10);
    }
    StoredObject now = store().find(part.key()).orElseThrow();

    // then
    assertThatThrownBy(() ->
            store()
                .compose(
                    ObjectKey.of("backups", "shop", "backup"),
                    List.of(new Slice(now.key(), now.etag(), 0, 1000))))
        .isInstanceOf(StoreException.Changed.class);
  }
}
