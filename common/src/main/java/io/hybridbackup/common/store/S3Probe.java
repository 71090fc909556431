package io.hybridbackup.common.store;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Finds out what a store that says it speaks S3 does of it. */
final class S3Probe {
  /** As long as the contents with which writers race, so that each sends a part of its own. */
  private static final int PART_BYTES = Race.CONTENT_BYTES;

  /** Ranges can only be copied from objects of more than 5 MB. */
  private static final int SOURCE_BYTES = 6 << 20;

  private static final byte[] CHECKED = "123456789".getBytes(US_ASCII);

  /** What the catalogue of CRC algorithms gives for those nine bytes. */
  private static final String CHECKED_CRC64NVME = "ae8b14860a799888";

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
    boolean rangeCopy = copies(source, false);
    return new StoreCapabilities(conditionalCreate, rangeCopy, rangeCopy && copies(source, true));
  }

  private StoredObject source() {
    byte[] content = new byte[SOURCE_BYTES];
    System.arraycopy(CHECKED, 0, content, 1, CHECKED.length);
    try (S3Upload upload = new S3Upload(bucket, place.resolve("source"), SOURCE_BYTES)) {
      upload.write(content, 0, content.length);
      return upload.complete();
    }
  }

  /**
   * Whether a range can be copied, and, if asked for, a checksum of the whole is kept. That is
   * asked of the store's headers alone: to calculate a CRC64NVME the SDK would need its native
   * library.
   */
  private boolean copies(StoredObject source, boolean checksum) {
    ObjectKey copy = place.resolve(checksum ? "copy-with-checksum" : "copy");
    Slice slice = new Slice(source.key(), source.etag(), 1, CHECKED.length);
    S3Multipart multipart = new S3Multipart(bucket, copy, checksum);
    try {
      multipart.complete(List.of(multipart.copy(1, slice)), CHECKED.length);
      return store.read(copy).filter(kept -> Arrays.equals(kept, CHECKED)).isPresent()
          && (!checksum || store.checksum(copy).equals(Optional.of(CHECKED_CRC64NVME)));
    } catch (StoreException.Unavailable e) {
      throw e;
    } catch (StoreException e) {
      multipart.abort();
      return false;
    }
  }
}
