package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PartWriterTest {
  @Test
  void shouldNameTheFileThatHasTooManyAttributes(@TempDir Path folder) throws IOException {
    // given
    ArchiveEntry entry =
        ArchiveFixture.entry("storage/much", ArchiveEntry.Type.FILE, 0, 0600, ArchiveFixture.TIME);
    entry.attributes().put("user.much", new byte[1024 * 1024]);
    try (Compressor compressor = Compressor.open(1);
        FilesystemObjectStore store = new FilesystemObjectStore(folder);
        PartObjects objects = new PartObjects(store, ObjectKey.of("work", "media"))) {
      PartWriter writer = new PartWriter(Component.MEDIA, objects, compressor, List.of());

      // when, then
      assertThatThrownBy(() -> writer.append(entry, new byte[0]))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("storage/much");
    }
  }
}
