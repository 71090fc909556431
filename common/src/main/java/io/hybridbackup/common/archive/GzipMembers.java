package io.hybridbackup.common.archive;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * The content of gzip members (RFC 1952) that follow each other. Their headers have none of the
 * optional fields: a reader would have to read those to their end, wherever that is.
 */
final class GzipMembers extends InputStream {
  private static final int BUFFER_BYTES = 64 * 1024;
  private static final int[] BEGINNING = {0x1f, 0x8b, 8, 0};

  private final InputStream in;
  private final Inflater inflater = new Inflater(true);
  private final CRC32 crc = new CRC32();
  private final byte[] buffer = new byte[BUFFER_BYTES];
  private int next;
  private int filled;
  private boolean within;

  /**
   * @param in is closed with this
   */
  GzipMembers(InputStream in) {
    this.in = in;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  /**
   * @throws IOException if it cannot be read, or is no such member
   */
  @Override
  public int read(byte[] bytes, int offset, int length) throws IOException {
    while (length > 0) {
      if (!within && !begin()) {
        return -1;
      }
      int inflated = inflate(bytes, offset, length);
      if (inflated > 0) {
        crc.update(bytes, offset, inflated);
        return inflated;
      }
      if (inflater.finished()) {
        end();
      } else if (!fill()) {
        throw new EOFException("a gzip member is cut short");
      } else {
        inflater.setInput(buffer, next, filled - next);
        next = filled;
      }
    }
    return 0;
  }

  private int inflate(byte[] bytes, int offset, int length) throws IOException {
    try {
      int inflated = inflater.inflate(bytes, offset, length);
      if (inflater.needsDictionary()) {
        throw new IOException("a gzip member needs a dictionary");
      }
      return inflated;
    } catch (DataFormatException e) {
      throw new IOException("a gzip member cannot be inflated: " + e.getMessage(), e);
    }
  }

  /** Whether there is another member. */
  private boolean begin() throws IOException {
    if (next == filled && !fill()) {
      return false;
    }
    for (int expected : BEGINNING) {
      if (octet() != expected) {
        throw new IOException("no gzip member without optional fields begins here");
      }
    }
    for (int at = BEGINNING.length; at < GzipMember.HEADER_BYTES; at++) {
      int _ = octet();
    }
    inflater.reset();
    inflater.setInput(buffer, next, filled - next);
    next = filled;
    crc.reset();
    within = true;
    return true;
  }

  private void end() throws IOException {
    next = filled - inflater.getRemaining();
    if (number() != (int) crc.getValue() || number() != (int) inflater.getBytesWritten()) {
      throw new IOException("CRC32 or length of a gzip member does not fit its content");
    }
    within = false;
  }

  private int number() throws IOException {
    return octet() | octet() << 8 | octet() << 16 | octet() << 24;
  }

  private int octet() throws IOException {
    if (next == filled && !fill()) {
      throw new EOFException("a gzip member is cut short");
    }
    return buffer[next++] & 0xff;
  }

  private boolean fill() throws IOException {
    next = 0;
    filled = Math.max(0, in.read(buffer));
    return filled > 0;
  }

  @Override
  public void close() throws IOException {
    inflater.end();
    in.close();
  }
}
