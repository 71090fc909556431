package io.hybridbackup.common.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What {@link ObjectStore} promises; every implementation passes it. */
abstract class ObjectStoreContract {
  private static final int WRITERS = 16;
  private static final int MIB = 1 << 20;

  private final Random random = new Random(7);
  private ObjectStore store;

  /** One that holds nothing; it is closed after the test. */
  abstract ObjectStore openEmpty() throws Exception;

  /** Whether exactly one of several writers wins here that complete an upload in many parts. */
  boolean completesMultipartUploadsConditionally() {
    return true;
  }

  /** Whether the checksum of whatever is stored here is known. */
  boolean knowsEveryChecksum() {
    return false;
  }

  @BeforeEach
  void open() throws Exception {
    store = openEmpty();
  }

  @AfterEach
  void close() {
    store.close();
  }

  @Test
  void shouldFindAndReadWhatWasCreated() {
    // given
    ObjectKey key = new ObjectKey("runs/abc/claim.json");
    Instant before = Instant.now().minusSeconds(5).truncatedTo(ChronoUnit.SECONDS);

    // when
    boolean created = store.create(key, bytes("a claim"));

    // then
    assertThat(created).isTrue();
    assertThat(store.read(key)).hasValueSatisfying(c -> assertThat(c).isEqualTo(bytes("a claim")));
    assertThat(store.find(key))
        .hasValueSatisfying(found -> {
          assertThat(found.key()).isEqualTo(key);
          assertThat(found.bytes()).isEqualTo(7);
          assertThat(found.modified()).isBetween(before, Instant.now().plusSeconds(5));
        });
  }

  @Test
  void shouldFindNothingWhereNothingIs() {
    ObjectKey key = new ObjectKey("runs/abc/claim.json");
    store.create(new ObjectKey("runs/abd"), bytes("something else"));

    assertThat(store.find(key)).isEmpty();
    assertThat(store.read(key)).isEmpty();
    assertThat(store.find(new ObjectKey("runs"))).isEmpty();
    assertThat(store.find(new ObjectKey("runs/abd/below-an-object"))).isEmpty();
  }

  @Test
  void shouldKeepTheFirstOfTwoThatCreateTheSameKey() {
    // given
    ObjectKey key = new ObjectKey("runs/abc/claim.json");
    store.create(key, bytes("first"));

    // when
    boolean created = store.create(key, bytes("second"));

    // then
    assertThat(created).isFalse();
    assertThat(read(key)).isEqualTo(bytes("first"));
  }

  @Test
  void shouldNotTakeAnEqualObjectOfAnotherWriterForItsOwn() {
    ObjectKey key = new ObjectKey("runs/abc/claim.json");

    assertThat(store.create(key, bytes("the same"))).isTrue();
    assertThat(store.create(key, bytes("the same"))).isFalse();
  }

  @Test
  void shouldLetExactlyOneOfManyWritersCreate() throws Exception {
    for (int round = 0; round < 5; round++) {
      ObjectKey key = ObjectKey.of("races", "create-" + round);

      // when
      List<Integer> winners = race(writer -> store.create(key, bytes("writer " + writer)));

      // then
      assertThat(winners).hasSize(1);
      assertThat(read(key)).isEqualTo(bytes("writer " + winners.getFirst()));
    }
  }

  @Test
  void shouldLetExactlyOneOfManySmallUploadsComplete() throws Exception {
    uploadsRace(100);
  }

  @Test
  void shouldLetExactlyOneOfManyLargeUploadsComplete() throws Exception {
    assumeMultipartConditions();
    uploadsRace(9 * MIB);
  }

  private void uploadsRace(int bytes) throws Exception {
    ObjectKey key = new ObjectKey("races/upload");
    byte[] content = randomBytes(bytes);

    // when
    List<Integer> winners =
        race(writer -> {
          try (Upload upload = store.upload(key)) {
            upload.write(content);
            upload.write(writer);
            upload.complete();
            return true;
          } catch (StoreException.Exists e) {
            return false;
          }
        });

    // then
    assertThat(winners).hasSize(1);
    byte[] kept = read(key);
    assertThat(kept).hasSize(bytes + 1).startsWith(Arrays.copyOf(content, 50));
    assertThat(kept[bytes]).isEqualTo((byte) (int) winners.getFirst());
    assertNothingLeftBehind();
  }

