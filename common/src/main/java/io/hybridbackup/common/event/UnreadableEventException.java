package io.hybridbackup.common.event;

/**
 * A record is not an event of the contract. The message tells whoever published it what is wrong
 * and what would be right. Reading it again cannot help.
 */
public final class UnreadableEventException extends RuntimeException {
  public UnreadableEventException(String message) {
    super(message);
  }

  public UnreadableEventException(String message, Throwable cause) {
    super(message, cause);
  }
}
