package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.testing.WatchedStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EntryDeliveryTest {
  @TempDir private Path folder;

  @Test
  void shouldFetchWellAheadOfSmallFiles() throws IOException {
    // given
    Path tree = Files.createDirectory(folder.resolve("tree"));
    Random random = new Random(1);
    byte[] content = new byte[400_000];
    for (int i = 0; i < 60; i++) {
      random.nextBytes(content);
      Files.write(tree.resolve("scan-%02d.jpg".formatted(i)), content);
    }
    List<String> read = new ArrayList<>();

    try (ArchiveFixture made = new ArchiveFixture(folder.resolve("store"), new byte[1], tree)) {
      WatchedStore store = new WatchedStore(made.store);
      PartReader part = ArchiveReader.open(store, made.archive).part(Component.MEDIA);
      int toFindItsIndex = store.opened().size() + 1;

      // when
      part.read(
          (entry, file) -> {
            if (read.isEmpty()) {
              await().until(() -> store.opened().size() >= toFindItsIndex + 4);
            }
            read.add(entry.path().toString());
            file.copyTo(Files.newOutputStream(Files.createTempFile(folder, "read", "")));
          },
          ProgressListener.NONE);
    }

    // then
    assertThat(read).hasSize(61).startsWith("storage/scan-00.jpg").endsWith("storage");
  }

  @Test
  void shouldKeepNoMoreThanSomeEntriesWaiting() throws IOException {
    // given
    AtomicInteger told = new AtomicInteger();
    AtomicInteger handedOut = new AtomicInteger();
    ArchiveEntry link =
        ArchiveFixture.entry(
            "storage/latest", ArchiveEntry.Type.SYMLINK, 0, 0777, ArchiveFixture.TIME);
    try (EntryDelivery delivery =
        withoutContent(entry -> {
          handedOut.incrementAndGet();
          assertThat(told.get() - handedOut.get()).isLessThanOrEqualTo(10_000);
        })) {
      // when
      while (told.get() < 25_000) {
        told.incrementAndGet();
        delivery.add(link);
      }

      // then
      assertThat(handedOut).hasValue(15_000);
      delivery.finish();
      assertThat(handedOut).hasValue(25_000);
    }
  }

  @Test
  void shouldKeepNoMoreThanSomeBytesOfAttributesWaiting() throws IOException {
    // given
    int valueBytes = 1024 * 1024;
    AtomicInteger handedOut = new AtomicInteger();
    try (EntryDelivery delivery = withoutContent(entry -> handedOut.incrementAndGet())) {
      // when
      for (int told = 1; told <= 100; told++) {
        delivery.add(
            new EntryBuilder("storage/fifo", ArchiveEntry.Type.FIFO)
                .attributes(new TreeMap<>(Map.of("user.long", new byte[valueBytes])))
                .build());

        // then
        assertThat((told - handedOut.get()) * (long) valueBytes)
            .isLessThanOrEqualTo(EntryDelivery.BYTES_BEHIND);
      }
      delivery.finish();
      assertThat(handedOut).hasValue(100);
    }
  }

  private static EntryDelivery withoutContent(Consumer<ArchiveEntry> handler) {
    Slice part = new Slice(ObjectKey.of("part"), "etag", 0, 1);
    return new EntryDelivery(
        new MemberSource(
            new InMemoryObjectStore(InstantSource.system(), true),
            new StoredBytes(List.of(part)),
            number -> {
              throw new IllegalStateException("there are no members");
            },
            "the media part",
            Parallelism.here()),
        (entry, content) -> handler.accept(entry),
        ProgressListener.NONE);
  }
}
