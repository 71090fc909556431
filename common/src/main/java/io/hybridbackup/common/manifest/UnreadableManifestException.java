package io.hybridbackup.common.manifest;

/** A text is not a manifest that this version can read. The message says why. */
public final class UnreadableManifestException extends RuntimeException {
  public UnreadableManifestException(String message) {
    super(message);
  }

  public UnreadableManifestException(String message, Throwable cause) {
    super(message, cause);
  }
}
