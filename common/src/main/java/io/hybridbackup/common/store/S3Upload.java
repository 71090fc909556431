package io.hybridbackup.common.store;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Gathers what is written into parts. The parts grow as the object does, for there may be only
 * 10,000 of them, and the larger they are the fewer are on their way at a time.
 */
final class S3Upload extends Upload {
  static final int FIRST_PART_BYTES = 8 << 20;

  private static final int LARGEST_PART_BYTES = 1 << 30;
  private static final int PARTS_OF_ONE_SIZE = 1000;
  private static final int PARTS_AT_A_TIME = 4;
  private static final int ORDINARY_PART_BYTES = 32 << 20;
  private static final int FIRST_BUFFER_BYTES = 64 << 10;

  private final S3Bucket bucket;
  private final ObjectKey key;
  private final int firstPartBytes;
  private final S3Parts parts = new S3Parts(PARTS_AT_A_TIME);
  private @Nullable S3Multipart multipart;
  private byte[] buffer;
  private int buffered;
  private int sentParts;
  private long sentBytes;
  private boolean completed;
  private boolean closed;

  S3Upload(S3Bucket bucket, ObjectKey key, int firstPartBytes) {
    this.bucket = bucket;
    this.key = key;
    this.firstPartBytes = firstPartBytes;
    this.buffer = new byte[Math.min(FIRST_BUFFER_BYTES, firstPartBytes)];
  }

  /** How long the part is that follows so many others. */
  static int partBytes(int firstPartBytes, int before) {
    return (int)
        Math.min(LARGEST_PART_BYTES, (long) firstPartBytes << (before / PARTS_OF_ONE_SIZE));
  }

  @Override
  public void write(int oneByte) {
    write(new byte[] {(byte) oneByte}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) {
    if (closed || completed) {
      throw new IllegalStateException("the upload of " + key + " is over");
    }
    int partBytes = partBytes(firstPartBytes, sentParts);
    for (int at = 0; at < length; ) {
      int taken = Math.min(length - at, partBytes - buffered);
      makeRoom(taken, partBytes);
      System.arraycopy(bytes, offset + at, buffer, buffered, taken);
      buffered += taken;
      at += taken;
      if (buffered == partBytes) {
        send();
        partBytes = partBytes(firstPartBytes, sentParts);
      }
    }
  }

  private void makeRoom(int bytes, int partBytes) {
    if (buffer.length < buffered + bytes) {
      long doubled = Math.max(2L * buffer.length, buffered + bytes);
      buffer = Arrays.copyOf(buffer, (int) Math.min(doubled, partBytes));
    }
  }

  private void send() {
    S3Multipart sending = multipart;
    if (sending == null) {
      sending = new S3Multipart(bucket, key, false);
      multipart = sending;
    }
    S3Multipart to = sending;
    byte[] content = buffer;
    int length = buffered;
    int number = ++sentParts;
    parts.add(length / ORDINARY_PART_BYTES, () -> to.send(number, content, length));
    sentBytes += length;
    buffer = new byte[Math.min(content.length, partBytes(firstPartBytes, sentParts))];
    buffered = 0;
  }

  @Override
  public StoredObject complete() {
    StoredObject object = multipart == null ? put() : completeParts(multipart);
    completed = true;
    return object;
  }

  private StoredObject put() {
    byte[] content = Arrays.copyOf(buffer, buffered);
    if (!bucket.putIfFree(key, content)) {
      throw new StoreException.Exists(key);
    }
    StoredObject object =
        bucket
            .find(key)
            .orElseThrow(() -> new StoreException.Corrupt(key + " is gone after it was written"));
    if (object.bytes() != content.length) {
      throw new StoreException.Corrupt(
          key + " has " + object.bytes() + " bytes in the store, " + content.length + " were sent");
    }
    return object;
  }

  private StoredObject completeParts(S3Multipart sending) {
    if (buffered > 0) {
      send();
    }
    return sending.complete(parts.join(), sentBytes);
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    parts.close();
    if (multipart != null && !completed) {
      multipart.abort();
    }
  }
}
