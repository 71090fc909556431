package io.hybridbackup.common.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.S3TestServer;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.services.s3.model.CompleteMultipartUploadRequest;
import software.amazon.awssdk.services.s3.model.ListObjectsV2Request;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.UploadPartRequest;

class S3ObjectStoreIT extends ObjectStoreContract {
  @TempDir private static Path directory;
  private static S3TestServer server;

  private final LostAnswers answers = new LostAnswers();
  private final FullStore full = new FullStore();
  private final String bucket = "bucket-" + UUID.randomUUID();

  @BeforeAll
  static void startServer() {
    server = S3TestServer.start(directory);
  }

  @AfterAll
  static void stopServer() {
    server.stop();
  }

  @Override
  ObjectStore openEmpty() {
    server.createBucket(bucket);
    return ObjectStores.openS3(server.settings(bucket, "some/prefix"), List.of(answers, full));
  }

  @Test
  void shouldKnowItsOwnCreationAgainWhenTheAnswerWasLost() {
    // given
    ObjectKey key = new ObjectKey("runs/abc/claim");
    answers.loseNext(1, PutObjectRequest.class);

    // then
    assertThat(store().create(key, bytes("mine"))).isTrue();
    assertThat(answers.left()).isZero();
  }

  @Test
  void shouldKnowItsOwnCreationAgainWhenEveryAnswerWasLost() {
    // given
    answers.loseNext(100, PutObjectRequest.class);

    // then
    assertThat(store().create(new ObjectKey("runs/abc/claim"), bytes("mine"))).isTrue();
  }

  @Test
  void shouldNotTakeAnothersCreationForItsOwnWhenTheAnswerWasLost() {
    // given
    ObjectKey key = new ObjectKey("runs/abc/claim");
    store().create(key, bytes("the same"));
    answers.loseNext(1, PutObjectRequest.class);

    // then
    assertThat(store().create(key, bytes("the same"))).isFalse();
    assertThat(answers.left()).isZero();
  }

  @Test
  void shouldKnowItsOwnUploadAgainWhenTheAnswerWasLost() throws IOException {
    for (int lost : new int[] {1, 100}) {
      try (Upload upload = store().upload(ObjectKey.of("work", "lost-" + lost))) {
        upload.write(randomBytes(9 << 20));
        answers.loseNext(lost, CompleteMultipartUploadRequest.class);

        // when
        StoredObject completed = upload.complete();

        // then
        assertThat(completed).isEqualTo(find(completed.key()));
        assertThat(answers.left()).isLessThan(lost);
      }
    }
    assertNothingLeftBehind();
  }

  @Test
  void shouldLeaveNothingOfAnUploadWhosePartFailed() {
    // given
    full.refuse(UploadPartRequest.class);

    // then
    leavesNothing();
  }

  @Test
  void shouldLeaveNothingOfAnUploadThatFailedToComplete() {
    // given
    full.refuse(CompleteMultipartUploadRequest.class);

    // then
    leavesNothing();
  }

  private void leavesNothing() {
    ObjectKey key = new ObjectKey("work/part");
    assertThatThrownBy(
            () -> {
              try (Upload upload = store().upload(key)) {
                upload.write(randomBytes(20 << 20));
                upload.complete();
              }
            })
        .isInstanceOf(StoreException.Refused.class)
        .hasMessageContaining("it is full");
    assertThat(store().find(key)).isEmpty();
    assertNothingLeftBehind();
  }

  @Test
  void shouldNotTakeAnothersUploadForItsOwnWhenTheAnswerWasLost() throws IOException {
    // given
    ObjectKey key = new ObjectKey("work/part");
    try (Upload upload = store().upload(key)) {
      upload.write(randomBytes(9 << 20));
      store().create(key, bytes("another's"));
      answers.loseNext(1, CompleteMultipartUploadRequest.class);

      // then
      assertThatThrownBy(upload::complete).isInstanceOf(StoreException.Exists.class);
      assertThat(answers.left()).isZero();
    }
    assertNothingLeftBehind();
  }

  @Test
  void shouldKnowItsOwnCompositionAgainWhenTheAnswerWasLost() {
    // given
    StoredObject source = upload("work/source", randomBytes(6 << 20));
    answers.loseNext(1, CompleteMultipartUploadRequest.class);

    // when
    StoredObject composed = store().compose(new ObjectKey("work/composed"), List.of(all(source)));

    // then
    assertThat(composed.bytes()).isEqualTo(6 << 20);
    assertThat(answers.left()).isZero();
  }

  @Test
  void shouldTellNoChecksumWhereTheStoreKeepsNone() {
    // given
    ObjectKey key = new ObjectKey("work/abc/part");
    store().create(key, bytes("123456789"));

    // then
    assertThat(store().probe().fullObjectChecksum()).isFalse();
    assertThat(store().checksum(key)).isEmpty();
  }

