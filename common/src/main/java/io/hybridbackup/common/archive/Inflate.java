package io.hybridbackup.common.archive;

import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/** One way to inflate; may be used by many threads at a time. */
@FunctionalInterface
interface Inflate {
  /**
   * Inflates one raw deflate stream (RFC 1951) that takes up exactly {@code bytes} bytes from
   * {@code offset} and fills {@code plain}.
   *
   * @throws DataFormatException if it is damaged, longer or shorter than that, or does not hold as
   *     much as {@code plain}; whatever the stream says, nothing outside of the two is touched
   */
  void inflate(byte[] deflated, int offset, int bytes, byte[] plain) throws DataFormatException;

  /** libdeflate's where the system has it, else the JDK's own zlib. */
  static Inflate fastest() {
    return LibDeflate.load().<Inflate>map(library -> library::inflate).orElse(Inflate::byPlatform);
  }

  /** The JDK's own zlib. */
  static void byPlatform(byte[] deflated, int offset, int bytes, byte[] plain)
      throws DataFormatException {
    try (Inflater inflater = new Inflater(true)) {
      inflater.setInput(deflated, offset, bytes);
      int done = 0;
      while (done < plain.length) {
        int inflated = inflater.inflate(plain, done, plain.length - done);
        if (inflated == 0) {
          throw new DataFormatException("it holds " + done + " bytes instead of " + plain.length);
        }
        done += inflated;
      }
      if (inflater.inflate(new byte[1]) != 0
          || !inflater.finished()
          || inflater.getRemaining() != 0) {
        throw new DataFormatException("it does not end where it should");
      }
    }
  }
}
