package io.hybridbackup.common.job;

/**
 * The work is not wanted any more, or its lease is lost: stop, touch nothing further. It is no
 * failure; whoever has the right to will say what becomes of the run.
 */
public final class StoppedException extends RuntimeException {
  public StoppedException(String reason) {
    super(reason);
  }
}
