package io.hybridbackup.common.archive;

import java.util.zip.Deflater;

/** One way to deflate; used by one thread at a time. */
interface Deflate extends AutoCloseable {
  /**
   * Deflates {@code plainBytes} bytes from {@code offset} into one raw deflate stream (RFC 1951).
   *
   * @return its length, or -1 if it does not fit into {@code deflated}
   */
  int deflate(byte[] plain, int offset, int plainBytes, byte[] deflated);

  @Override
  void close();

  /** The platform's own zlib. */
  static Deflate platform(int level) {
    Deflater deflater = new Deflater(level, true);
    return new Deflate() {
      @Override
      public int deflate(byte[] plain, int offset, int plainBytes, byte[] deflated) {
        deflater.reset();
        deflater.setInput(plain, offset, plainBytes);
        deflater.finish();
        int bytes = 0;
        while (!deflater.finished()) {
          if (bytes == deflated.length) {
            return -1;
          }
          bytes += deflater.deflate(deflated, bytes, deflated.length - bytes);
        }
        return bytes;
      }

      @Override
      public void close() {
        deflater.end();
      }
    };
  }
}