  @Test
  void shouldListMoreThanOnePage() {
    // given
    for (int i = 0; i < 1005; i++) {
      store().overwrite(ObjectKey.of("many", "of-" + i), bytes("x"));
    }

    // then
    assertThat(store().list("many")).hasSize(1005);
    assertThat(store().children("many")).hasSize(1005);
  }

  @Test
  void shouldKeepEverythingBelowThePrefix() {
    // given
    store().create(new ObjectKey("runs/abc"), bytes("x"));

    // then
    try (ObjectStore whole = ObjectStores.open(server.settings(bucket, ""))) {
      assertThat(whole.list("some"))
          .extracting(StoredObject::key)
          .containsExactly(new ObjectKey("some/prefix/runs/abc"));
    }
  }

  @Test
  void shouldNameTheBucketThatIsNotThere() {
    try (ObjectStore elsewhere = ObjectStores.open(server.settings("not-there", ""))) {
      assertThatThrownBy(() -> elsewhere.create(new ObjectKey("a"), bytes("x")))
          .isInstanceOf(StoreException.Refused.class)
          .hasMessageContainingAll("not-there", server.endpoint().toString(), "create it");
      assertThatThrownBy(elsewhere::probe).isInstanceOf(StoreException.Refused.class);
    }
  }

  @Test
  void shouldRefuseAWrongSecretWithoutNamingIt() throws IOException {
    // given
    Path wrong = Files.writeString(directory.resolve("wrong"), "not-the-secret\n");
    Settings.S3Store settings = server.settings(bucket, "");

    // when
    try (ObjectStore denied =
        ObjectStores.open(
            new Settings.S3Store(
                bucket, "", settings.endpoint(), settings.region(), true, "hybrid", wrong))) {

      // then
      assertThatThrownBy(() -> denied.list("runs"))
          .isInstanceOf(StoreException.Refused.class)
          .hasMessageContainingAll(bucket, server.endpoint().toString(), "check the access key")
          .hasMessageNotContaining("not-the-secret");
    }
  }

  @Test
  void shouldBeUnavailableWhereNobodyListens() {
    Settings.S3Store settings = server.settings(bucket, "");
    try (ObjectStore nowhere =
        ObjectStores.open(
            new Settings.S3Store(
                bucket,
                "",
                URI.create("http://127.0.0.1:1"),
                settings.region(),
                true,
                settings.accessKey(),
                settings.secretKeyFile()))) {
      assertThatThrownBy(() -> nowhere.find(new ObjectKey("a")))
          .isInstanceOf(StoreException.Unavailable.class)
          .hasMessageContaining("http://127.0.0.1:1");
    }
  }

