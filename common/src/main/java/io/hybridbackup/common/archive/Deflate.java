package io.hybridbackup.common.archive;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.zip.Deflater;

/** One way to deflate; used by one thread at a time. */
interface Deflate extends AutoCloseable {
  /** Behind the space given for a stream there must be so many bytes more of the same memory. */
  int SLACK_BYTES = 4096;

  /**
   * Deflates all of {@code plain} into one raw deflate stream (RFC 1951).
   *
   * @param plain native memory
   * @param deflated native memory
   * @return the stream's length, or -1 if it does not fit into {@code deflated}
   */
  int deflate(MemorySegment plain, MemorySegment deflated);

  @Override
  void close();

  /**
   * The JDK's own zlib.
   *
   * @param level 1 (fast) to 9 (small). From 7 on it is zlib's best: the scale is libdeflate's,
   *     whose 7 zlib does not quite reach
   */
  static Deflate platform(int level) {
    Deflater deflater = new Deflater(level >= 7 ? Deflater.BEST_COMPRESSION : level, true);
    return new Deflate() {
      @Override
      public int deflate(MemorySegment plain, MemorySegment deflated) {
        deflater.reset();
        deflater.setInput(plain.asByteBuffer());
        deflater.finish();
        ByteBuffer out = deflated.asByteBuffer();
        while (!deflater.finished()) {
          if (!out.hasRemaining()) {
            return -1;
          }
          deflater.deflate(out);
        }
        return out.position();
      }

      @Override
      public void close() {
        deflater.end();
      }
    };
  }
}
