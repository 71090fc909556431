package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.Crc64Nvme;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Piece;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.testing.LoopDisk;
import io.hybridbackup.common.testing.RestlessTree;
import io.hybridbackup.common.testing.WatchedStore;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Archives that are built upon one another, of a tree that changes from night to night. */
class NightsIT {
  private static final int NIGHTS = 12;

  /** A header, or what else is copied rather than shared. */
  private static final long SHORT = 64 * 1024;

  @TempDir private Path folder;
  private Path directory;
  private WatchedStore store;
  private Compressor compressor;

  @BeforeEach
  void open() throws IOException {
    open(folder.resolve("store"));
    compressor = Compressor.open(2);
  }

  private void open(Path storeDirectory) {
    directory = storeDirectory;
    store = new WatchedStore(new FilesystemObjectStore(directory));
  }

  @AfterEach
  void close() {
    compressor.close();
    store.close();
  }

  private record Night(StoredObject archive, PartInventory database, PartInventory media) {}

  private Night make(String name, byte[] dump, Path tree, List<ArchiveReader> bases)
      throws IOException {
    return make(name, dump, tree, bases, false);
  }

  private Night make(
      String name, byte[] dump, Path tree, List<ArchiveReader> bases, boolean byContent)
      throws IOException {
    PartInventory database;
    PartInventory media;
    try (PartObjects databaseObjects =
            new PartObjects(store, ObjectKey.of("work", name, "database"), 3_000_000);
        PartObjects mediaObjects =
            new PartObjects(store, ObjectKey.of("work", name, "media"), 3_000_000)) {
      database =
          DatabasePart.write(
              new ByteArrayInputStream(dump),
              null,
              ArchiveFixture.TIME,
              bases.stream().map(base -> base.part(Component.DATABASE)).toList(),
              databaseObjects,
              compressor,
              ProgressListener.NONE);
      media =
          MediaPart.write(
              tree,
              path -> false,
              MediaPart.Missing.NONE,
              new MediaPart.Earlier(
                  bases.stream().map(base -> base.part(Component.MEDIA)).toList(),
                  byContent ? Instant.MIN : Instant.MAX),
              mediaObjects,
              compressor,
              ProgressListener.NONE);
    }
    ArchiveLayout.Composition composition =
        ArchiveLayout.compose(
            ArchiveFixture.MANIFEST,
            ArchiveFixture.TIME,
            List.of(media, database),
            store.sharedBlockBytes());
    assertThat(copied(composition)).isLessThan(SHORT);
    ObjectKey key = ObjectKey.of("backups", name + ".tar.gz");
    StoredObject archive = store.compose(key, composition.pieces());
    assertThat(archive.bytes()).isEqualTo(composition.bytes());
    assertThat(Crc64Nvme.hex(Crc64Nvme.of(Files.readAllBytes(file(key)))))
        .isEqualTo(composition.crc64nvme());
    return new Night(archive, database, media);
  }

  /** The longest slice of content of which no block can be shared. */
  private long copied(ArchiveLayout.Composition composition) {
    long longest = 0;
    long at = 0;
    for (Piece piece : composition.pieces()) {
      if (piece instanceof Slice slice
          && (slice.offset() - at) % store.sharedBlockBytes() != 0
          && !slice.object().name().startsWith("index-")) {
        longest = Math.max(longest, slice.bytes());
      }
      at += piece.bytes();
    }
    return longest;
  }

  private Path file(ObjectKey key) {
    return directory.resolve(key.value());
  }

