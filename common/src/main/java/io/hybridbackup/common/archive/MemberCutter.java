package io.hybridbackup.common.archive;

import java.util.Random;

/**
 * Decides where content is cut into members: where a rolling hash over its last 64 bytes says so,
 * so that the same stretch of content is cut alike wherever it lies. This is FastCDC with
 * normalised chunking (Xia et al., USENIX ATC 2016): cuts are made rare before the usual length and
 * frequent after it, which keeps lengths together.
 */
final class MemberCutter {
  /** No member's content is longer, but for tar's padding at its end. */
  static final int LONGEST = 2 * 1024 * 1024;

  /** Content that is not longer is one member. */
  static final int SHORTEST = 256 * 1024;

  private static final int USUAL = 1024 * 1024;

  /** Before the usual length one place in 2^22 is a cut, behind it one in 2^18. */
  private static final long RARE = bits(22);

  private static final long FREQUENT = bits(18);

  /**
   * A number for each value of a byte. They may never change: what an earlier archive holds would
   * not be found again.
   */
  private static final long[] GEAR = new Random(0x6879627269644242L).longs(256).toArray();

  private MemberCutter() {}

  /** The highest bits, which depend on most bytes. */
  private static long bits(int count) {
    return -1L << (Long.SIZE - count);
  }

  /**
   * Length of the next member.
   *
   * @param window holds what comes next: {@link #LONGEST} bytes, or fewer where the stream ends
   * @param bytes how much of the window is filled, at least 1
   */
  static int cut(byte[] window, int bytes) {
    int end = Math.min(bytes, LONGEST);
    int usual = Math.min(end, USUAL);
    long hash = 0;
    int i = SHORTEST;
    for (; i < usual; i++) {
      hash = (hash << 1) + GEAR[window[i] & 0xff];
      if ((hash & RARE) == 0) {
        return i + 1;
      }
    }
    for (; i < end; i++) {
      hash = (hash << 1) + GEAR[window[i] & 0xff];
      if ((hash & FREQUENT) == 0) {
        return i + 1;
      }
    }
    return end;
  }
}
