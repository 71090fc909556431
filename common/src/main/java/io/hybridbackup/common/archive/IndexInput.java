package io.hybridbackup.common.archive;

import io.hybridbackup.common.json.Json;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import tools.jackson.core.JacksonException;

/** Reads an index line by line, of which only one is in memory. */
final class IndexInput {
  /** No line is longer, its line feed not counted. */
  static final int LONGEST_LINE = 16 * 1024 * 1024;

  private static final int BUFFER_BYTES = 64 * 1024;

  private final InputStream plain;
  private byte[] buffer = new byte[BUFFER_BYTES];
  private int filled;
  private int begin;
  private int end;
  private int next;

  /**
   * @param plain is not closed
   */
  IndexInput(InputStream plain) {
    this.plain = plain;
  }

  /**
   * Goes on to the next line.
   *
   * @return whether there is one
   * @throws IOException if it cannot be read or is too long
   */
  boolean next() throws IOException {
    begin = next;
    for (end = begin; ; end++) {
      if (end == filled && !fill()) {
        next = end;
        return end > begin;
      }
      if (buffer[end] == '\n') {
        next = end + 1;
        return true;
      }
    }
  }

  private boolean fill() throws IOException {
    if (begin > 0) {
      System.arraycopy(buffer, begin, buffer, 0, filled - begin);
      filled -= begin;
      end -= begin;
      begin = 0;
    } else if (filled > LONGEST_LINE) {
      throw new IOException("a line has more than " + LONGEST_LINE + " bytes");
    } else if (filled == buffer.length) {
      buffer = Arrays.copyOf(buffer, Math.min(2 * filled, LONGEST_LINE + 1));
    }
    int read = plain.read(buffer, filled, buffer.length - filled);
    filled += Math.max(read, 0);
    return read > 0;
  }

  /**
   * The line that it has gone on to.
   *
   * @throws JacksonException if it makes no sense
   */
  IndexLine line() {
    return Json.mapper().readValue(buffer, begin, end - begin, IndexLine.class);
  }
}
