package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.store.Upload;
import io.hybridbackup.common.testing.WatchedStore;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An archive that was written once and is read for ever; {@link GoldenArchive} tells of what. */
class GoldenArchiveIT {
  /** What is restored without owners. */
  private static final int PERMISSIONS = 0777;

  private static final String NAME = "archive-v1-everything.tar.gz";

  @TempDir private Path folder;
  private byte[] golden;
  private FilesystemObjectStore store;
  private ArchiveReader reader;

  @BeforeEach
  void open() throws IOException {
    golden = GoldenArchive.bytes(NAME);
    store = new FilesystemObjectStore(folder.resolve("store"));
    try (Upload upload = store.upload(ObjectKey.of("golden"))) {
      upload.write(golden);
      StoredObject object = upload.complete();
      reader = ArchiveReader.open(store, object);
    }
  }

  @AfterEach
  void close() {
    store.close();
  }

  @Test
  void shouldTellOfEveryEntry() throws IOException {
    List<String> expected = new ArrayList<>();
    for (GoldenArchive.Original original : GoldenArchive.media()) {
      byte[] content = original.content();
      String sha256 = content == null ? null : Sha256.of(content, content.length);
      ArchiveEntry entry = original.entry();
      expected.add(told(entry.placed(entry.header(), entry.content(), sha256)));
    }
    List<String> entries = new ArrayList<>();
    reader.entries(Component.MEDIA, entry -> entries.add(told(entry)));
    List<EntryPath> missing = new ArrayList<>();
    reader.part(Component.MEDIA).missing(missing::add);

    assertThat(entries).isEqualTo(expected);
    assertThat(missing)
        .isEqualTo(GoldenArchive.MISSING.stream().map(MediaPart.ROOT::resolve).toList());
  }

  private static String told(ArchiveEntry entry) {
    return IndependentReader.listed(Component.MEDIA, entry).toString();
  }

  @Test
  void shouldHandOutEveryContent() throws IOException {
    reader.part(Component.DATABASE).verify(ProgressListener.NONE);
    reader.part(Component.MEDIA).verify(ProgressListener.NONE);
    List<String> warnings =
        reader.extractMedia(
            folder.resolve("media"), new ExtractOptions(false, false), ProgressListener.NONE);
    reader.extractDatabase(folder.resolve("dump"), ProgressListener.NONE);

    assertThat(reader.manifest()).isEqualTo(ArchiveFixture.MANIFEST);
    assertThat(folder.resolve("dump")).hasBinaryContent(GoldenArchive.DUMP);
    assertThat(warnings)
        .containsExactly(
            "a device node was left out: storage/null", "a device node was left out: storage/disk");
    EntryPath media = EntryPath.of(folder.resolve("media"));
    for (GoldenArchive.Original original : GoldenArchive.media()) {
      ArchiveEntry entry = original.entry();
      if (entry.device() != null) {
        continue;
      }
      String below = entry.path().octets().substring(MediaPart.ROOT.octets().length());
      Path path = new EntryPath(media.octets() + below).toPath();
      FileStatus status = FileStatus.of(path);
      ExtendedAttributes attributes = ExtendedAttributes.read(EntryPath.of(path));
      assertThat(status.modified()).as(below).isEqualTo(entry.modified());
      boolean link = entry.type() == ArchiveEntry.Type.SYMLINK;
      assertThat(status.permissions())
          .as(below)
          .isEqualTo(link ? entry.mode() : entry.mode() & PERMISSIONS);
      assertThat(attributes.accessAcl()).as(below).isEqualTo(entry.accessAcl());
      assertThat(attributes.defaultAcl()).as(below).isEqualTo(entry.defaultAcl());
      assertThat(attributes.others().keySet()).as(below).isEqualTo(entry.attributes().keySet());
      assertThat(
              Arrays.deepEquals(
                  attributes.others().values().toArray(), entry.attributes().values().toArray()))
          .as(below)
          .isTrue();
      if (original.content() != null && Files.isReadable(path)) {
        assertThat(path).hasBinaryContent(original.content());
      }
    }
    Path cheese = folder.resolve("media/folder/käse");
    assertThat(Files.isSameFile(cheese, folder.resolve("media/same cheese"))).isTrue();
    assertThat(
            Files.isSameFile(
                cheese,
                EntryPath.of(folder.resolve("media")).resolve(new EntryPath("\u00ff")).toPath()))
        .isTrue();
    assertThat(
            Files.readAttributes(
                folder.resolve("media/other late link"),
                "isSymbolicLink",
                LinkOption.NOFOLLOW_LINKS))
        .containsEntry("isSymbolicLink", true);
  }

  @Test
  void shouldReadOneFileAfterAnotherByALookup() throws IOException {
    try (Upload upload = store.upload(ObjectKey.of("lookup"))) {
      upload.write(GoldenArchive.bytes("archive-v1-lookup.tar.gz"));
      StoredObject object = upload.complete();
      WatchedStore watched = new WatchedStore(store);
      ArchiveFiles files = ArchiveFiles.open(watched, object);
      long longestRead = 0;
      for (GoldenArchive.Original original : GoldenArchive.mediaToLookUp()) {
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        long before = watched.bytesRead();

        ArchiveEntry found = files.copy(original.entry().path(), content).orElseThrow();

        longestRead = Math.max(longestRead, watched.bytesRead() - before);
        if (original.entry().type() == ArchiveEntry.Type.HARDLINK) {
          assertThat(found.type()).isNotEqualTo(ArchiveEntry.Type.HARDLINK);
        } else {
          assertThat(content.toByteArray())
              .isEqualTo(original.content() == null ? new byte[0] : original.content());
        }
      }
      assertThat(files.copy(EntryPath.of("storage/absent"), OutputStream.nullOutputStream()))
          .isEmpty();
      assertThat(longestRead).isLessThan(object.bytes() / 2);
      ArchiveReader.open(store, object).part(Component.MEDIA).verify(ProgressListener.NONE);
    }
  }

  @Test
  void shouldBeListedByTar() throws IOException {
    Path archive = Files.write(folder.resolve(NAME), golden);

    String listing =
        Tool.run(
            folder,
            "tar",
            "--utc",
            "--full-time",
            "--numeric-owner",
            "--quoting-style=escape",
            "-tvzf",
            archive.toString());

    assertThat(listing.lines().map(line -> line.replaceAll(" +", " ")))
        .isEqualTo(
            new String(GoldenArchive.bytes("archive-v1-everything.listing"), StandardCharsets.UTF_8)
                .lines()
                .toList());
  }

  @Test
  void shouldStillBeWrittenAlike() throws IOException {
    byte[] anew = Files.readAllBytes(GoldenArchive.write(folder.resolve("anew")));

    assertThat(tar(anew)).isEqualTo(tar(golden));
  }

  /** The plain bytes up to the indexes, where compressed lengths begin to matter. */
  private static byte[] tar(byte[] archive) throws IOException {
    try (InputStream in = new GZIPInputStream(new ByteArrayInputStream(archive))) {
      byte[] plain = in.readAllBytes();
      int end = new String(plain, StandardCharsets.ISO_8859_1).indexOf("{\"index\":{\"version\":1");
      return Arrays.copyOf(plain, end);
    }
  }
}
