package io.hybridbackup.common.store;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.AwsRequestOverrideConfiguration;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.exception.SdkServiceException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.ChecksumMode;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.S3Exception;

/**
 * The bucket and the prefix in it that hold the objects, and what its errors mean.
 *
 * @param client gives up a connection on which nothing comes for the stall time
 * @param assembling bears longer silence, for the requests that let the store move many bytes
 * @param place what an operator calls it: bucket and endpoint
 * @param stall how long a transfer may stand still
 */
record S3Bucket(
    S3Client client,
    LateClient assembling,
    String name,
    String prefix,
    String place,
    Duration stall) {
  /** Who wrote an object: it tells our own write from another's when an answer has been lost. */
  private static final String NONCE = "hybrid-backup-nonce";

  private static final int CONFLICT_ATTEMPTS = 6;
  private static final Set<String> WRONG_REGION =
      Set.of(
          "PermanentRedirect",
          "AuthorizationHeaderMalformed",
          "IllegalLocationConstraintException");

  private static final Map<String, Integer> LATE_ERRORS =
      Map.of(
          "InternalError", 503,
          "ServiceUnavailable", 503,
          "SlowDown", 503,
          "OperationAborted", 503,
          "RequestTimeout", 503,
          "PreconditionFailed", 412,
          "ConditionalRequestConflict", 409,
          "NoSuchKey", 404);

  /** For requests that move next to nothing: well within a lease, all attempts together. */
  static final AwsRequestOverrideConfiguration QUICK =
      within(Duration.ofSeconds(5), Duration.ofSeconds(10));

  /** For one page of a list: a store may have to look at much for it. */
  static final AwsRequestOverrideConfiguration PAGE =
      within(Duration.ofSeconds(10), Duration.ofSeconds(15));

  /** After a request that got no answer: the caller has waited already. */
  private static final AwsRequestOverrideConfiguration AFTERWARDS =
      within(Duration.ofSeconds(5), Duration.ofSeconds(5));

  static final int QUICK_BYTES = 1 << 20;

  /** What the slowest line carries for each of the parts that share it. */
  private static final int SLOWEST_BYTES_PER_SECOND = 64 << 10;

  private static AwsRequestOverrideConfiguration within(Duration attempt, Duration total) {
    return AwsRequestOverrideConfiguration.builder()
        .apiCallAttemptTimeout(attempt)
        .apiCallTimeout(total)
        .build();
  }

  /**
   * For a request that sends so many bytes. A connection that is read from no more can only be told
   * by the time that it takes.
   */
  AwsRequestOverrideConfiguration sending(long bytes) {
    return bytes <= QUICK_BYTES
        ? QUICK
        : AwsRequestOverrideConfiguration.builder()
            .apiCallAttemptTimeout(stall.plusSeconds(bytes / SLOWEST_BYTES_PER_SECOND))
            .build();
  }

  String path(ObjectKey key) {
    return path(key.value());
  }

  String path(String keyOrFolder) {
    return prefix.isEmpty() ? keyOrFolder : prefix + "/" + keyOrFolder;
  }

  static Map<String, String> metadata(String nonce) {
    return Map.of(NONCE, nonce);
  }

  Optional<StoredObject> find(ObjectKey key) {
    return head(key, null, QUICK).map(head -> stored(key, head));
  }

  /** The object, if it is the one that was written with this nonce. */
  Optional<StoredObject> find(ObjectKey key, String nonce) {
    return head(key, null, AFTERWARDS)
        .filter(head -> nonce.equals(head.metadata().get(NONCE)))
        .map(head -> stored(key, head));
  }

  private static StoredObject stored(ObjectKey key, HeadObjectResponse head) {
    // Lists tell more of the time than HEAD does.
    return new StoredObject(
        key,
        head.contentLength(),
        head.eTag(),
        head.lastModified().truncatedTo(ChronoUnit.SECONDS));
  }

  Optional<HeadObjectResponse> head(ObjectKey key, ChecksumMode checksum) {
    return head(key, checksum, QUICK);
  }

  private Optional<HeadObjectResponse> head(
      ObjectKey key, @Nullable ChecksumMode checksum, AwsRequestOverrideConfiguration patience) {
    try {
      return Optional.of(
          client.headObject(head ->
              head.bucket(name)
                  .key(path(key))
                  .checksumMode(checksum)
                  .overrideConfiguration(patience)));
    } catch (S3Exception e) {
      if (e.statusCode() == 404) {
        return Optional.empty();
      }
      throw failure("look at " + key, e);
    } catch (SdkException e) {
      throw failure("look at " + key, e);
    }
  }

  /**
   * Writes an object in one request if its key is free.
   *
   * @return whether this call has written it
   */
  boolean putIfFree(ObjectKey key, byte[] content) {
    String nonce = UUID.randomUUID().toString();
    for (int attempt = 1; ; attempt++) {
      try {
        client.putObject(
            put ->
                put.bucket(name)
                    .key(path(key))
                    .ifNoneMatch("*")
                    .metadata(metadata(nonce))
                    .overrideConfiguration(sending(content.length)),
            RequestBody.fromBytes(content));
        return true;
      } catch (SdkException e) {
        // Whatever the answer: an earlier one may have been lost after the object was written.
        if (find(key, nonce).isPresent()) {
          return true;
        }
        if (status(e) == 412) {
          return false;
        }
        if (status(e) != 409 || attempt == CONFLICT_ATTEMPTS) {
          throw failure("create " + key, e);
        }
        pause(attempt);
      }
    }
  }

  /** Several writers were at the key at once; the store asks to come again. */
  static void pause(int attempt) {
    try {
      Thread.sleep(Duration.ofMillis(50L << attempt));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new StoreException.Unavailable("interrupted while the store was busy", e);
    }
  }

  void close() {
    client.close();
    assembling.close();
  }

  <T> T call(String what, Supplier<T> request) {
    try {
      return request.get();
    } catch (SdkException e) {
      throw failure(what, e);
    }
  }

  /**
   * The HTTP status, 0 if there was no answer. What takes the store long, it may begin to answer
   * with 200 before it fails: then the status that its error would have had.
   */
  static int status(SdkException e) {
    int status = e instanceof SdkServiceException answer ? answer.statusCode() : 0;
    return status == 200 ? LATE_ERRORS.getOrDefault(code(e), status) : status;
  }

  /**
   * Whether an error that came after the status 200 is one to try again, which the SDK does not.
   */
  static boolean isPassingLateError(Throwable e) {
    return e instanceof S3Exception answer && answer.statusCode() == 200 && status(answer) == 503;
  }

  static String code(SdkException e) {
    AwsErrorDetails details = e instanceof S3Exception answer ? answer.awsErrorDetails() : null;
    return details == null || details.errorCode() == null ? "" : details.errorCode();
  }

  StoreException failure(String what, SdkException e) {
    StoreException ours = cause(e);
    if (ours != null) {
      return ours;
    }
    String failed = "could not " + what + " in " + place + ": ";
    String code = code(e);
    int status = status(e);
    if (code.equals("NoSuchBucket")) {
      return new StoreException.Refused(
          failed + "there is no such bucket: create it, or correct its name in the settings", e);
    }
    if (WRONG_REGION.contains(code) || status == 301) {
      return new StoreException.Refused(
          failed + "the bucket is in another region: correct the region in the settings", e);
    }
    if (code.contains("Quota") || code.contains("StorageFull") || status == 507) {
      return new StoreException.Refused(
          failed + "it is full: make room or keep fewer backups, then try again", e);
    }
    if (status == 401 || status == 403) {
      return new StoreException.Refused(
          failed
              + "access was denied ("
              + code
              + "): check the access key, the secret key file and what the key may do in the bucket",
          e);
    }
    if (status == 501) {
      return new StoreException.Refused(
          failed + "the store cannot do that (" + code + "): use one that can", e);
    }
    if (status == 0 && String.valueOf(e.getMessage()).contains("credentials")) {
      return new StoreException.Refused(
          failed + "no credentials were found: set the access key and the secret key file", e);
    }
    if (status == 0
        || status >= 500
        || status == 408
        || status == 409
        || status == 429
        || code.equals("RequestTimeout")
        || code.equals("BadDigest")
        || code.equals("NoSuchUpload")) {
      return new StoreException.Unavailable(failed + e.getMessage(), e);
    }
    return new StoreException.Refused(failed + e.getMessage() + ": correct the settings", e);
  }

  private static @Nullable StoreException cause(Throwable e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof StoreException ours) {
        return ours;
      }
    }
    return null;
  }
}
