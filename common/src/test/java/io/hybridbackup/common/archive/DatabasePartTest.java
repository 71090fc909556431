package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.store.Upload;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DatabasePartTest {
  private static final byte[] DUMP = ArchiveFixture.dump(3 * 1024 * 1024 + 17);

  @TempDir private Path folder;

  private FilesystemObjectStore store;
  private Compressor compressor;
  private int parts;

  @BeforeEach
  void open() {
    store = new FilesystemObjectStore(folder);
    compressor = Compressor.open(2);
  }

  @AfterEach
  void close() {
    compressor.close();
    store.close();
  }

  private PartInventory write(byte @Nullable [] globals, PartInventory... earlier)
      throws IOException {
    parts++;
    try (PartObjects objects = new PartObjects(store, ObjectKey.of("work", "part-" + parts))) {
      return DatabasePart.write(
          new ByteArrayInputStream(DUMP),
          globals,
          ArchiveFixture.TIME.plus(Duration.ofDays(parts)),
          Arrays.stream(earlier).map(part -> PartReader.of(store, part)).toList(),
          objects,
          compressor,
          ProgressListener.NONE);
    }
  }

  private List<String> paths(PartInventory part) throws IOException {
    List<String> paths = new ArrayList<>();
    PartReader.of(store, part).entries(entry -> paths.add(entry.path().toString()));
    return paths;
  }

  private static long bytes(PartInventory part) {
    return part.content().stream().mapToLong(slice -> slice.bytes()).sum();
  }

  @Test
  void shouldHoldTheDumpAloneUnlessThereAreGlobals() throws IOException {
    PartInventory part = write(null);

    assertThat(paths(part)).containsExactly("database.dump");
    assertThat(part.files()).isEqualTo(1);
    assertThat(part.globalsSha256()).isNull();
    PartReader.of(store, part).verify(ProgressListener.NONE);
  }

  @Test
  void shouldHoldGlobalsBehindTheDump() throws IOException {
    PartInventory part = write(ArchiveFixture.GLOBALS);

    assertThat(paths(part)).containsExactly("database.dump", "globals.sql");
    assertThat(part.files()).isEqualTo(2);
    assertThat(part.unpackedBytes()).isEqualTo(DUMP.length);
    assertThat(part.sha256()).isEqualTo(Sha256.of(DUMP, DUMP.length));
    assertThat(part.globalsSha256())
        .isEqualTo(Sha256.of(ArchiveFixture.GLOBALS, ArchiveFixture.GLOBALS.length));
    PartReader.of(store, part).verify(ProgressListener.NONE);
  }

  @Test
  void shouldReadBackGlobalsOfSeveralMembers() throws IOException {
    byte[] large = new byte[5_000_000];
    new Random(5).nextBytes(large);

    PartReader.of(store, write(large)).verify(ProgressListener.NONE);
  }

  @Test
  void shouldFindDamageInGlobals() throws IOException {
    PartInventory part = write(ArchiveFixture.GLOBALS);
    Slice lies = part.content().getLast();
    byte[] bytes = Files.readAllBytes(folder.resolve(lies.object().value()));
    bytes[bytes.length - 12] ^= 1;
    PartInventory damaged = withLastObject(part, bytes);

    assertThatThrownBy(() -> PartReader.of(store, damaged).verify(ProgressListener.NONE))
        .isInstanceOf(ArchiveCorruptException.class);
  }

  /** The part with other bytes in the last of its objects. */
  private PartInventory withLastObject(PartInventory part, byte[] bytes) throws IOException {
    List<Slice> content = new ArrayList<>(part.content());
    Slice lies = content.removeLast();
    try (Upload upload = store.upload(ObjectKey.of("changed", "part"))) {
      upload.write(bytes);
      StoredObject object = upload.complete();
      content.add(new Slice(object.key(), object.etag(), lies.offset(), lies.bytes()));
    }
    return new PartInventory(
        part.component(),
        content,
        part.contentCrc(),
        part.index(),
        part.indexCrc(),
        part.lookup(),
        part.unpackedBytes(),
        part.files(),
        part.folders(),
        part.sha256(),
        part.globalsSha256(),
        part.reusedBytes(),
        part.warnings());
  }

  @Test
  void shouldTakeTheDumpOverWhetherOrNotGlobalsWereThereOrHaveChanged() throws IOException {
    PartInventory without = write(null);
    PartInventory with = write(ArchiveFixture.GLOBALS, without);
    PartInventory changed = write("CREATE ROLE nobody;\n".getBytes(StandardCharsets.UTF_8), with);
    PartInventory withoutAgain = write(null, changed);

    for (PartInventory part : List.of(with, changed, withoutAgain)) {
      assertThat(bytes(part) - part.reusedBytes()).isLessThan(4096);
      PartReader.of(store, part).verify(ProgressListener.NONE);
    }
    assertThat(paths(changed)).containsExactly("database.dump", "globals.sql");
    assertThat(paths(withoutAgain)).containsExactly("database.dump");
  }
}
