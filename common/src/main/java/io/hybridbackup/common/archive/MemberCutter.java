package io.hybridbackup.common.archive;

/** Decides where a stream of content is cut into members. */
final class MemberCutter {
  /** No member's content is longer, but for tar's padding at its end. */
  static final int LONGEST = 1024 * 1024;

  private MemberCutter() {}

  /**
   * Length of the next member.
   *
   * @param window holds what comes next: {@link #LONGEST} bytes, or fewer where the stream ends
   * @param bytes how much of the window is filled, at least 1
   */
  @SuppressWarnings("unused") // a cut that depends on the content reads the window
  static int cut(byte[] window, int bytes) {
    return Math.min(bytes, LONGEST);
  }
}