  @Test
  void shouldComposeWithoutRangeCopies() throws IOException {
    // given
    ObjectStore streaming =
        ((S3ObjectStore) store()).with(new StoreCapabilities(true, false, false, 1));
    StoredObject source = upload("work/source", randomBytes(23 << 20));

    // when
    StoredObject composed =
        streaming.compose(new ObjectKey("work/copy"), List.of(literal("<"), all(source)));

    // then
    assertThat(composed.bytes()).isEqualTo((23 << 20) + 1);
    try (var content = store().open(new Slice(composed.key(), composed.etag(), 1, 23 << 20))) {
      assertThat(content).hasBinaryContent(read(source.key()));
    }
    assertNothingLeftBehind();
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void shouldBlameASliceThatPassesThroughAndIsNotWhatItWas(boolean rangeCopy) {
    // given
    ObjectStore composing =
        ((S3ObjectStore) store()).with(new StoreCapabilities(true, rangeCopy, false, 1));
    StoredObject source = upload("work/source", randomBytes(13 << 20));
    byte[] content = read(source.key());
    int mib = 1 << 20;
    int[][] ranges = {{100, 1000}, {0, 4 * mib}, {77, 3 * mib}, {5, 12 * mib}, {9, 10}};
    List<Slice> slices = new ArrayList<>();
    for (int[] range : ranges) {
      byte[] given = Arrays.copyOfRange(content, range[0], range[0] + range[1]);
      slices.add(
          new Slice(source.key(), source.etag(), range[0], range[1])
              .knownBy(Crc64Nvme.hex(Crc64Nvme.of(given))));
    }

    for (int damaged = 0; damaged < ranges.length; damaged++) {
      List<Piece> pieces = new ArrayList<>(slices);
      Slice otherwise = slices.get(damaged).knownBy(Crc64Nvme.hex(1));
      pieces.set(damaged, otherwise);
      ObjectKey key = ObjectKey.of("work", "composed-" + damaged);

      // then
      if (rangeCopy && otherwise.bytes() > 5L * mib) {
        assertThat(composing.compose(key, pieces).bytes())
            .isEqualTo(CompositionPlanner.total(pieces));
      } else {
        assertBlamed(composing, key, pieces, otherwise);
      }
    }
    Slice small = slices.getLast().knownBy(Crc64Nvme.hex(1));
    assertBlamed(composing, new ObjectKey("work/small"), List.of(literal("<"), small), small);
    assertNothingLeftBehind();
  }

  private static void assertBlamed(
      ObjectStore store, ObjectKey key, List<Piece> pieces, Slice damaged) {
    assertThatThrownBy(() -> store.compose(key, pieces))
        .isInstanceOfSatisfying(
            StoreException.Corrupt.class, corrupt -> assertThat(corrupt.slice()).contains(damaged))
        .hasMessageContaining(
            damaged.object() + " is damaged between the bytes " + damaged.offset());
    assertThat(store.find(key)).isEmpty();
  }

  /** Short ones are held in memory, long ones are read twice. */
  @ParameterizedTest
  @ValueSource(ints = {20, 64, 65})
  void shouldSendTheChecksumOfEachPartThatItStitches(int mebibytes) throws Exception {
    // given
    byte[] content = randomBytes(mebibytes << 20);
    StoredObject source = upload("work/source", content);
    List<Optional<String>> checksums = new CopyOnWriteArrayList<>();
    Consumer<Context.BeforeTransmission> watch =
        context -> {
          if (context.request() instanceof UploadPartRequest) {
            checksums.add(context.httpRequest().firstMatchingHeader("Content-MD5"));
          }
        };
    CompositionPlanner.Limits limits =
        new CompositionPlanner.Limits((long) mebibytes << 19, 5L << 30, 10_000, 512 << 20);

    // when
    try (S3ObjectStore watched = openSeenBy(watch);
        S3ObjectStore streaming =
            watched.with(new StoreCapabilities(true, false, false, 1)).with(limits)) {
      StoredObject composed = streaming.compose(new ObjectKey("work/copy"), List.of(all(source)));
      assertThat(Arrays.equals(read(composed.key()), content)).isTrue();
    }

    // then
    byte[] md5 = MessageDigest.getInstance("MD5").digest(content);
    assertThat(checksums).containsExactly(Optional.of(Base64.getEncoder().encodeToString(md5)));
  }

  @Test
  void shouldTryAgainLaterWhatWasDamagedOnItsWay() {
    // given
    Consumer<Context.BeforeTransmission> damage =
        context -> {
          if (context.request() instanceof UploadPartRequest) {
            throw refusal(400, "BadDigest");
          }
        };

    // then
    try (ObjectStore damaging = openSeenBy(damage)) {
      List<Piece> pieces = List.of(new Literal(new byte[6 << 20]));
      assertThatThrownBy(() -> damaging.compose(new ObjectKey("work/copy"), pieces))
          .isInstanceOf(StoreException.Unavailable.class);
    }
  }

  @Test
  void shouldTellWhyProbingFailedThoughItCannotCleanUp() {
    // given
    AtomicBoolean failed = new AtomicBoolean();
    Consumer<Context.BeforeTransmission> fail =
        context -> {
          if (context.request() instanceof PutObjectRequest) {
            failed.set(true);
            throw refusal(507, "StorageFull");
          }
          if (failed.get() && context.request() instanceof ListObjectsV2Request) {
            throw refusal(403, "AccessDenied");
          }
        };

    // then
    try (ObjectStore failing = openSeenBy(fail)) {
      assertThatThrownBy(failing::probe)
          .isInstanceOf(StoreException.Refused.class)
          .hasMessageContaining("it is full")
          .satisfies(failure ->
              assertThat(failure.getSuppressed())
                  .singleElement()
                  .asInstanceOf(type(StoreException.Refused.class))
                  .satisfies(
                      cleaning -> assertThat(cleaning).hasMessageContaining("access was denied")));
    }
  }

  /** The same store, whose requests somebody sees before they are sent. */
  private S3ObjectStore openSeenBy(Consumer<Context.BeforeTransmission> seer) {
    ExecutionInterceptor interceptor =
        new ExecutionInterceptor() {
          @Override
          public void beforeTransmission(
              Context.BeforeTransmission context, ExecutionAttributes attributes) {
            seer.accept(context);
          }
        };
    return (S3ObjectStore)
        ObjectStores.openS3(server.settings(bucket, "some/prefix"), List.of(interceptor));
  }

  private static S3Exception refusal(int status, String code) {
    AwsErrorDetails details =
        AwsErrorDetails.builder().errorCode(code).errorMessage("for a test").build();
    return (S3Exception) S3Exception.builder().statusCode(status).awsErrorDetails(details).build();
  }
}
