package io.hybridbackup.deploy;

import io.hybridbackup.common.testing.S3TestServer;
import java.nio.file.Path;

/** A base in a bucket of a server that keeps each object's ETag beside its bytes. */
class UnusableBaseOnS3IT extends UnusableBaseContract {
  private static final String BUCKET = "backups";

  @Override
  Place place(Path folder) {
    S3TestServer server = S3TestServer.start(folder.resolve("s3"));
    server.createBucket(BUCKET);
    return new Place(
        server.settings(BUCKET, ""), folder.resolve("s3/objects").resolve(BUCKET), server::close);
  }

  /** It keeps none. */
  @Override
  boolean tellsChecksums() {
    return false;
  }
}
