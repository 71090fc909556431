package io.hybridbackup.common.archive;

import io.hybridbackup.common.store.Crc64Nvme;
import io.hybridbackup.common.store.Slice;

/** A finished member of a part. */
sealed interface Member {
  /** Its length in the archive. */
  int length();

  /** Length of its content. */
  int plainBytes();

  /** Of its content, 64 hex digits. */
  String sha256();

  /** Of its bytes in the archive. */
  long crc64nvme();

  /**
   * One that has just been made.
   *
   * @param gzip its bytes in the archive
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Fresh(byte[] gzip, int plainBytes, String sha256, long crc64nvme) implements Member {
    Fresh(byte[] gzip, int plainBytes, String sha256) {
      this(gzip, plainBytes, sha256, Crc64Nvme.of(gzip));
    }

    @Override
    public int length() {
      return gzip.length;
    }
  }

  /**
   * One that an earlier part has.
   *
   * @param slice where it lies
   */
  record Reused(Slice slice, int plainBytes, String sha256, long crc64nvme) implements Member {
    @Override
    public int length() {
      return (int) slice.bytes();
    }
  }
}
