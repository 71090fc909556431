package io.hybridbackup.common.store;

import static org.assertj.core.api.Assertions.assertThat;

import com.adobe.testing.s3mock.S3MockApplication;
import io.hybridbackup.common.settings.Settings;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.catalina.connector.Connector;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.boot.Banner;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.http.SdkHttpRequest;

/** S3Mock understands conditional writes, but looks first and writes afterwards. */
class S3ProbeIT {
  @TempDir private static Path directory;
  private static ConfigurableApplicationContext server;

  @BeforeAll
  static void startServer() {
    server =
        new SpringApplicationBuilder(S3MockApplication.class, LoopbackOnly.class)
            .bannerMode(Banner.Mode.OFF)
            .properties(
                Map.of(
                    "server.address",
                    "127.0.0.1",
                    "server.port",
                    0,
                    "server.ssl.enabled",
                    false,
                    "http.port",
                    0,
                    "logging.level.root",
                    "WARN",
                    "com.adobe.testing.s3mock.store.root",
                    directory.resolve("o").toString(),
                    "com.adobe.testing.s3mock.store.initial-buckets",
                    "backups"))
            .run();
  }

  @AfterAll
  static void stopServer() {
    server.close();
  }

  @Test
  void shouldSeeThroughAStoreThatOnlyPretendsToCreateConditionally() throws Exception {
    // given
    try (ObjectStore store = open()) {

      // when
      StoreCapabilities capabilities = store.probe();

      // then
      assertThat(capabilities).isEqualTo(new StoreCapabilities(false, true, true, 1));
      assertThat(store.list("probe")).isEmpty();
      assertThat(store.abortUploads("probe", Duration.ZERO)).isZero();
    }
  }

  @Test
  void shouldNotCopyRangesWhereTheStoreCopiesWhateverObjectIsThere() throws Exception {
    // given
    ExecutionInterceptor ignoring =
        new ExecutionInterceptor() {
          @Override
          public SdkHttpRequest modifyHttpRequest(
              Context.ModifyHttpRequest context, ExecutionAttributes attributes) {
            return context.httpRequest().toBuilder()
                .removeHeader("x-amz-copy-source-if-match")
                .build();
          }
        };
    try (ObjectStore store = ObjectStores.openS3(settings(endpoint()), List.of(ignoring))) {

      // then
      assertThat(store.probe().rangeCopy()).isFalse();
      assertThat(store.abortUploads("probe", Duration.ZERO)).isZero();
    }
  }

  @Test
  void shouldTellTheChecksumThatTheStoreKeepsOfAComposedObject() throws Exception {
    // given
    try (ObjectStore store = open()) {
      store.probe();

      // then
      composesWithChecksum(store);
    }
  }

  @Test
  void shouldSendNoOtherChecksumToAwsThanTheOneOfTheUpload() throws Exception {
    // given
    LikeAws aws = new LikeAws(endpoint(), true);
    try (ObjectStore store = ObjectStores.openS3(settings(null), List.of(aws))) {

      // when
      StoreCapabilities capabilities = store.probe();

      // then
      assertThat(capabilities.fullObjectChecksum()).isTrue();
      composesWithChecksum(store);
      assertThat(aws.refused()).isEmpty();
    }
  }

  @Test
  void shouldNotAskForAChecksumForWhichTheStoreRefusesPartsThatAreSent() throws Exception {
    // given
    LikeAws strict = new LikeAws(endpoint(), false);
    try (ObjectStore store = ObjectStores.openS3(settings(null), List.of(strict))) {

      // when
      StoreCapabilities capabilities = store.probe();

      // then
      assertThat(capabilities.rangeCopy()).isTrue();
      assertThat(capabilities.fullObjectChecksum()).isFalse();
    }
  }

  private static void composesWithChecksum(ObjectStore store) {
    // given
    byte[] half = new byte[6 << 20];
    store.overwrite(new ObjectKey("work/half"), half);
    StoredObject source = store.find(new ObjectKey("work/half")).orElseThrow();
    Slice all = new Slice(source.key(), source.etag(), 0, source.bytes());
    ObjectKey composed = new ObjectKey("backups/" + UUID.randomUUID());

    // when
    store.compose(composed, List.of(all, new Literal(new byte[] {1}), all));

    // then
    Crc64Nvme expected = new Crc64Nvme();
    for (byte[] content : List.of(half, new byte[] {1}, half)) {
      expected.update(content, 0, content.length);
    }
    assertThat(store.checksum(composed)).contains(Crc64Nvme.hex(expected.value()));
  }

  private static ObjectStore open() throws IOException {
    return ObjectStores.open(settings(endpoint()));
  }

  private static URI endpoint() {
    return URI.create(
        "http://127.0.0.1:" + server.getEnvironment().getProperty("local.server.port"));
  }

  private static Settings.S3Store settings(@Nullable URI endpoint) throws IOException {
    Path secret = Files.writeString(directory.resolve("secret-key"), "secret\n");
    return new Settings.S3Store("backups", "", endpoint, "eu-central-1", true, "key", secret);
  }

  /** S3Mock's second port would listen on every interface. */
  static final class LoopbackOnly implements BeanPostProcessor {
    @Override
    public Object postProcessAfterInitialization(Object bean, String name) {
      if (bean instanceof Connector connector) {
        connector.setProperty("address", "127.0.0.1");
      }
      return bean;
    }
  }
}
