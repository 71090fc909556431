package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.StoredObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Files that are written to while they are packed, and names that lie elsewhere. */
class MediaPartTest {
  private static final int LARGE = 20_000_000;

  @TempDir private Path folder;
  private Path tree;
  private Path large;
  private FilesystemObjectStore store;
  private int parts;

  private interface Change {
    void to(FileChannel file) throws IOException;
  }

  private record Written(PartInventory part, List<ArchiveEntry> entries) {}

  @BeforeEach
  void makeTree() throws IOException {
    store = new FilesystemObjectStore(folder.resolve("store"));
    tree = Files.createDirectory(folder.resolve("tree"));
    large = Files.write(tree.resolve("large"), new byte[LARGE]);
  }

  @Test
  void shouldKeepWhatAFileHadAtFirstAndWarnWhereItGrows() throws IOException {
    // when
    Written written = write(file -> file.write(ByteBuffer.wrap(new byte[] {1, 2, 3}), file.size()));

    // then
    assertThat(Files.size(large)).isEqualTo(LARGE + 3);
    assertThat(written.entries().getFirst().size()).isEqualTo(LARGE);
    assertThat(written.entries().getFirst().sha256()).isEqualTo(Sha256.of(new byte[LARGE], LARGE));
    assertThat(written.part().warnings()).singleElement().asString().contains("storage/large");
  }

  @Test
  void shouldWarnWhereAFileIsWrittenToInPlace() throws IOException {
    // when
    Written written = write(file -> file.write(ByteBuffer.wrap(new byte[] {1}), LARGE - 1));

    // then
    byte[] changed = new byte[LARGE];
    changed[LARGE - 1] = 1;
    assertThat(written.entries().getFirst().sha256()).isEqualTo(Sha256.of(changed, LARGE));
    assertThat(written.part().warnings()).singleElement().asString().contains("storage/large");
  }

  @Test
  void shouldWarnWhereAFileIsWrittenToAndItsTimeSetBack() throws IOException {
    // given
    FileTime time = Files.getLastModifiedTime(large);

    // when
    Written written =
        write(file -> {
          file.write(ByteBuffer.wrap(new byte[] {1}), LARGE - 1);
          Files.setLastModifiedTime(large, time);
        });

    // then
    assertThat(written.part().warnings()).singleElement().asString().contains("storage/large");
  }

  @ParameterizedTest
  @CsvSource({"0, true", "1, false"})
  void shouldReadAgainWhatWasModifiedWhenTheEarlierPartWasMade(int secondsLater, boolean read)
      throws IOException {
    // given
    FileTime time = Files.getLastModifiedTime(large);
    PartInventory earlier = write(file -> {}).part();
    byte[] changed = new byte[LARGE];
    changed[0] = 1;
    Files.write(large, changed);
    Files.setLastModifiedTime(large, time);

    // when
    Written written =
        write(
            file -> {},
            new MediaPart.Earlier(
                List.of(PartReader.of(store, earlier)),
                time.toInstant().plusSeconds(secondsLater)));

    // then
    assertThat(written.entries().getFirst().sha256())
        .isEqualTo(Sha256.of(read ? changed : new byte[LARGE], LARGE));
  }

