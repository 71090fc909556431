package io.hybridbackup.common.testing;

import io.hybridbackup.common.settings.Settings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;
import org.gaul.s3proxy.nio2blob.FilesystemNio2BlobStore;
import software.amazon.awssdk.services.s3.model.CreateBucketRequest;

/** An S3 server in this process, on the loopback interface. */
public final class S3TestServer implements AutoCloseable {
  public static final String ACCESS_KEY = "hybrid";
  public static final String SECRET_KEY = "the-secret-of-the-test-server";
  public static final String REGION = "eu-central-1";

  private final S3Proxy proxy;
  private final FilesystemNio2BlobStore blobs;
  private final Path secretKeyFile;

  private S3TestServer(S3Proxy proxy, FilesystemNio2BlobStore blobs, Path secretKeyFile) {
    this.proxy = proxy;
    this.blobs = blobs;
    this.secretKeyFile = secretKeyFile;
  }

  /**
   * @param directory where it keeps everything; on a filesystem with extended attributes
   */
  public static S3TestServer start(Path directory) {
    try {
      Path objects = Files.createDirectories(directory.resolve("objects"));
      Path secretKeyFile = Files.writeString(directory.resolve("secret-key"), SECRET_KEY + "\n");
      FilesystemNio2BlobStore blobs = new FilesystemNio2BlobStore(objects.toString());
      S3Proxy proxy =
          S3Proxy.builder()
              .blobStore(blobs)
              .endpoint(URI.create("http://127.0.0.1:0"))
              .awsAuthentication(AuthenticationType.AWS_V4, ACCESS_KEY, SECRET_KEY)
              .ignoreUnknownHeaders(true)
              .build();
      proxy.start();
      return new S3TestServer(proxy, blobs, secretKeyFile);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (Exception e) {
      throw new IllegalStateException("the S3 server did not start", e);
    }
  }

  public URI endpoint() {
    return URI.create("http://127.0.0.1:" + proxy.getPort());
  }

  public Path secretKeyFile() {
    return secretKeyFile;
  }

  public void createBucket(String bucket) {
    blobs.createContainer(CreateBucketRequest.builder().bucket(bucket).build());
  }

  /** What a service is given to use a bucket of this server. */
  public Settings.S3Store settings(String bucket, String prefix) {
    return new Settings.S3Store(
        bucket, prefix, endpoint(), REGION, true, ACCESS_KEY, secretKeyFile);
  }

  public void stop() {
    try {
      proxy.stop();
    } catch (Exception e) {
      throw new IllegalStateException("the S3 server did not stop", e);
    }
  }

  @Override
  public void close() {
    stop();
  }
}
