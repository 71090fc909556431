package io.hybridbackup.common.natives;

import java.io.IOException;

/** A function of the C library that failed, with its error number. */
public final class CallException extends IOException {
  private final int errno;

  CallException(String function, String on, int errno) {
    super(function + " failed on " + on + ": error " + errno);
    this.errno = errno;
  }

  public int errno() {
    return errno;
  }
}