  @Test
  void shouldLetExactlyOneOfManyCompose() throws Exception {
    assumeMultipartConditions();
    // given
    ObjectKey key = new ObjectKey("races/composed");
    StoredObject source = upload("work/source", randomBytes(6 * MIB));

    // when
    List<Integer> winners =
        race(writer -> {
          try {
            store.compose(key, List.of(all(source), literal("writer " + writer)));
            return true;
          } catch (StoreException.Exists e) {
            return false;
          }
        });

    // then
    assertThat(winners).hasSize(1);
    String end = "writer " + winners.getFirst();
    assertThat(new String(read(key), 6 * MIB, end.length(), UTF_8)).isEqualTo(end);
    assertNothingLeftBehind();
  }

  @Test
  void shouldOverwrite() {
    // given
    ObjectKey key = new ObjectKey("runs/abc/heartbeat");
    store.overwrite(key, bytes("one"));
    String etag = find(key).etag();

    // when
    store.overwrite(key, bytes("two"));

    // then
    assertThat(read(key)).isEqualTo(bytes("two"));
    assertThat(find(key).etag()).isNotEqualTo(etag);
    assertNothingLeftBehind();
  }

  @Test
  void shouldKeepUploadsOfAnySizeByteForByte() throws Exception {
    for (int size : new int[] {0, 1, 5 * MIB, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 20 * MIB + 3}) {
      ObjectKey key = ObjectKey.of("work", "of-" + size);
      byte[] content = randomBytes(size);

      // when
      StoredObject stored;
      try (Upload upload = store.upload(key)) {
        int at = 0;
        while (at < size) {
          int length = Math.min(size - at, 1 + random.nextInt(3 * MIB));
          upload.write(content, at, length);
          at += length;
        }
        stored = upload.complete();
      }

      // then
      assertThat(stored).isEqualTo(find(key));
      assertThat(stored.bytes()).isEqualTo(size);
      assertThat(Arrays.equals(read(key), content)).as("content of %s bytes", size).isTrue();
    }
    assertNothingLeftBehind();
  }

  @Test
  void shouldShowNothingOfAnUploadBeforeItIsComplete() throws Exception {
    ObjectKey key = new ObjectKey("work/abc/part");
    try (Upload upload = store.upload(key)) {
      upload.write(randomBytes(9 * MIB));

      assertThat(store.find(key)).isEmpty();
      assertThat(store.list("work")).isEmpty();
      assertThat(store.children("work")).isEmpty();

      upload.complete();
      assertThat(store.children("work")).containsExactly("abc");
    }
  }

  @Test
  void shouldLeaveNothingOfAnUploadThatIsClosedWithoutBeingCompleted() throws Exception {
    for (int size : new int[] {0, 100, 20 * MIB}) {
      try (Upload upload = store.upload(new ObjectKey("work/abc/part"))) {
        upload.write(randomBytes(size));
      }
    }

    assertThat(store.list("work")).isEmpty();
    assertNothingLeftBehind();
  }

  @Test
  void shouldLeaveNothingOfAnUploadThatAnInterruptedThreadCloses() throws Exception {
    Upload upload = store.upload(new ObjectKey("work/abc/part"));
    upload.write(randomBytes(9 * MIB));

    // when
    Thread.currentThread().interrupt();
    upload.close();

    // then
    assertThat(Thread.interrupted()).isTrue();
    assertNothingLeftBehind();
  }

  @Test
  void shouldRefuseToCompleteAnUploadToATakenKey() throws Exception {
    assumeMultipartConditions();
    ObjectKey key = new ObjectKey("work/abc/part");
    for (int size : new int[] {100, 9 * MIB}) {
      try (Upload upload = store.upload(key)) {
        upload.write(randomBytes(size));
        store.create(key, bytes("first"));

        assertThatThrownBy(upload::complete).isInstanceOf(StoreException.Exists.class);
      }
    }

    assertThat(read(key)).isEqualTo(bytes("first"));
    assertNothingLeftBehind();
  }

  @Test
  void shouldGiveUpAbandonedUploadsBelowAFolderOnly() throws Exception {
    try (Upload here = store.upload(new ObjectKey("work/abc/part"));
        Upload elsewhere = store.upload(new ObjectKey("work/abcd/part"))) {
      // given
      here.write(randomBytes(9 * MIB));
      elsewhere.write(randomBytes(9 * MIB));

      // when
      int young = store.abortUploads("work/abc", Duration.ofHours(1));
      int abandoned = store.abortUploads("work/abc", Duration.ZERO);

      // then
      assertThat(young).isZero();
      assertThat(abandoned).isEqualTo(1);
      assertThatThrownBy(here::complete).isInstanceOf(StoreException.Unavailable.class);
      assertThat(elsewhere.complete().bytes()).isEqualTo(9 * MIB);
    }
    assertThat(store.find(new ObjectKey("work/abc/part"))).isEmpty();
    assertNothingLeftBehind();
  }

