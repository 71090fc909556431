package io.hybridbackup.common.store;

import static io.hybridbackup.common.store.S3Bucket.PAGE;
import static io.hybridbackup.common.store.S3Bucket.QUICK;
import static io.hybridbackup.common.store.S3Bucket.QUICK_BYTES;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.SequenceInputStream;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Enumeration;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Supplier;
import software.amazon.awssdk.core.ResponseInputStream;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.core.sync.ResponseTransformer;
import software.amazon.awssdk.http.AbortableInputStream;
import software.amazon.awssdk.services.s3.model.ChecksumMode;
import software.amazon.awssdk.services.s3.model.ChecksumType;
import software.amazon.awssdk.services.s3.model.CommonPrefix;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.MultipartUpload;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;
import software.amazon.awssdk.services.s3.model.S3Object;

/**
 * A bucket in S3, or in a store that speaks its protocol. Where that is silent, what moves little
 * gives up within 15 seconds; a transfer once it has stood still for a minute, four times over.
 */
final class S3ObjectStore implements ObjectStore {
  private static final int PARTS_AT_A_TIME = 8;

  /** A stitched part takes the place of so many parts as it has so many bytes in memory. */
  private static final int STITCHED_BYTES = 8 << 20;

  /** The longest part that is held in memory, then by itself. */
  private static final int LONGEST_HELD = PARTS_AT_A_TIME * STITCHED_BYTES;

  /** How many parts one counts as that is not held. */
  private static final int STREAMED_WEIGHT = 2;

  private static final ObjectKey PROBES = new ObjectKey("probe");

  /** A probe takes seconds. */
  private static final Duration OLD_PROBE = Duration.ofHours(1);

  private final S3Bucket bucket;
  private final CompositionPlanner.Limits limits;
  private final ObjectKey probing = PROBES.resolve(UUID.randomUUID().toString());
  private volatile StoreCapabilities capabilities;

  /**
   * @param capabilities to go by until the store is probed
   */
  S3ObjectStore(S3Bucket bucket, StoreCapabilities capabilities) {
    this(bucket, capabilities, CompositionPlanner.S3);
  }

  private S3ObjectStore(
      S3Bucket bucket, StoreCapabilities capabilities, CompositionPlanner.Limits limits) {
    this.bucket = bucket;
    this.capabilities = capabilities;
    this.limits = limits;
  }

  /** The same store, taken for one that does other things. */
  S3ObjectStore with(StoreCapabilities other) {
    return new S3ObjectStore(bucket, other, limits);
  }

  /** The same store, taken for one that has other limits. */
  S3ObjectStore with(CompositionPlanner.Limits other) {
    return new S3ObjectStore(bucket, capabilities, other);
  }

  @Override
  public Optional<StoredObject> find(ObjectKey key) {
    return bucket.find(key);
  }

  @Override
  public Optional<byte[]> read(ObjectKey key) {
    Supplier<byte[]> content;
    try {
      content =
          bucket
              .client()
              .getObject(
                  get ->
                      get.bucket(bucket.name()).key(bucket.path(key)).overrideConfiguration(QUICK),
                  (response, stream) -> content(key, response, stream));
    } catch (NoSuchKeyException e) {
      return Optional.empty();
    } catch (SdkException e) {
      throw bucket.failure("read " + key, e);
    }
    return Optional.of(content.get());
  }

  /** What is too much to be read quickly is asked for anew, as long as it takes. */
  private Supplier<byte[]> content(
      ObjectKey key, GetObjectResponse response, AbortableInputStream stream) throws Exception {
    Long bytes = response.contentLength();
    if (bytes != null && bytes > QUICK_BYTES) {
      stream.abort();
      Slice whole = new Slice(key, response.eTag(), 0, bytes);
      return () -> readAll(whole);
    }
    byte[] content =
        ResponseTransformer.<GetObjectResponse>toBytes()
            .transform(response, stream)
            .asByteArrayUnsafe();
    return () -> content;
  }

