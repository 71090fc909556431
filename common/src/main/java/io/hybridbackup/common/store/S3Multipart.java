package io.hybridbackup.common.store;

import static io.hybridbackup.common.store.S3Bucket.QUICK;

import java.io.ByteArrayInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.ContentStreamProvider;
import software.amazon.awssdk.services.s3.model.ChecksumAlgorithm;
import software.amazon.awssdk.services.s3.model.ChecksumType;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.model.CreateMultipartUploadRequest;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;

/** One multipart upload. Its parts may be sent by several threads at a time. */
final class S3Multipart {
  private static final int COMPLETE_ATTEMPTS = 4;

  private final S3Bucket bucket;
  private final ObjectKey key;
  private final String nonce = UUID.randomUUID().toString();
  private final boolean fullObjectChecksum;
  private final String id;

  /**
   * @param fullObjectChecksum the store is asked to keep a CRC64NVME of the whole
   */
  S3Multipart(S3Bucket bucket, ObjectKey key, boolean fullObjectChecksum) {
    this.bucket = bucket;
    this.key = key;
    this.fullObjectChecksum = fullObjectChecksum;
    CreateMultipartUploadRequest.Builder create =
        CreateMultipartUploadRequest.builder()
            .bucket(bucket.name())
            .key(bucket.path(key))
            .metadata(S3Bucket.metadata(nonce))
            .overrideConfiguration(QUICK);
    if (fullObjectChecksum) {
      create.checksumAlgorithm(ChecksumAlgorithm.CRC64_NVME).checksumType(ChecksumType.FULL_OBJECT);
    }
    this.id =
        bucket.call(
            "begin " + key, () -> bucket.client().createMultipartUpload(create.build()).uploadId());
  }

  CompletedPart send(int number, byte[] content, int length) {
    MessageDigest md5 = md5();
    md5.update(content, 0, length);
    return send(number, length, md5.digest(), () -> new ByteArrayInputStream(content, 0, length));
  }

  /**
   * @param md5 of the content, which the store compares
   * @param content opened anew for every attempt
   */
  CompletedPart send(int number, long bytes, byte[] md5, ContentStreamProvider content) {
    String etag =
        bucket.call(
            "write " + key,
            () ->
                bucket
                    .client()
                    .uploadPart(
                        part ->
                            part.bucket(bucket.name())
                                .key(bucket.path(key))
                                .uploadId(id)
                                .partNumber(number)
                                .contentMD5(Base64.getEncoder().encodeToString(md5))
                                .overrideConfiguration(bucket.sending(bytes)),
                        RequestBody.fromContentProvider(content, bytes, "application/octet-stream"))
                    .eTag());
    return part(number, etag);
  }

  static MessageDigest md5() {
    try {
      return MessageDigest.getInstance("MD5");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  CompletedPart copy(int number, Slice slice) {
    try {
      String etag =
          bucket
              .assembling()
              .get()
              .uploadPartCopy(part ->
                  part.destinationBucket(bucket.name())
                      .destinationKey(bucket.path(key))
                      .uploadId(id)
                      .partNumber(number)
                      .sourceBucket(bucket.name())
                      .sourceKey(bucket.path(slice.object()))
                      .copySourceRange(S3ObjectStore.range(slice))
                      .copySourceIfMatch(slice.etag()))
              .copyPartResult()
              .eTag();
      return part(number, etag);
    } catch (NoSuchKeyException e) {
      throw new StoreException.Missing(slice.object());
    } catch (SdkException e) {
      if (S3Bucket.status(e) == 412 || S3Bucket.status(e) == 416) {
        throw new StoreException.Changed(slice.object());
      }
      if (S3Bucket.code(e).equals("NoSuchKey")) {
        throw new StoreException.Missing(slice.object());
      }
      throw bucket.failure("copy " + slice.object() + " to " + key, e).at(slice);
    }
  }

  /**
   * @param parts in order
   * @param bytes that they have together
   */
  StoredObject complete(List<CompletedPart> parts, long bytes) {
    StoredObject completed = completeOnce(parts);
    if (completed.bytes() != bytes) {
      throw new StoreException.Corrupt(
          key + " has " + completed.bytes() + " bytes in the store, " + bytes + " were sent");
    }
    return completed;
  }

  private StoredObject completeOnce(List<CompletedPart> parts) {
    for (int attempt = 1; ; attempt++) {
      try {
        bucket
            .assembling()
            .get()
            .completeMultipartUpload(complete ->
                complete
                    .bucket(bucket.name())
                    .key(bucket.path(key))
                    .uploadId(id)
                    .ifNoneMatch("*")
                    .checksumType(fullObjectChecksum ? ChecksumType.FULL_OBJECT : null)
                    .multipartUpload(upload -> upload.parts(parts)));
        return bucket
            .find(key, nonce)
            .orElseThrow(
                () -> new StoreException.Corrupt(key + " was replaced just after it was written"));
      } catch (SdkException e) {
        // Whatever the answer: an earlier one may have been lost after the object was made.
        Optional<StoredObject> ours = bucket.find(key, nonce);
        if (ours.isPresent()) {
          return ours.get();
        }
        boolean conflict = S3Bucket.status(e) == 409;
        if (S3Bucket.status(e) == 412
            || ((conflict || S3Bucket.code(e).equals("NoSuchUpload"))
                && bucket.find(key).isPresent())) {
          throw new StoreException.Exists(key);
        }
        if (!conflict || attempt == COMPLETE_ATTEMPTS) {
          throw bucket.failure("complete " + key, e);
        }
        S3Bucket.pause(attempt);
      }
    }
  }

  /** Also for a thread that has been interrupted, as a worker has that is told to stop. */
  void abort() {
    boolean interrupted = Thread.interrupted();
    try {
      bucket
          .client()
          .abortMultipartUpload(abort ->
              abort
                  .bucket(bucket.name())
                  .key(bucket.path(key))
                  .uploadId(id)
                  .overrideConfiguration(QUICK));
    } catch (SdkException e) {
      if (S3Bucket.status(e) != 404) {
        throw bucket.failure("give up " + key, e);
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static CompletedPart part(int number, String etag) {
    return CompletedPart.builder().partNumber(number).eTag(etag).build();
  }
}
