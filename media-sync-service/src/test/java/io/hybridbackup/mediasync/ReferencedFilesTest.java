package io.hybridbackup.mediasync;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.archive.EntryPath;
import io.hybridbackup.common.job.MediaReferences;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.manifest.References;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoredObject;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReferencedFilesTest {
  private static final ObjectKey KEY = ObjectKey.of("references");

  @TempDir private Path tree;
  private final InMemoryObjectStore store = new InMemoryObjectStore(InstantSource.system(), true);

  private ReferencedFiles referenced(List<String> paths) throws IOException {
    ByteArrayOutputStream list = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(new GZIPOutputStream(list))) {
      for (String path : paths) {
        byte[] bytes = path.getBytes(StandardCharsets.UTF_8);
        out.writeInt(bytes.length);
        out.write(bytes);
      }
    }
    boolean _ = store.create(KEY, list.toByteArray());
    StoredObject object = store.find(KEY).orElseThrow();
    return new ReferencedFiles(
        store,
        new MediaReferences(paths.size(), new Slice(KEY, object.etag(), 0, object.bytes())),
        Path.of("/srv/media"),
        tree);
  }

  @Test
  void shouldNameWhatIsMissingInFewBytes() throws IOException {
    // given
    Files.createFile(tree.resolve("there"));
    List<String> paths =
        new ArrayList<>(Collections.nCopies(150, "\u0001".repeat(EntryPath.LONGEST)));
    paths.add("there");
    paths.add("/srv/media/there");

    // when
    References counted = referenced(paths).count();

    // then
    assertThat(counted.referenced()).isEqualTo(152);
    assertThat(counted.missing()).isEqualTo(150);
    assertThat(counted.paths()).hasSize(100).allMatch(path -> path.startsWith("\\001\\001"));
    assertThat(Json.write(counted).length).isLessThan(64 * 1024);
  }

  @Test
  void shouldMissWhatHasMoreBytesThanAPathMayHave() throws IOException {
    // given
    Files.createFile(tree.resolve("there"));
    String longest = "./".repeat((EntryPath.LONGEST - 5) / 2) + "there";

    // when
    References counted = referenced(List.of(longest, "./" + longest)).count();

    // then
    assertThat(counted.missing()).isEqualTo(1);
    assertThat(counted.paths()).containsExactly("there");
  }
}
