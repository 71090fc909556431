package io.hybridbackup.common.archive;

import java.util.Arrays;

/** What a later release may write. */
public final class NewerFormat {
  private static final int VERSION_AT = 11;

  private NewerFormat() {}

  /** What reading an index of version 2 leads to. */
  public static UnknownVersionException found() {
    return new UnknownVersionException("the index of the media part", 2, 1);
  }

  /** An archive whose footer says that its format is version 2. */
  public static byte[] of(byte[] archive) {
    int end = archive.length - Footer.BYTES;
    byte[] plain =
        Arrays.copyOfRange(
            archive, end + GzipMember.HEADER_BYTES + 5, archive.length - GzipMember.TRAILER_BYTES);
    plain[VERSION_AT] = 2;
    byte[] newer = archive.clone();
    System.arraycopy(GzipMember.stored(plain, plain.length), 0, newer, end, Footer.BYTES);
    return newer;
  }
}
