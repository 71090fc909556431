package io.hybridbackup.common.store;

import static java.util.Objects.requireNonNull;

import io.hybridbackup.common.settings.Settings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.localstack.LocalStackContainer;
import org.testcontainers.utility.DockerImageName;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;

/** The same contract as {@link S3ObjectStoreIT}, wherever there is a Docker engine. */
@EnabledIf(
    value = "dockerAnswers",
    disabledReason = "no Docker engine answers: S3ObjectStoreIT has run the contract on S3Proxy")
class S3ObjectStoreOnLocalStackIT extends ObjectStoreContract {
  /** Images of 2026 want a token. */
  private static final String IMAGE =
      System.getProperty("hybrid-backup.test.localstack-image", "localstack/localstack:4.12.0");

  @TempDir private static Path directory;
  private static @Nullable LocalStackContainer server;

  static boolean dockerAnswers() {
    return DockerClientFactory.instance().isDockerAvailable();
  }

  @BeforeAll
  static void startServer() {
    LocalStackContainer starting =
        new LocalStackContainer(
                DockerImageName.parse(IMAGE).asCompatibleSubstituteFor("localstack/localstack"))
            .withServices("s3");
    starting.start();
    server = starting;
  }

  @AfterAll
  static void stopServer() {
    if (server != null) {
      server.stop();
    }
  }

  @Override
  ObjectStore openEmpty() throws IOException {
    LocalStackContainer running = requireNonNull(server);
    String bucket = "bucket-" + UUID.randomUUID();
    Path secret = Files.writeString(directory.resolve(bucket), running.getSecretKey());
    try (S3Client client =
        S3Client.builder()
            .endpointOverride(running.getEndpoint())
            .region(Region.of(running.getRegion()))
            .credentialsProvider(
                StaticCredentialsProvider.create(
                    AwsBasicCredentials.create(running.getAccessKey(), running.getSecretKey())))
            .forcePathStyle(true)
            .build()) {
      client.createBucket(create -> create.bucket(bucket));
    }
    return ObjectStores.open(
        new Settings.S3Store(
            bucket,
            "",
            running.getEndpoint(),
            running.getRegion(),
            true,
            running.getAccessKey(),
            secret));
  }

  /** LocalStack overlooks If-None-Match when an upload of many parts is completed. */
  @Override
  boolean completesMultipartUploadsConditionally() {
    return false;
  }
}