  private byte[] readAll(Slice slice) {
    try (InputStream in = open(slice)) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new StoreException.Unavailable("could not read " + slice.object(), e, slice);
    }
  }

  @Override
  public InputStream open(Slice slice) {
    return new ReopeningInputStream(slice, this::openOnce);
  }

  private InputStream openOnce(Slice slice) {
    ResponseInputStream<GetObjectResponse> response;
    try {
      response =
          bucket
              .client()
              .getObject(get ->
                  get.bucket(bucket.name())
                      .key(bucket.path(slice.object()))
                      .range(range(slice))
                      .ifMatch(slice.etag()));
    } catch (NoSuchKeyException e) {
      throw new StoreException.Missing(slice.object());
    } catch (SdkException e) {
      if (S3Bucket.status(e) == 412 || S3Bucket.status(e) == 416) {
        throw new StoreException.Changed(slice.object());
      }
      throw bucket.failure("read " + slice.object(), e).at(slice);
    }
    if (response.response().contentRange() == null) {
      response.abort();
      throw new StoreException.Refused(
          bucket.place() + " does not give ranges of objects: use a store that does", null);
    }
    return new ExactInputStream(response, slice) {
      @Override
      public void close() throws IOException {
        // To close it would be to read it to its end first.
        if (remaining() > 0) {
          response.abort();
        } else {
          super.close();
        }
      }
    };
  }

  static String range(Slice slice) {
    return "bytes=" + slice.offset() + "-" + (slice.offset() + slice.bytes() - 1);
  }

  @Override
  public boolean create(ObjectKey key, byte[] content) {
    return bucket.putIfFree(key, content);
  }

  @Override
  public void overwrite(ObjectKey key, byte[] content) {
    bucket.call(
        "overwrite " + key,
        () ->
            bucket
                .client()
                .putObject(
                    put ->
                        put.bucket(bucket.name())
                            .key(bucket.path(key))
                            .overrideConfiguration(bucket.sending(content.length)),
                    RequestBody.fromBytes(content)));
  }

  @Override
  public Upload upload(ObjectKey key) {
    return new S3Upload(bucket, key, S3Upload.FIRST_PART_BYTES);
  }

  @Override
  public StoredObject compose(ObjectKey key, List<Piece> pieces) {
    if (CompositionPlanner.total(pieces) < limits.shortest()) {
      return composeSmall(key, pieces);
    }
    CompositionPlanner planner = new CompositionPlanner(limits);
    List<CompositionPlanner.Part> planned =
        capabilities.rangeCopy() ? planner.plan(pieces) : planner.planWithoutCopying(pieces);
    S3Multipart multipart = new S3Multipart(bucket, key, capabilities.fullObjectChecksum());
    try {
      List<CompletedPart> sent = send(multipart, planned, new PassingSlices(pieces));
      return multipart.complete(sent, CompositionPlanner.total(pieces));
    } catch (RuntimeException e) {
      try {
        multipart.abort();
      } catch (StoreException another) {
        e.addSuppressed(another);
      }
      throw e;
    }
  }

  private List<CompletedPart> send(
      S3Multipart multipart, List<CompositionPlanner.Part> planned, PassingSlices passing) {
    try (S3Parts parts = new S3Parts(PARTS_AT_A_TIME)) {
      int number = 0;
      long offset = 0;
      for (CompositionPlanner.Part part : planned) {
        int next = ++number;
        long at = offset;
        switch (part) {
          case CompositionPlanner.Copied(Slice slice) ->
              parts.add(1, () -> multipart.copy(next, slice));
          case CompositionPlanner.Stitched(List<Piece> pieces) when part.bytes() > LONGEST_HELD ->
              parts.add(
                  STREAMED_WEIGHT,
                  () -> stream(multipart, next, part.bytes(), pieces, passing.from(at)));
          case CompositionPlanner.Stitched(List<Piece> pieces) ->
              parts.add(
                  Math.ceilDiv((int) part.bytes(), STITCHED_BYTES),
                  () -> {
                    byte[] content = hold(pieces, (int) part.bytes(), passing.from(at));
                    return multipart.send(next, content, content.length);
                  });
        }
        offset += part.bytes();
      }
      return parts.join();
    }
  }

  /** Reads everything twice: the checksum goes before the content. */
  private CompletedPart stream(
      S3Multipart multipart,
      int number,
      long bytes,
      List<Piece> pieces,
      PassingSlices.Passage passing) {
    MessageDigest md5 = S3Multipart.md5();
    try (InputStream in = stream(pieces);
        OutputStream out = new DigestOutputStream(passing, md5)) {
      in.transferTo(out);
    } catch (IOException e) {
      throw unreadable(e);
    }
    return multipart.send(number, bytes, md5.digest(), () -> stream(pieces));
  }

  private byte[] hold(List<Piece> pieces, int bytes, PassingSlices.Passage passing) {
    byte[] content = new byte[bytes];
    try (InputStream in = stream(pieces);
        passing) {
      int read = in.readNBytes(content, 0, bytes);
      passing.write(content, 0, read);
      return content;
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  private static StoreException unreadable(IOException e) {
    return new StoreException.Unavailable("could not read what is stitched together", e);
  }

  private StoredObject composeSmall(ObjectKey key, List<Piece> pieces) {
    int bytes = (int) CompositionPlanner.total(pieces);
    byte[] content = hold(pieces, bytes, new PassingSlices(pieces).from(0));
    try (Upload upload = upload(key)) {
      upload.write(content);
      return upload.complete();
    } catch (IOException e) {
      throw new StoreException.Unavailable("could not compose " + key, e);
    }
  }

  /** The pieces one after the other, each opened when it is its turn. */
  @SuppressWarnings("JdkObsolete") // SequenceInputStream takes nothing but an Enumeration
  private InputStream stream(List<Piece> pieces) {
    Iterator<Piece> left = pieces.iterator();
    return new SequenceInputStream(
        new Enumeration<>() {
          @Override
          public boolean hasMoreElements() {
            return left.hasNext();
          }

          @Override
          public InputStream nextElement() {
            return switch (left.next()) {
              case Literal literal -> new ByteArrayInputStream(literal.content());
              case Slice slice -> StoredSlice.open(S3ObjectStore.this, slice);
            };
          }
        });
  }

  @Override
  public int sharedBlockBytes() {
    return capabilities.sharedBlockBytes();
  }

  @Override
  public Optional<String> checksum(ObjectKey key) {
    HeadObjectResponse head =
        bucket.head(key, ChecksumMode.ENABLED).orElseThrow(() -> new StoreException.Missing(key));
    boolean whole =
        head.checksumCRC64NVME() != null && head.checksumType() != ChecksumType.COMPOSITE;
    return whole
        ? Optional.of(
            HexFormat.of().formatHex(Base64.getDecoder().decode(head.checksumCRC64NVME())))
        : Optional.empty();
  }

  @Override
  public void delete(ObjectKey key) {
    try {
      bucket
          .client()
          .deleteObject(delete ->
              delete.bucket(bucket.name()).key(bucket.path(key)).overrideConfiguration(QUICK));
    } catch (NoSuchKeyException e) {
      // Some stores say so; it is what was asked for.
      return;
    } catch (SdkException e) {
      throw bucket.failure("delete " + key, e);
    }
  }

  @Override
  public List<StoredObject> list(String folder) {
    String below = below(folder);
    String root = bucket.path("");
    return bucket.call(
        "list " + folder,
        () -> {
          List<StoredObject> objects = new ArrayList<>();
          for (S3Object object :
              bucket
                  .client()
                  .listObjectsV2Paginator(
                      list -> list.bucket(bucket.name()).prefix(below).overrideConfiguration(PAGE))
                  .contents()) {
            ObjectKey.ifValid(object.key().substring(root.length()))
                .map(key ->
                    new StoredObject(
                        key,
                        object.size(),
                        object.eTag(),
                        object.lastModified().truncatedTo(ChronoUnit.SECONDS)))
                .ifPresent(objects::add);
          }
          objects.sort((a, b) -> a.key().compareTo(b.key()));
          return objects;
        });
  }

  @Override
  public List<String> children(String folder) {
    String below = below(folder);
    return bucket.call(
        "list " + folder,
        () -> {
          TreeSet<String> names = new TreeSet<>();
          for (var page :
              bucket
                  .client()
                  .listObjectsV2Paginator(list ->
                      list.bucket(bucket.name())
                          .prefix(below)
                          .delimiter("/")
                          .overrideConfiguration(PAGE))) {
            for (CommonPrefix prefix : page.commonPrefixes()) {
              names.add(prefix.prefix().substring(below.length(), prefix.prefix().length() - 1));
            }
            for (S3Object object : page.contents()) {
              names.add(object.key().substring(below.length()));
            }
          }
          names.removeIf(name -> ObjectKey.ifValid(name).isEmpty());
          return List.copyOf(names);
        });
  }

  private String below(String folder) {
    return bucket.path(new ObjectKey(folder)) + "/";
  }

  @Override
  public int abortUploads(String folder, Duration age) {
    String itself = bucket.path(folder);
    String below = below(folder);
    Instant begunBefore = Instant.now().minus(age);
    return bucket.call(
        "give up uploads to " + folder,
        () -> {
          int aborted = 0;
          for (MultipartUpload upload :
              bucket
                  .client()
                  .listMultipartUploadsPaginator(
                      list -> list.bucket(bucket.name()).prefix(itself).overrideConfiguration(PAGE))
                  .uploads()) {
            boolean meant = upload.key().equals(itself) || upload.key().startsWith(below);
            if (meant && !upload.initiated().isAfter(begunBefore)) {
              bucket
                  .client()
                  .abortMultipartUpload(abort ->
                      abort
                          .bucket(bucket.name())
                          .key(upload.key())
                          .uploadId(upload.uploadId())
                          .overrideConfiguration(QUICK));
              aborted++;
            }
          }
          return aborted;
        });
  }

  @Override
  public StoreCapabilities probe() {
    removeOldProbes();
    // The last one may have broken off.
    clearProbe();
    try (CleanUp _ = this::clearProbe) {
      StoreCapabilities found = new S3Probe(this, bucket, probing).find();
      capabilities = found;
      return found;
    }
  }

  private void clearProbe() {
    list(probing.value()).forEach(object -> delete(object.key()));
    int _ = abortUploads(probing.value(), Duration.ZERO);
  }

  /** Of those who were killed while they probed. */
  private void removeOldProbes() {
    Instant old = Instant.now().minus(OLD_PROBE);
    list(PROBES.value()).stream()
        .filter(object -> object.modified().isBefore(old))
        .forEach(object -> delete(object.key()));
    int _ = abortUploads(PROBES.value(), OLD_PROBE);
  }

  @Override
  public void close() {
    bucket.close();
  }
}
