package io.hybridbackup.common.messaging;

import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.RecordTooLargeException;

/** The broker has not confirmed an event. It may have got it all the same. */
public final class PublishException extends RuntimeException {
  public PublishException(String message, Throwable cause) {
    super(message, cause);
  }

  /** Whether publishing it again may succeed without anybody mending anything. */
  public boolean retryable() {
    return !(getCause() instanceof AuthorizationException
        || getCause() instanceof RecordTooLargeException
        || getCause() instanceof InvalidConfigurationException);
  }
}
