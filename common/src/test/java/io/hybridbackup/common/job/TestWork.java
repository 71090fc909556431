package io.hybridbackup.common.job;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;

/** Work without a worker. */
public final class TestWork {
  private TestWork() {}

  public static Work on(RunId run, Component component, int epoch) {
    return new Work(run, component, epoch, Machine.REAL);
  }

  /** As the worker does it. */
  public static void stop(Work work) {
    work.stop("stopped by the test");
  }
}
