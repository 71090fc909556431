package io.hybridbackup.common.store;

import io.hybridbackup.common.settings.Settings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.http.apache5.Apache5HttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;

/** Opens the object store that the settings name. */
public final class ObjectStores {
  /** A stitched part reads one object while it writes another: two connections each. */
  static final int CONNECTIONS = 128;

  private static final Duration STALL = Duration.ofMinutes(1);

  /** Some stores are silent while they put an object together. */
  private static final Duration ASSEMBLY = Duration.ofMinutes(10);

  private ObjectStores() {}

  /**
   * The caller closes it. Nothing is asked of an S3 store yet.
   *
   * @throws StoreException.Refused if the directory cannot be made, or the secret key not be read
   */
  public static ObjectStore open(Settings.Store settings) {
    return switch (settings) {
      case Settings.FilesystemStore filesystem -> new FilesystemObjectStore(filesystem.directory());
      case Settings.S3Store s3 -> openS3(s3, List.of());
    };
  }

  static ObjectStore openS3(Settings.S3Store settings, List<ExecutionInterceptor> interceptors) {
    return openS3(settings, interceptors, STALL);
  }

  static ObjectStore openS3(
      Settings.S3Store settings, List<ExecutionInterceptor> interceptors, Duration stall) {
    AwsCredentialsProvider credentials =
        credentials(settings.accessKey(), settings.secretKeyFile());
    String place =
        "bucket "
            + settings.bucket()
            + " at "
            + (settings.endpoint() == null ? "AWS, " + settings.region() : settings.endpoint());
    return new S3ObjectStore(
        new S3Bucket(
            client(settings, credentials, interceptors, stall),
            new LateClient(() -> client(settings, credentials, interceptors, ASSEMBLY)),
            settings.bucket(),
            settings.prefix(),
            place,
            stall),
        new StoreCapabilities(true, true, false, 1));
  }

  private static S3Client client(
      Settings.S3Store settings,
      AwsCredentialsProvider credentials,
      List<ExecutionInterceptor> interceptors,
      Duration silence) {
    S3ClientBuilder client =
        S3Client.builder()
            .region(Region.of(settings.region()))
            .forcePathStyle(settings.pathStyle())
            // What the SDK would add of its own to a part is not the checksum of its upload.
            .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
            .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
            .credentialsProvider(credentials)
            .httpClientBuilder(defaults ->
                new AbortableClient(
                    Apache5HttpClient.builder()
                        .maxConnections(CONNECTIONS)
                        .connectionTimeout(Duration.ofSeconds(5))
                        .socketTimeout(silence)
                        .buildWithDefaults(defaults)))
            .overrideConfiguration(configuration ->
                configuration
                    .executionInterceptors(interceptors)
                    .retryStrategy(retries ->
                        retries.maxAttempts(4).retryOnException(S3Bucket::isPassingLateError)));
    if (settings.endpoint() != null) {
      client.endpointOverride(settings.endpoint());
    }
    return client.build();
  }

  private static AwsCredentialsProvider credentials(
      @Nullable String accessKey, @Nullable Path secretKeyFile) {
    if (accessKey == null || secretKeyFile == null) {
      return DefaultCredentialsProvider.builder().build();
    }
    try (var lines = Files.lines(secretKeyFile)) {
      String secret = lines.findFirst().orElse("").strip();
      if (secret.isEmpty()) {
        throw new StoreException.Refused(
            "the secret key file " + secretKeyFile + " is empty: write the key on its first line",
            null);
      }
      return StaticCredentialsProvider.create(AwsBasicCredentials.create(accessKey, secret));
    } catch (IOException e) {
      throw new StoreException.Refused(
          "could not read the secret key file " + secretKeyFile + ": " + e, e);
    }
  }
}
