package io.hybridbackup.common.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.S3TestServer;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import software.amazon.awssdk.services.s3.model.CompleteMultipartUploadRequest;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;
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
}