  /** Everything in the archive is what it was, to our own reader and to GNU tar. */
  private void check(Night night, byte[] dump, Path tree, String name) throws IOException {
    Path restored = Files.createDirectories(folder.resolve(name));
    Path extracted = restored.resolve("media");
    ArchiveReader reader = ArchiveReader.open(store, night.archive());
    reader.extractDatabase(restored.resolve("own.dump"), ProgressListener.NONE);
    List<String> warnings =
        reader.extractMedia(
            extracted, new ExtractOptions(Tool.root(), false), ProgressListener.NONE);
    assertThat(warnings).isEmpty();
    assertThat(differences(tree, extracted)).isEmpty();
    assertThat(RestlessTree.linkCounts(extracted)).isEqualTo(RestlessTree.linkCounts(tree));
    assertThat(Files.readAllBytes(restored.resolve("own.dump"))).isEqualTo(dump);

    Path byTar = Files.createDirectories(restored.resolve("tar"));
    String[] tar = {"tar", "--numeric-owner", "-xpzf", file(night.archive().key()).toString()};
    assertThat(Tool.run(byTar, tar)).isEmpty();
    assertThat(differences(tree, byTar.resolve("storage"))).isEmpty();
    assertThat(RestlessTree.linkCounts(byTar.resolve("storage")))
        .isEqualTo(RestlessTree.linkCounts(tree));
    assertThat(Files.readAllBytes(byTar.resolve("database.dump"))).isEqualTo(dump);
    Tool.run(folder, "rm", "-rf", restored.toString());
  }

  private String differences(Path tree, Path restored) {
    return Tool.run(
        folder,
        "rsync",
        Tool.root() ? "-aHAXnc" : "-aHnc",
        "--delete",
        "--itemize-changes",
        tree + "/",
        restored + "/");
  }

