package io.hybridbackup.common.job;

import io.hybridbackup.common.event.FailureCode;
import org.jspecify.annotations.Nullable;

/** Work on a run failed. The message names what failed, on what, and what to do about it. */
public final class ComponentFailure extends Exception {
  private final FailureCode code;
  private final boolean retryable;

  private ComponentFailure(
      FailureCode code, String message, boolean retryable, @Nullable Throwable cause) {
    super(message, cause);
    this.code = code;
    this.retryable = retryable;
  }

  /** Somebody has to mend something first. */
  public static ComponentFailure permanent(
      FailureCode code, String message, @Nullable Throwable cause) {
    return new ComponentFailure(code, message, false, cause);
  }

  /** Another attempt may do better by itself. */
  public static ComponentFailure passing(
      FailureCode code, String message, @Nullable Throwable cause) {
    return new ComponentFailure(code, message, true, cause);
  }

  public FailureCode code() {
    return code;
  }

  public boolean retryable() {
    return retryable;
  }
}