  @Test
  void shouldOpenRanges() throws Exception {
    // given
    byte[] content = randomBytes(3 * MIB);
    StoredObject object = upload("work/abc/part", content);

    for (int[] range : new int[][] {{0, 1}, {5, 1000}, {MIB, 2 * MIB}, {3 * MIB - 1, 1}}) {
      Slice slice = new Slice(object.key(), object.etag(), range[0], range[1]);

      // when
      byte[] read;
      try (InputStream stream = store.open(slice)) {
        read = stream.readAllBytes();
      }

      // then
      assertThat(read).isEqualTo(Arrays.copyOfRange(content, range[0], range[0] + range[1]));
    }
  }

  @Test
  void shouldStopReadingInTheMiddle() throws Exception {
    StoredObject object = upload("work/abc/part", randomBytes(20 * MIB));
    for (int i = 0; i < 20; i++) {
      try (InputStream stream = store.open(all(object))) {
        assertThat(stream.readNBytes(1000)).hasSize(1000);
      }
    }
  }

  @Test
  void shouldNotTakeAnObjectThatEndsEarlyForAShorterRange() {
    StoredObject object = upload("work/abc/part", randomBytes(1000));
    Slice beyond = new Slice(object.key(), object.etag(), 900, 101);

    assertThatThrownBy(
            () -> {
              try (InputStream stream = store.open(beyond)) {
                stream.readAllBytes();
              }
            })
        .isInstanceOf(IOException.class);
  }

  @Test
  void shouldTellMissingFromChangedWhenOpening() {
    // given
    StoredObject missing = upload("work/abc/missing", randomBytes(100));
    StoredObject changed = upload("work/abc/changed", randomBytes(100));

    // when
    store.delete(missing.key());
    store.overwrite(changed.key(), randomBytes(100));

    // then
    assertThatThrownBy(() -> store.open(all(missing))).isInstanceOf(StoreException.Missing.class);
    assertThatThrownBy(() -> store.open(all(changed))).isInstanceOf(StoreException.Changed.class);
  }

  @Test
  void shouldListBelowAFolderSortedByKey() {
    // given
    for (String key : List.of("runs/b/x", "runs/b-1", "runs/b.1/y", "runs/a/z/z", "runsa", "s")) {
      store.create(new ObjectKey(key), bytes(key));
    }

    // when
    List<StoredObject> listed = store.list("runs");

    // then
    assertThat(listed)
        .extracting(object -> object.key().value())
        .containsExactly("runs/a/z/z", "runs/b-1", "runs/b.1/y", "runs/b/x");
    assertThat(listed).allSatisfy(object -> assertThat(object).isEqualTo(find(object.key())));
    assertThat(store.list("run")).isEmpty();
  }

  @Test
  void shouldNameTheChildrenOfAFolder() {
    for (String key : List.of("runs/b/x", "runs/b/y", "runs/b-1", "runs/a/z/z", "runsa")) {
      store.create(new ObjectKey(key), bytes(key));
    }

    assertThat(store.children("runs")).containsExactly("a", "b", "b-1");
    assertThat(store.children("runs/a")).containsExactly("z");
    assertThat(store.children("nothing/here")).isEmpty();
    assertThat(store.children("runs/b-1")).isEmpty();
  }

  @Test
  void shouldDeleteAndNotMindDeletingAgain() {
    // given
    ObjectKey key = new ObjectKey("runs/abc/claim.json");
    store.create(key, bytes("a claim"));

    // when
    store.delete(key);
    store.delete(key);
    store.delete(new ObjectKey("never/been"));

    // then
    assertThat(store.find(key)).isEmpty();
    assertThat(store.children("runs")).isEmpty();
    assertThat(store.create(key, bytes("another"))).isTrue();
  }

  @Test
  void shouldCreateWhileOthersDeleteInTheSameFolder() throws Exception {
    List<Integer> done =
        race(writer -> {
          ObjectKey key = ObjectKey.of("work", "deep", "deeper", "of-" + writer);
          for (int i = 0; i < 25; i++) {
            assertThat(store.create(key, bytes("x"))).isTrue();
            store.delete(key);
          }
          return true;
        });

    assertThat(done).hasSize(WRITERS);
    assertThat(store.list("work")).isEmpty();
  }

