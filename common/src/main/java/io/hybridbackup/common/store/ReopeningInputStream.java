package io.hybridbackup.common.store;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.SocketTimeoutException;
import java.util.function.Function;

/**
 * A range of an object over connections that may break off: what is left is then asked for anew, as
 * long as at least something comes.
 */
final class ReopeningInputStream extends InputStream {
  private static final int TRIES_FOR_NOTHING = 3;

  private final Function<Slice, InputStream> opener;
  private final Slice slice;
  private InputStream in;
  private long given;
  private int forNothing;

  /**
   * @param opener opens a range, once; its streams give exactly that or throw
   */
  ReopeningInputStream(Slice slice, Function<Slice, InputStream> opener) {
    this.opener = opener;
    this.slice = slice;
    this.in = opener.apply(slice);
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] bytes, int offset, int length) throws IOException {
    while (true) {
      try {
        int read = in.read(bytes, offset, length);
        if (read > 0) {
          forNothing = 0;
          given += read;
        }
        return read;
      } catch (IOException e) {
        if (++forNothing > TRIES_FOR_NOTHING || given == slice.bytes() || isInterruption(e)) {
          throw e;
        }
        reopen(e);
      }
    }
  }

  /** If what is left is not to be had any more, it is the breaking off that is told. */
  private void reopen(IOException brokenOff) throws IOException {
    try {
      in.close();
      in =
          opener.apply(
              new Slice(
                  slice.object(), slice.etag(), slice.offset() + given, slice.bytes() - given));
    } catch (IOException | StoreException e) {
      brokenOff.addSuppressed(e);
      throw brokenOff;
    }
  }

  private static boolean isInterruption(IOException e) {
    return Thread.currentThread().isInterrupted()
        || (e instanceof InterruptedIOException && !(e instanceof SocketTimeoutException));
  }

  @Override
  public int available() throws IOException {
    return in.available();
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
