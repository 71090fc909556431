package io.hybridbackup.common.archive;

import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import java.util.Arrays;

/**
 * Content that has members of its own.
 *
 * @param bytes its length, without tar's padding
 * @param sha256 of it, 64 hex digits
 */
record FileContent(long bytes, String sha256) {
  /** Takes members in order. */
  @FunctionalInterface
  interface Members {
    /** Takes the array over. */
    void add(byte[] plain, int plainBytes) throws IOException;
  }

  /**
   * Cuts a stream into members and adds them, tar's padding in the last one.
   *
   * @param in is read to its end and not closed
   * @param most no more bytes than these are read
   */
  static FileContent write(InputStream in, long most, Members members, ProgressListener progress)
      throws IOException {
    MessageDigest digest = Sha256.digest();
    byte[] window = new byte[MemberCutter.LONGEST];
    long bytes = 0;
    int filled = 0;
    boolean ended = false;
    boolean padded = false;
    while (true) {
      if (!ended) {
        int read =
            in.readNBytes(window, filled, (int) Math.min(window.length - filled, most - bytes));
        digest.update(window, filled, read);
        bytes += read;
        filled += read;
        ended = filled < window.length;
        progress.advanced(read, 0);
      }
      int padding = TarHeader.padding(bytes);
      if (filled == 0) {
        if (padding > 0 && !padded) {
          members.add(new byte[padding], padding);
        }
        return new FileContent(bytes, Sha256.hex(digest));
      }
      int cut = MemberCutter.cut(window, filled);
      padded = ended && cut == filled;
      int member = padded ? cut + padding : cut;
      byte[] plain = Arrays.copyOf(window, cut);
      members.add(padded ? Arrays.copyOf(plain, member) : plain, member);
      filled -= cut;
      System.arraycopy(window, cut, window, 0, filled);
    }
  }
}
