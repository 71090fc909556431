package io.hybridbackup.common.store;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import software.amazon.awssdk.services.s3.model.CompletedPart;

/** Finds out what a store that says it speaks S3 does of it. */
final class S3Probe {
  /** As long as the contents with which writers race, so that each sends a part of its own. */
  private static final int PART_BYTES = Race.CONTENT_BYTES;

  /** Ranges can only be copied from objects of more than 5 MB. */
  private static final int SOURCE_BYTES = 6 << 20;

  private static final byte[] CHECKED = "123456789".getBytes(US_ASCII);

  private static final String ANOTHERS_ETAG = "\"" + "0".repeat(32) + "\"";

  private final S3ObjectStore store;
  private final S3Bucket bucket;
  private final ObjectKey place;

  S3Probe(S3ObjectStore store, S3Bucket bucket, ObjectKey place) {
    this.store = store;
    this.bucket = bucket;
    this.place = place;
  }

  StoreCapabilities find() {
    Race race = new Race(store, place);
    boolean conditionalCreate =
        race.oneCreates() && race.oneCompletes(key -> new S3Upload(bucket, key, PART_BYTES));
    StoredObject source = source();
    boolean rangeCopy = does(() -> copies(source));
    boolean fullObjectChecksum = rangeCopy && does(() -> keepsChecksum(source));
    return new StoreCapabilities(conditionalCreate, rangeCopy, fullObjectChecksum, 1);
  }

  /** What is left of a trial that failed is removed with all else of the probe. */
  private static boolean does(BooleanSupplier trial) {
    try {
      return trial.getAsBoolean();
    } catch (StoreException.Unavailable e) {
      throw e;
    } catch (StoreException e) {
      return false;
    }
  }

  private StoredObject source() {
    byte[] content = sourceContent();
    try (S3Upload upload = new S3Upload(bucket, place.resolve("source"), SOURCE_BYTES)) {
      upload.write(content, 0, content.length);
      return upload.complete();
    }
  }

  private static byte[] sourceContent() {
    byte[] content = new byte[SOURCE_BYTES];
    System.arraycopy(CHECKED, 0, content, 1, CHECKED.length);
    return content;
  }

  /** Whether a range can be copied, and only of the very object that is meant. */
  private boolean copies(StoredObject source) {
    ObjectKey key = place.resolve("copy");
    Slice slice = new Slice(source.key(), source.etag(), 1, CHECKED.length);
    S3Multipart multipart = new S3Multipart(bucket, key, false);
    multipart.complete(List.of(multipart.copy(1, slice)), CHECKED.length);
    return store.read(key).filter(kept -> Arrays.equals(kept, CHECKED)).isPresent()
        && knowsAnother(source);
  }

  private boolean knowsAnother(StoredObject source) {
    Slice another = new Slice(source.key(), ANOTHERS_ETAG, 1, CHECKED.length);
    S3Multipart multipart = new S3Multipart(bucket, place.resolve("copy-of-another"), false);
    try {
      CompletedPart _ = multipart.copy(1, another);
      return false;
    } catch (StoreException.Changed e) {
      return true;
    }
  }

  /**
   * Whether a checksum is kept of the whole of a copied part and one that is sent. That is asked of
   * the store's headers alone: to calculate a CRC64NVME the SDK would need its native library.
   */
  private boolean keepsChecksum(StoredObject source) {
    ObjectKey key = place.resolve("copy-with-checksum");
    Slice slice = new Slice(source.key(), source.etag(), 0, CompositionPlanner.S3.shortest());
    S3Multipart multipart = new S3Multipart(bucket, key, true);
    multipart.complete(
        List.of(multipart.copy(1, slice), multipart.send(2, CHECKED, CHECKED.length)),
        slice.bytes() + CHECKED.length);
    Crc64Nvme expected = new Crc64Nvme();
    expected.update(sourceContent(), 0, (int) slice.bytes());
    expected.update(CHECKED, 0, CHECKED.length);
    return store.checksum(key).equals(Optional.of(Crc64Nvme.hex(expected.value())));
  }
}