  @Test
  void shouldComposeSlicesAndLiteralsOfAnyLength() {
    // given
    byte[] first = randomBytes(17 * MIB + 11);
    byte[] second = randomBytes(13 * MIB + 7);
    StoredObject firstObject = upload("work/first", first);
    StoredObject secondObject = upload("backups/base", second);
    ByteArrayOutputStream expected = new ByteArrayOutputStream();
    List<Piece> pieces = new ArrayList<>();
    for (int[] range :
        new int[][] {
          {1, 3, 5},
          {2, 0, 11 * MIB + 1},
          {1, 100, 1},
          {1, 50, 700_001},
          {2, 9, 5 * MIB},
          {1, 7, 17 * MIB},
          {2, MIB, 4 * MIB},
          {2, 1, 6 * MIB + 1},
          {2, 13 * MIB, 7}
        }) {
      byte[] content = range[0] == 1 ? first : second;
      StoredObject object = range[0] == 1 ? firstObject : secondObject;
      byte[] given = Arrays.copyOfRange(content, range[1], range[1] + range[2]);
      pieces.add(
          new Slice(object.key(), object.etag(), range[1], range[2])
              .knownBy(Crc64Nvme.hex(Crc64Nvme.of(given))));
      expected.write(content, range[1], range[2]);
      pieces.add(literal("between"));
      expected.writeBytes(bytes("between"));
    }

    // when
    StoredObject composed = store.compose(new ObjectKey("backups/shop/archive"), pieces);

    // then
    assertThat(composed).isEqualTo(find(composed.key()));
    assertThat(composed.bytes()).isEqualTo(expected.size());
    assertThat(Arrays.equals(read(composed.key()), expected.toByteArray())).isTrue();
    assertNothingLeftBehind();
  }

  @Test
  void shouldComposeASmallObject() {
    StoredObject source = upload("work/source", bytes("0123456789"));

    StoredObject composed =
        store.compose(
            new ObjectKey("work/small"),
            List.of(literal("<"), new Slice(source.key(), source.etag(), 3, 4), literal(">")));

    assertThat(composed.bytes()).isEqualTo(6);
    assertThat(read(composed.key())).isEqualTo(bytes("<3456>"));
  }

  @Test
  void shouldComposeOneObjectWhole() {
    byte[] content = randomBytes(5 * MIB);
    StoredObject source = upload("work/source", content);

    StoredObject composed = store.compose(new ObjectKey("work/copy"), List.of(all(source)));

    assertThat(Arrays.equals(read(composed.key()), content)).isTrue();
  }

  @Test
  void shouldLeaveNothingWhenASourceIsMissing() {
    sourceFails(source -> store.delete(source.key()), StoreException.Missing.class);
  }

  @Test
  void shouldLeaveNothingWhenASourceHasChanged() {
    sourceFails(
        source -> store.overwrite(source.key(), randomBytes((int) source.bytes())),
        StoreException.Changed.class);
  }

  private void sourceFails(Consumer<StoredObject> harm, Class<? extends StoreException> failure) {
    for (int size : new int[] {100, 7 * MIB}) {
      // given
      StoredObject good = upload("work/good-" + size, randomBytes(6 * MIB));
      StoredObject bad = upload("work/bad-" + size, randomBytes(size));
      ObjectKey key = new ObjectKey("backups/archive");
      harm.accept(bad);

      // when
      assertThatThrownBy(() -> store.compose(key, List.of(all(good), all(bad), all(good))))
          .isInstanceOf(failure);

      // then
      assertThat(store.find(key)).isEmpty();
      assertNothingLeftBehind();
    }
  }

  @Test
  void shouldNeverMixTheContentsOfASourceThatIsOverwrittenMeanwhile() throws Exception {
    for (int round = 0; round < 5; round++) {
      // given
      byte[] before = new byte[6 * MIB];
      byte[] after = new byte[6 * MIB];
      Arrays.fill(after, (byte) 1);
      StoredObject source = upload("work/source-" + round, before);
      List<Piece> pieces = Collections.nCopies(4, all(source));
      ObjectKey key = ObjectKey.of("backups", "archive-" + round);

      // when
      try (ExecutorService thread = Executors.newSingleThreadExecutor()) {
        Future<StoredObject> composing = thread.submit(() -> store.compose(key, pieces));
        store.overwrite(source.key(), after);

        // then
        try {
          composing.get();
          assertThat(Arrays.equals(read(key), new byte[24 * MIB])).isTrue();
        } catch (ExecutionException e) {
          assertThat(e).hasCauseInstanceOf(StoreException.Changed.class);
          assertThat(store.find(key)).isEmpty();
        }
      }
    }
    assertNothingLeftBehind();
  }

