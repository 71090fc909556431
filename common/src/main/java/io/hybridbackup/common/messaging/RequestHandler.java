package io.hybridbackup.common.messaging;

/** Takes requests from a {@link RequestListener}, several at a time. */
@FunctionalInterface
public interface RequestHandler {
  /**
   * Takes one request. Returning acknowledges it; it may be delivered again all the same. Takes
   * seconds, not minutes, for the partition waits.
   *
   * @throws RuntimeException if it could not: it is delivered again until it succeeds where the
   *     exception says that a retry may help, and is a dead letter otherwise
   */
  void handle(ReceivedRequest request);
}
