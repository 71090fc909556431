package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.ObjectStores;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.store.Upload;
import io.hybridbackup.common.testing.S3TestServer;
import io.hybridbackup.common.testing.WatchedStore;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Single files out of large and odd archives, in either kind of store. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RandomAccessIT {
  private static final int FILES = 20_000;
  private static final int OWN_MEMBERS_EACH = 3;
  private static final long BAR = 4L << 20;
  private static final byte[] DUMP = ArchiveFixture.dump(1_000_000);

  private Path folder;
  private ArchiveFixture many;
  private ArchiveFixture odd;
  private S3TestServer server;
  private ObjectStore s3;

  enum Kind {
    FILESYSTEM,
    S3
  }

  @BeforeAll
  void compose(@TempDir Path temporary) throws IOException {
    folder = temporary;
    many = new ArchiveFixture(folder.resolve("many-store"), DUMP, plantMany());
    odd =
        new ArchiveFixture(folder.resolve("odd-store"), DUMP, OddTree.plant(folder.resolve("odd")));
    server = S3TestServer.start(folder.resolve("s3"));
    server.createBucket("backups");
    s3 = ObjectStores.open(server.settings("backups", "prefix"));
  }

  @AfterAll
  void stop() {
    s3.close();
    server.close();
    many.close();
    odd.close();
    Tool.run(folder, "chmod", "-R", "u+rwX", ".");
  }

  /** As many entries and members as in an archive of 1.2 GB, and far fewer bytes. */
  private Path plantMany() throws IOException {
    Path tree = Files.createDirectories(folder.resolve("many"));
    Random random = new Random(11);
    for (int i = 0; i < FILES; i++) {
      Path parent = tree.resolve("year-%d/month-%02d".formatted(2000 + i / 1200, i / 100 % 12));
      Files.createDirectories(parent);
      byte[] content = new byte[40 + random.nextInt(400)];
      random.nextBytes(content);
      try (FileChannel file =
          FileChannel.open(
              parent.resolve("document-%05d-%x.pdf".formatted(i, random.nextLong())),
              StandardOpenOption.CREATE_NEW,
              StandardOpenOption.WRITE)) {
        file.write(ByteBuffer.wrap(content));
        if (i % OWN_MEMBERS_EACH == 0) {
          file.write(ByteBuffer.wrap(content), MediaPart.OWN_MEMBERS_BYTES);
        }
      }
    }
    return tree;
  }

  private WatchedStore store(Kind kind, ArchiveFixture fixture) {
    return new WatchedStore(kind == Kind.S3 ? s3 : fixture.store);
  }

  private StoredObject archive(Kind kind, ArchiveFixture fixture) throws IOException {
    if (kind == Kind.FILESYSTEM) {
      return fixture.archive;
    }
    ObjectKey key = ObjectKey.of("backups", "edms", fixture.folder.getFileName() + ".tar.gz");
    StoredObject there = s3.find(key).orElse(null);
    if (there != null) {
      return there;
    }
    try (Upload upload = s3.upload(key)) {
      Files.copy(fixture.file(), upload);
      return upload.complete();
    }
  }

  @ParameterizedTest
  @EnumSource
  void shouldReadOneOfManyFilesWithoutReadingMuch(Kind kind) throws IOException {
    StoredObject archive = archive(kind, many);
    List<Path> planted;
    try (var walk = Files.walk(folder.resolve("many"))) {
      planted = walk.filter(Files::isRegularFile).sorted().toList();
    }
    assertThat(planted).hasSize(FILES);
    for (int wanted : new int[] {0, 1, FILES / 2, FILES - 1}) {
      Path file = planted.get(wanted);
      WatchedStore store = store(kind, many);
      ByteArrayOutputStream content = new ByteArrayOutputStream();

      // when
      ArchiveFiles.open(store, archive)
          .copy(
              MediaPart.ROOT.resolve(EntryPath.of(folder.resolve("many").relativize(file))),
              content);

      // then
      assertThat(content.toByteArray()).isEqualTo(Files.readAllBytes(file));
      assertThat(store.bytesRead()).isLessThanOrEqualTo(BAR);
    }
  }

  @ParameterizedTest
  @EnumSource
  void shouldExtractAnOddTreeWithoutADifference(Kind kind) throws IOException {
    Path out = folder.resolve("odd-out-" + kind);
    ArchiveFiles.open(store(kind, odd), archive(kind, odd))
        .extract(
            Selection.of(List.of("storage")),
            out,
            new ExtractOptions(Tool.root(), false),
            ProgressListener.NONE);

    assertThat(
            Tool.run(
                folder,
                "rsync",
                Tool.root() ? "-aHAXnc" : "-aHnc",
                "--delete",
                "--itemize-changes",
                folder.resolve("odd") + "/",
                out.resolve("storage") + "/"))
        .isEmpty();
  }

  @Test
  void shouldExtractScatteredFilesByTheirRanges() throws IOException {
    WatchedStore store = store(Kind.FILESYSTEM, many);
    Path out = folder.resolve("scattered");

    // when
    ArchiveFiles.open(store, many.archive)
        .extract(
            Selection.of(List.of("storage/**/document-*77-*")),
            out,
            new ExtractOptions(false, false),
            ProgressListener.NONE);

    // then
    try (var walk = Files.walk(out)) {
      assertThat(walk.filter(Files::isRegularFile)).hasSize(FILES / 100);
    }
    assertThat(
            Tool.run(
                folder,
                "rsync",
                "-rnc",
                "--existing",
                "--itemize-changes",
                "many/",
                out + "/storage/"))
        .isEmpty();
  }

  @Test
  void shouldReadFilesOfAnyName() throws IOException {
    ArchiveFiles files = ArchiveFiles.open(odd.store, odd.archive);
    for (String name : List.of("latin-1-caf\u00e9", "new\nline and \t tab")) {
      ByteArrayOutputStream content = new ByteArrayOutputStream();

      assertThat(files.copy(MediaPart.ROOT.resolve(new EntryPath(name)), content)).isPresent();
      assertThat(content.size()).isPositive();
    }
  }
}
