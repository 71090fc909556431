package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.Crc64Nvme;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.store.Upload;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Indexes that nobody writes but who means harm. */
class IndexInputTest {
  private static final String FIFO =
      "{'path':'storage/a','type':'fifo','header':{'member':0,'offset':0}}";
  private static final String HASH = "0".repeat(64);

  @TempDir private Path folder;

  @Test
  void shouldReadLinesOfAnyLengthUpToTheLimit() throws IOException {
    for (int bytes : new int[] {100, 65_535, 65_536, 200_000, IndexInput.LONGEST_LINE}) {
      String line = "{\"end\":{\"members\":%d,\"entries\":7}}";
      String longer = line.formatted(bytes) + " ".repeat(bytes - line.formatted(bytes).length());
      IndexInput lines = input(longer + "\n" + line.formatted(1) + "\n");

      assertThat(lines.next()).isTrue();
      assertThat(lines.line()).isEqualTo(IndexLine.end(bytes, 7));
      assertThat(lines.next()).isTrue();
      assertThat(lines.line()).isEqualTo(IndexLine.end(1, 7));
      assertThat(lines.next()).isFalse();
      assertThat(lines.next()).isFalse();
    }
  }

  @Test
  void shouldRefuseALineThatWouldFillTheMemory() {
    IndexInput lines = input(" ".repeat(IndexInput.LONGEST_LINE + 1) + "\n");

    assertThatThrownBy(lines::next).hasMessageContaining("more than 16777216 bytes");
  }

  private static IndexInput input(String text) {
    return new IndexInput(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  void shouldReadASmallIndexAndPassOverWhatItDoesNotKnow() throws IOException {
    List<String> paths =
        entries(
            "{'entry':%s,'later':1}".formatted(FIFO.replace("}}", "},'later':{}}")),
            "{'later':[]}");

    assertThat(paths).containsExactly("storage/a");
  }

  @Test
  void shouldNotTakeAnIndexOfANewerFormatForDamage() {
    assertThatThrownBy(() -> entries(2, "{'leaf':{}}"))
        .isInstanceOf(UnknownVersionException.class)
        .hasMessageContainingAll("the index of the database part", "version 2", "none above 1");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'type':'fifo','header':{'member':0,'offset':0}}",
        "{'path':'storage/a','header':{'member':0,'offset':0}}",
        "{'path':'storage/a','type':'socket','header':{'member':0,'offset':0}}",
        "{'path':'storage/a','type':'fifo'}",
        "{'path':'storage/a','type':'fifo','header':{'member':1,'offset':0}}",
        "{'path':'storage/a','type':'fifo','header':{'member':0,'offset':-512}}",
        "{'path':'storage/a','type':'fifo','header':{'member':0,'offset':0},'xattrs':{'user.a':null}}",
        "{'path':'storage/a','type':'fifo','header':{'member':0,'offset':0},'xattrs':{'base64:?':''}}",
        "{'path':'storage/a','type':'fifo','header':{'member':0,'offset':0},'mtime':9e30}",
        "{'path':'storage/a','type':'file','header':{'member':0,'offset':0}}",
        "{'path':'storage/a','type':'file','header':{'member':0,'offset':0},'size':-512,"
            + "'sha256':'','content':{'member':0,'offset':512}}",
        "{'path_base64':'?','type':'fifo','header':{'member':0,'offset':0}}",
        "[",
        ""
      })
  void shouldRefuseAnEntryThatMakesNoSense(String entry) {
    assertThatThrownBy(() -> entries("{'entry':" + entry + "}"))
        .isInstanceOf(ArchiveCorruptException.class);
  }

  @Test
  void shouldRefuseAPathThatLinuxDoesNotKnow() throws IOException {
    String longest = "storage/" + "a".repeat(4096);

    assertThat(entries("{'entry':%s}".formatted(FIFO.replace("storage/a", longest)))).hasSize(1);
    assertThatThrownBy(
            () -> entries("{'entry':%s}".formatted(FIFO.replace("storage/a", longest + "a"))))
        .isInstanceOf(ArchiveCorruptException.class);
    assertThatThrownBy(() ->
            entries(
                "{'entry':%s}"
                    .formatted(
                        FIFO.replace(
                            "'fifo'", "'symlink','target':'%s'".formatted(longest + "a")))))
        .isInstanceOf(ArchiveCorruptException.class);
  }

  /** The paths that an index of one member tells, in quotes that suit Java. */
  private List<String> entries(String... lines) throws IOException {
    return entries(IndexLine.VERSION, lines);
  }

  private List<String> entries(int version, String... lines) throws IOException {
    byte[] content = GzipMember.stored(new byte[TarHeader.BLOCK], TarHeader.BLOCK);
    String index =
        """
        {'index':{'version':%d,'component':'database'}}
        {'member':{'offset':0,'length':%d,'plain':512,'sha256':'%s','crc64nvme':'%s'}}
        %s
        {'end':{'members':1,'entries':1}}
        """
            .formatted(version, content.length, HASH, HASH.substring(48), String.join("\n", lines))
            .replace('\'', '"');
    byte[] plain = index.getBytes(StandardCharsets.UTF_8);
    byte[] gzip = GzipMember.stored(plain, plain.length);
    try (FilesystemObjectStore store = new FilesystemObjectStore(folder.resolve("store"))) {
      PartInventory part =
          new PartInventory(
              Component.DATABASE,
              List.of(stored(store, content)),
              List.of(Crc64Nvme.hex(Crc64Nvme.of(content))),
              List.of(stored(store, gzip)),
              List.of(Crc64Nvme.hex(Crc64Nvme.of(gzip))),
              null,
              0,
              1,
              0,
              HASH,
              null,
              0,
              List.of());
      List<String> paths = new ArrayList<>();
      PartReader.of(store, part).entries(entry -> paths.add(entry.path().toString()));
      return paths;
    }
  }

  private static Slice stored(FilesystemObjectStore store, byte[] bytes) throws IOException {
    ObjectKey key = ObjectKey.of("part", "object-" + System.nanoTime());
    try (Upload upload = store.upload(key)) {
      upload.write(bytes);
      StoredObject object = upload.complete();
      return new Slice(object.key(), object.etag(), 0, object.bytes());
    }
  }
}