  @Test
  void shouldRefuseToComposeToATakenKey() {
    assumeMultipartConditions();
    // given
    ObjectKey key = new ObjectKey("backups/archive");
    StoredObject source = upload("work/source", randomBytes(6 * MIB));
    store.create(key, bytes("first"));

    // when
    assertThatThrownBy(() -> store.compose(key, List.of(all(source))))
        .isInstanceOf(StoreException.Exists.class);
    assertThatThrownBy(() -> store.compose(key, List.of(literal("small"))))
        .isInstanceOf(StoreException.Exists.class);

    // then
    assertThat(read(key)).isEqualTo(bytes("first"));
    assertNothingLeftBehind();
  }

  @Test
  void shouldTellTheChecksumOfAnObject() {
    // given
    ObjectKey key = new ObjectKey("work/abc/part");
    store.create(key, bytes("123456789"));

    // then
    assertChecksum(key, "ae8b14860a799888");
  }

  @Test
  void shouldTellTheChecksumOfAComposedObject() {
    // given
    byte[] first = randomBytes(6 * MIB);
    byte[] second = randomBytes(100);
    StoredObject firstObject = upload("work/first", first);
    StoredObject secondObject = upload("work/second", second);
    Crc64Nvme expected = new Crc64Nvme();
    for (byte[] content : List.of(bytes("<"), first, second)) {
      expected.update(content, 0, content.length);
    }

    // when
    StoredObject composed =
        store.compose(
            new ObjectKey("backups/archive"),
            List.of(literal("<"), all(firstObject), all(secondObject)));

    // then
    assertChecksum(composed.key(), Crc64Nvme.hex(expected.value()));
  }

  @Test
  void shouldTellNoChecksumOfWhatIsNotThere() {
    store.create(new ObjectKey("runs/abd"), bytes("something else"));

    for (String key : List.of("runs/abc", "runs", "runs/abd/below-an-object")) {
      assertThatThrownBy(() -> store.checksum(new ObjectKey(key)))
          .as(key)
          .isInstanceOf(StoreException.Missing.class);
    }
  }

  private void assertChecksum(ObjectKey key, String expected) {
    Optional<String> checksum = store.checksum(key);
    if (knowsEveryChecksum() || checksum.isPresent()) {
      assertThat(checksum).contains(expected);
    }
  }

  @Test
  void shouldFindOutByProbingWhatItDoes() {
    // when
    StoreCapabilities capabilities = store.probe();

    // then
    assertThat(capabilities.conditionalCreate())
        .isEqualTo(completesMultipartUploadsConditionally());
    assertThat(capabilities.rangeCopy()).isTrue();
    assertThat(store.list("probe")).isEmpty();
    assertThat(store.abortUploads("probe", Duration.ZERO)).isZero();
  }

  final ObjectStore store() {
    return store;
  }

  final StoredObject upload(String key, byte[] content) {
    try (Upload upload = store.upload(new ObjectKey(key))) {
      upload.write(content);
      return upload.complete();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  final byte[] read(ObjectKey key) {
    return store.read(key).orElseThrow();
  }

  final StoredObject find(ObjectKey key) {
    return store.find(key).orElseThrow();
  }

  final byte[] randomBytes(int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    return bytes;
  }

  static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  static Literal literal(String text) {
    return new Literal(bytes(text));
  }

  static Slice all(StoredObject object) {
    return new Slice(object.key(), object.etag(), 0, object.bytes());
  }

  void assertNothingLeftBehind() {
    for (String folder : List.of("work", "runs", "backups", "races")) {
      assertThat(store.abortUploads(folder, Duration.ZERO)).as("uploads to %s", folder).isZero();
    }
  }

  private void assumeMultipartConditions() {
    Assumptions.assumeTrue(
        completesMultipartUploadsConditionally(),
        "this store does not check a condition when an upload of many parts is completed");
  }

  private static List<Integer> race(Contender contender) throws Exception {
    CyclicBarrier start = new CyclicBarrier(WRITERS);
    List<Callable<Boolean>> contenders = new ArrayList<>();
    for (int writer = 0; writer < WRITERS; writer++) {
      int number = writer;
      contenders.add(() -> {
        start.await();
        return contender.wins(number);
      });
    }
    List<Integer> winners = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(WRITERS)) {
      List<Future<Boolean>> finished = threads.invokeAll(contenders);
      for (int writer = 0; writer < WRITERS; writer++) {
        if (finished.get(writer).get()) {
          winners.add(writer);
        }
      }
    }
    return winners;
  }

  @FunctionalInterface
  private interface Contender {
    boolean wins(int writer) throws Exception;
  }
}