  @Test
  void shouldFailWhereAFileGetsShorter() {
    assertThatThrownBy(() -> write(file -> file.truncate(LARGE / 2)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(large + " got shorter");
  }

  @Test
  void shouldTakeALinkThatHasAnotherNameElsewhereForALinkOfItsOwn() throws IOException {
    // given
    Path elsewhere = Files.createSymbolicLink(folder.resolve("elsewhere"), Path.of("/etc"));
    Files.createLink(tree.resolve("linked"), elsewhere);
    Files.createLink(folder.resolve("large"), large);

    // when
    Written written = write(file -> {});

    // then
    assertThat(written.entries())
        .extracting(entry -> entry.path() + " " + entry.type())
        .containsExactly("storage/linked SYMLINK", "storage/large FILE", "storage FOLDER");
  }

  /** What a manifest and an event are to hold, whatever the names are. */
  @Test
  void shouldNameWhatItLeavesOutInFewBytes() throws IOException {
    // given
    Path deep = tree;
    while (deep.toString().length() < 3700) {
      deep = deep.resolve("\u001b".repeat(250));
    }
    Files.createDirectories(deep);
    for (int i = 0; i < 150; i++) {
      Libc.mknod(
          EntryPath.of(deep.resolve("socket" + i)),
          FileStatus.SOCKET,
          new ArchiveEntry.Device(0, 0));
    }

    // when
    List<String> warnings = write(file -> {}).part().warnings();

    // then
    assertThat(warnings).hasSize(101).endsWith("and 50 more of these");
    assertThat(warnings.getFirst()).startsWith("a socket was left out: storage/\\033\\033");
    assertThat(Json.write(warnings).length).isLessThan(64 * 1024);
  }

  @Test
  void shouldNotSayAgainAndAgainWhatIsThere() throws IOException {
    // given
    byte[] content = new byte[MediaPart.OWN_MEMBERS_BYTES];
    Random random = new Random(9);
    for (int i = 0; i < 600; i++) {
      random.nextBytes(content);
      Files.write(tree.resolve("scan-" + i), content);
    }
    ObjectStore store = new InMemoryObjectStore(InstantSource.fixed(Instant.EPOCH), true);

    // when each member is an object
    try (PartObjects objects = new PartObjects(store, ObjectKey.of("work", "media"), 1)) {
      PartInventory _ = write(objects, MediaPart.Earlier.NONE, ProgressListener.NONE);
    }

    // then
    List<Long> checkpoints =
        store.list("work").stream()
            .filter(object -> object.key().name().startsWith("checkpoint-"))
            .map(StoredObject::bytes)
            .toList();
    assertThat(checkpoints).hasSizeBetween(100, 150);
    assertThat(checkpoints.stream().mapToLong(bytes -> bytes).sum())
        .isLessThan(60 * checkpoints.getLast());
    assertThat(PartObjects.lastCheckpoint(store, ObjectKey.of("work", "media"))).isPresent();
  }

  @Test
  void shouldTakeFilesForWhatTheirPathsAreWhateverTheirNumbersAre() throws IOException {
    // given
    Path changed = Files.write(tree.resolve("changed"), new byte[LARGE]);
    PartInventory earlier = write(file -> {}).part();
    Files.write(changed, new byte[] {1});
    Path aside = folder.resolve("aside");

    // when: as a filesystem that numbers files anew
    Written written =
        write(
            file -> {
              Files.move(large, aside);
              Files.move(changed, large);
              Files.move(aside, changed);
            },
            new MediaPart.Earlier(List.of(PartReader.of(store, earlier)), Instant.MAX));

    // then
    assertThat(written.entries())
        .extracting(entry -> entry.path().toString())
        .containsExactly("storage/large", "storage/changed", "storage");
  }

  @Test
  void shouldFailWhereNotAllFilesAreWrittenThatWereFound() throws IOException {
    // given
    Path added = folder.resolve("added");
    Files.writeString(added, "1");
    Path later = Files.createDirectory(tree.resolve("later"));

    // when, then
    assertThatThrownBy(() -> write(file -> Files.move(added, later.resolve("more"))))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("1 files were found in " + tree + " and 2 written");
  }

  @AfterEach
  void close() {
    store.close();
  }

  /** Changes the large file once as soon as some of it has been read. */
  private Written write(Change change) throws IOException {
    return write(change, MediaPart.Earlier.NONE);
  }

  private Written write(Change change, MediaPart.Earlier earlier) throws IOException {
    AtomicBoolean changed = new AtomicBoolean();
    try (PartObjects objects = new PartObjects(store, ObjectKey.of("work", "media-" + parts++));
        FileChannel file = FileChannel.open(large, StandardOpenOption.WRITE)) {
      PartInventory part =
          write(
              objects,
              earlier,
              (bytes, files) -> {
                if (bytes > 0 && !changed.getAndSet(true)) {
                  try {
                    change.to(file);
                  } catch (IOException e) {
                    throw new UncheckedIOException(e);
                  }
                }
              });
      PartReader reader = PartReader.of(store, part);
      reader.verify(ProgressListener.NONE);
      List<ArchiveEntry> entries = new ArrayList<>();
      reader.entries(entries::add);
      return new Written(part, entries);
    }
  }

  private PartInventory write(
      PartObjects objects, MediaPart.Earlier earlier, ProgressListener progress)
      throws IOException {
    try (Compressor compressor = Compressor.open(2)) {
      return MediaPart.write(
          tree, path -> false, MediaPart.Missing.NONE, earlier, objects, compressor, progress);
    }
  }
}
