package io.hybridbackup.common.store;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.services.s3.S3Client;

/** A client that is made when it is first needed: a command that only looks has to start fast. */
final class LateClient implements AutoCloseable {
  private final Supplier<S3Client> maker;
  private @Nullable S3Client client;

  LateClient(Supplier<S3Client> maker) {
    this.maker = maker;
  }

  synchronized S3Client get() {
    S3Client made = client;
    if (made == null) {
      made = maker.get();
      client = made;
    }
    return made;
  }

  @Override
  public synchronized void close() {
    if (client != null) {
      client.close();
    }
  }
}
