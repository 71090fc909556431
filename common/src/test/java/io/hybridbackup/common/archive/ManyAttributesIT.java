package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.testing.LoopDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files on a filesystem that takes attributes without end. */
class ManyAttributesIT {
  private static final int ATTRIBUTES = 20;
  private static final int BYTES = 60_000;

  /** So many have room. */
  private static final int KEPT = 15;

  @TempDir private Path folder;
  private final InMemoryObjectStore store = new InMemoryObjectStore(InstantSource.system(), true);

  @Test
  void shouldLeaveOutAttributesThatHaveNoRoomAndSaySo() throws IOException {
    try (LoopDisk disk = LoopDisk.mount(folder, "xfs")) {
      // given
      Path tree = Files.createDirectory(disk.folder().resolve("tree"));
      Files.write(tree.resolve("small"), new byte[MediaPart.OWN_MEMBERS_BYTES - 1]);
      Files.write(tree.resolve("large"), new byte[MediaPart.OWN_MEMBERS_BYTES]);
      Files.createDirectory(tree.resolve("sub"));
      Files.writeString(tree.resolve("usual"), "usual");
      ExtendedAttributes.set(path(tree, "usual"), "user.a", new byte[] {1});
      for (String name : List.of("small", "large", "sub")) {
        ExtendedAttributes.set(path(tree, name), "user.short", new byte[] {2});
        for (int number = 0; number < ATTRIBUTES; number++) {
          ExtendedAttributes.set(path(tree, name), "user.%" + number, new byte[BYTES]);
        }
      }
      Files.createLink(tree.resolve("small-too"), tree.resolve("small"));

      // when
      PartInventory first = pack(tree, "first", MediaPart.Earlier.NONE);
      PartInventory second =
          pack(
              tree,
              "second",
              new MediaPart.Earlier(List.of(PartReader.of(store, first)), Instant.MAX));

      // then
      for (PartInventory part : List.of(first, second)) {
        assertThat(part.warnings()).hasSize(3).allMatch(text -> text.startsWith("5 of the ext"));
        Map<String, Integer> attributes = new HashMap<>();
        PartReader reader = PartReader.of(store, part);
        reader.entries(entry -> {
          attributes.put(entry.path().toString(), entry.attributes().size());
        });
        assertThat(attributes)
            .containsEntry("storage/usual", 1)
            .containsEntry("storage/small", KEPT + 1)
            .containsEntry("storage/small-too", KEPT + 1)
            .containsEntry("storage/large", KEPT + 1)
            .containsEntry("storage/sub", KEPT + 1);
        reader.verify(ProgressListener.NONE);
      }
      assertThat(second.reusedBytes()).isPositive();
    }
  }

  private static EntryPath path(Path tree, String name) {
    return EntryPath.of(tree.resolve(name));
  }

  private PartInventory pack(Path tree, String name, MediaPart.Earlier earlier) throws IOException {
    try (Compressor compressor = Compressor.open(2);
        PartObjects objects = new PartObjects(store, ObjectKey.of("work", name))) {
      return MediaPart.write(
          tree,
          path -> false,
          MediaPart.Missing.NONE,
          earlier,
          objects,
          compressor,
          ProgressListener.NONE);
    }
  }
}
