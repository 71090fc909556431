package io.hybridbackup.deploy.broker;

import org.jspecify.annotations.Nullable;

/** The embedded broker cannot start. The message says what to do about it. */
public final class BrokerException extends Exception {
  BrokerException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
