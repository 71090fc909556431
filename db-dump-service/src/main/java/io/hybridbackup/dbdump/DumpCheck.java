package io.hybridbackup.dbdump;

import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.process.ToolException;
import io.hybridbackup.common.process.ToolProcess;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/** A dump that the real pg_restore reads along, to nowhere. */
final class DumpCheck extends FilterInputStream {
  private final ToolProcess restore;
  private final OutputStream input;
  private boolean refused;

  /**
   * @param dump is not closed
   * @param restore reads its standard input; the caller closes it
   */
  DumpCheck(InputStream dump, ToolProcess restore) {
    super(dump);
    this.restore = restore;
    this.input = restore.input();
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] bytes, int offset, int length) throws IOException {
    int count = super.read(bytes, offset, length);
    if (count > 0) {
      try {
        input.write(bytes, offset, count);
      } catch (IOException e) {
        refused = true;
        throw e;
      }
    }
    return count;
  }

  /** Whether pg_restore has stopped reading, so that no more could be read here. */
  boolean refused() {
    return refused;
  }

  /**
   * Waits for pg_restore's verdict on what has been read.
   *
   * @throws ComponentFailure if it could not read that
   */
  void await(String source) throws ComponentFailure, InterruptedException {
    try {
      input.close();
    } catch (IOException e) {
      // It has stopped reading, and says why by its exit code.
      refused = true;
    }
    try {
      String _ = restore.await();
    } catch (ToolException e) {
      throw ComponentFailure.passing(
          FailureCode.TOOL_FAILED,
          "pg_restore cannot read what pg_dump has written for source "
              + source
              + ": "
              + e.getMessage()
              + "; check the disk and the version of pg_dump, then ask again",
          e);
    }
  }
}