  /** Rows appended, rows changed in place, rows put in between. */
  private static byte[] changed(byte[] dump, Random random) {
    byte[] more = new byte[random.nextInt(5000)];
    random.nextBytes(more);
    int at = random.nextInt(dump.length);
    byte[] longer = Arrays.copyOf(dump, dump.length + more.length);
    System.arraycopy(more, 0, longer, at, more.length);
    System.arraycopy(dump, at, longer, at + more.length, dump.length - at);
    longer[random.nextInt(longer.length)]++;
    return longer;
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "2, 4096", "3, 512"})
  void shouldHoldEachNightWholeAndNeedNoOther(long seed, int blockBytes) throws IOException {
    // given
    store.share(blockBytes);
    Random random = new Random(seed);
    Path tree = folder.resolve("tree");
    RestlessTree restless = new RestlessTree(tree, seed);
    byte[] dump = ArchiveFixture.dump(9_000_000);
    Night last = make("night-0", dump, tree, List.of());
    check(last, dump, tree, "check-0");
    long reused = 0;

    for (int number = 1; number <= NIGHTS; number++) {
      // when
      restless.change();
      dump = changed(dump, random);
      Night night = make("night-" + number, dump, tree, List.of(reader(last)));
      reused += night.media().reusedBytes() + night.database().reusedBytes();
      store.delete(last.archive().key());

      // then
      check(night, dump, tree, "check-" + number);
      last = night;
    }
    assertThat(reused).isGreaterThan(NIGHTS * 10_000_000L);
  }

  private ArchiveReader reader(Night night) throws IOException {
    return ArchiveReader.open(store, night.archive());
  }

  /** Besides, one member may be written anew at each of three places that change in a night. */
  @ParameterizedTest
  @ValueSource(strings = {"xfs", "btrfs"})
  void shouldTakeNoMoreRoomThanWhatHasChangedWhereBlocksAreShared(String type) throws IOException {
    // given
    int nights = 3;
    int fileBytes = 1_000_000;
    Random random = new Random(9);
    Path tree = Files.createDirectory(folder.resolve("tree"));
    for (int file = 0; file < 20; file++) {
      writeRandom(tree.resolve("file-%02d".formatted(file)), fileBytes, random);
    }
    byte[] dump = new byte[12_000_000];
    random.nextBytes(dump);
    try (LoopDisk disk = LoopDisk.mount(folder, type)) {
      open(disk.folder().resolve("store"));
      store.share(store.probe().sharedBlockBytes());
      Night last = makeAlone("night-0", dump, tree, List.of());
      long before = disk.used();

      // when
      for (int night = 1; night <= nights; night++) {
        writeRandom(tree.resolve("file-%02d".formatted(3 * night)), fileBytes, random);
        writeRandom(tree.resolve("more-%02d".formatted(night)), fileBytes, random);
        dump = changed(dump, random);
        last = makeAlone("night-" + night, dump, tree, List.of(reader(last)));
      }

      // then
      long changed = 2L * nights * fileBytes;
      long margin = 3L * nights * MemberCutter.LONGEST;
      await().untilAsserted(() -> assertThat(disk.used() - before).isLessThan(changed + margin));
      check(last, dump, tree, "check");
    }
  }

  /** As a run does, which leaves nothing but its archive. */
  private Night makeAlone(String name, byte[] dump, Path tree, List<ArchiveReader> bases)
      throws IOException {
    Night night = make(name, dump, tree, bases);
    store.list("work").forEach(object -> store.delete(object.key()));
    return night;
  }

  @Test
  void shouldMakeNextToNothingWhereNothingHasChanged() throws IOException {
    // given
    Path tree = folder.resolve("tree");
    RestlessTree _ = new RestlessTree(tree, 4);
    byte[] dump = ArchiveFixture.dump(9_000_000);
    Night first = make("first", dump, tree, List.of());

    // when
    Night second = make("second", dump, tree, List.of(reader(first)));

    // then
    long fresh =
        second.archive().bytes() - second.media().reusedBytes() - second.database().reusedBytes();
    assertThat(fresh).isLessThan(400_000);
    check(second, dump, tree, "check");
  }

  @Test
  void shouldNoticeAnEditThatKeepsSizeAndTimeWhereContentIsCompared() throws IOException {
    // given
    Path tree = folder.resolve("tree");
    RestlessTree _ = new RestlessTree(tree, 5);
    Path file = Files.write(tree.resolve("sly"), new byte[300_000]);
    byte[] dump = ArchiveFixture.dump(1_000_000);
    Night first = make("first", dump, tree, List.of());
    var time = Files.getLastModifiedTime(file);
    byte[] edited = new byte[300_000];
    edited[1234] = 1;
    Files.write(file, edited);
    Files.setLastModifiedTime(file, time);

    // when
    Night trusting = make("trusting", dump, tree, List.of(reader(first)), false);
    Night comparing = make("comparing", dump, tree, List.of(reader(first)), true);

    // then
    Path restored = folder.resolve("restored");
    List<String> _ =
        reader(trusting)
            .extractMedia(restored, new ExtractOptions(false, false), ProgressListener.NONE);
    assertThat(restored.resolve("sly")).hasBinaryContent(new byte[300_000]);
    check(comparing, dump, tree, "check");
  }

  @Test
  void shouldReuseTheContentOfWhatWasRenamedOrHasOtherPermissions() throws IOException {
    // given
    Path tree = Files.createDirectories(folder.resolve("tree/a"));
    byte[] large = new byte[5_000_000];
    new Random(6).nextBytes(large);
    Files.write(tree.resolve("moves"), large);
    new Random(7).nextBytes(large);
    Files.write(tree.resolve("stays"), large);
    byte[] dump = ArchiveFixture.dump(1000);
    Night first = make("first", dump, tree, List.of());
    Files.move(tree.resolve("moves"), tree.resolve("moved"));
    Tool.run(tree, "chmod", "600", "stays");

    // when
    Night second = make("second", dump, tree, List.of(reader(first)));

    // then
    assertThat(second.media().reusedBytes()).isGreaterThan(10_000_000);
    check(second, dump, tree, "check");
  }

  @ParameterizedTest
  @ValueSource(longs = {14_000_000, 11_000_000, 20_000_000})
  void shouldGoOnFromTheLastWholeObjectOfAWriterThatWasKilled(long killedAt) throws IOException {
    // given
    Path tree = folder.resolve("tree");
    RestlessTree _ = new RestlessTree(tree, 8);
    Random random = new Random(killedAt);
    writeRandom(tree.resolve("0-small"), 10_000, random);
    writeRandom(tree.resolve("1-large"), 12_000_000, random);
    writeRandom(tree.resolve("2-small"), 10_000, random);
    ProgressListener dying =
        new ProgressListener() {
          private long bytes;

          @Override
          public void advanced(long moreBytes, long moreFiles) {
            bytes += moreBytes;
            if (bytes > killedAt) {
              throw new IllegalStateException("killed");
            }
          }
        };

    // when
    PartInventory second = resumed(tree, dying);

    // then
    assertThat(second.reusedBytes()).isGreaterThan(2_000_000);
    PartReader.of(store, second).verify(ProgressListener.NONE);
    checkMedia(compose("first", second), tree);
    PartInventory next =
        media("epoch-00003", tree, earlier(PartReader.of(store, second)), ProgressListener.NONE);
    checkMedia(compose("second", next), tree);
  }

  @Test
  void shouldHaveAWholeLookupAfterAWriterThatWasKilled() throws IOException {
    // given
    Path tree = Files.createDirectories(folder.resolve("tree"));
    Files.createDirectories(tree.resolve("a"));
    Files.createDirectories(tree.resolve("z"));
    String longName = "n".repeat(200);
    for (int i = 0; i < 6_000; i++) {
      Path parent = tree.resolve(i % 2 == 0 ? "a" : "z");
      Files.writeString(parent.resolve("%s-%04d".formatted(longName, i)), Integer.toString(i));
    }
    writeRandom(tree.resolve("large"), 10_000_000, new Random(10));
    ProgressListener dying =
        (bytes, files) -> {
          if (bytes > 0
              && PartObjects.lastCheckpoint(store, ObjectKey.of("work", "media")).isPresent()) {
            throw new IllegalStateException("killed");
          }
        };

    // when
    PartInventory second = resumed(tree, dying);

    // then
    assertThat(second.reusedBytes()).isPositive();
    assertThat(second.lookup()).isNotNull();
    PartReader.of(store, second).verify(ProgressListener.NONE);
    ArchiveFiles files = ArchiveFiles.open(store, compose("resumed", second));
    for (int i : new int[] {0, 2_998, 2_999, 5_998, 5_999}) {
      ByteArrayOutputStream content = new ByteArrayOutputStream();
      String path = "storage/%s/%s-%04d".formatted(i % 2 == 0 ? "a" : "z", longName, i);
      assertThat(files.copy(EntryPath.of(path), content)).isPresent();
      assertThat(content).hasToString(Integer.toString(i));
    }
  }

  /** What the next writer makes of what there is of one that is killed. */
  private PartInventory resumed(Path tree, ProgressListener dying) throws IOException {
    assertThatThrownBy(() -> media("epoch-00001", tree, MediaPart.Earlier.NONE, dying))
        .hasMessage("killed");
    PartReader found =
        PartObjects.lastCheckpoint(store, ObjectKey.of("work", "media")).orElseThrow();
    return media("epoch-00002", tree, earlier(found), ProgressListener.NONE);
  }

  private static MediaPart.Earlier earlier(PartReader part) {
    return new MediaPart.Earlier(List.of(part), Instant.MAX);
  }

  private static void writeRandom(Path file, int bytes, Random random) throws IOException {
    byte[] content = new byte[bytes];
    random.nextBytes(content);
    Files.write(file, content);
  }

  private PartInventory media(
      String epoch, Path tree, MediaPart.Earlier earlier, ProgressListener progress)
      throws IOException {
    try (PartObjects objects =
        new PartObjects(store, ObjectKey.of("work", "media", epoch), 3_000_000)) {
      return MediaPart.write(
          tree, path -> false, MediaPart.Missing.NONE, earlier, objects, compressor, progress);
    }
  }

  private StoredObject compose(String name, PartInventory part) {
    return store.compose(
        ObjectKey.of("backups", name + ".tar.gz"),
        ArchiveLayout.compose(
                ArchiveFixture.MANIFEST,
                ArchiveFixture.TIME,
                List.of(part),
                store.sharedBlockBytes())
            .pieces());
  }

  /** As the tree to our own reader and to GNU tar, each entry once. */
  private void checkMedia(StoredObject archive, Path tree) throws IOException {
    Path restored = Files.createDirectories(folder.resolve("restored " + archive.key().name()));
    List<String> _ =
        ArchiveReader.open(store, archive)
            .extractMedia(
                restored.resolve("own"),
                new ExtractOptions(Tool.root(), false),
                ProgressListener.NONE);
    assertThat(differences(tree, restored.resolve("own"))).isEmpty();
    String file = file(archive.key()).toString();
    assertThat(Tool.run(restored, "tar", "--numeric-owner", "-xpzf", file)).isEmpty();
    assertThat(differences(tree, restored.resolve("storage"))).isEmpty();
    assertThat(Tool.run(restored, "tar", "-tzf", file).lines()).doesNotHaveDuplicates();
  }
}
