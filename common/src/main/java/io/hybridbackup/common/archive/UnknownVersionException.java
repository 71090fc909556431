package io.hybridbackup.common.archive;

/**
 * An archive is of a newer format than this release knows. It is whole for all that is known, and a
 * newer release reads it.
 */
public final class UnknownVersionException extends RuntimeException {
  /**
   * @param what has the version, such as the root index
   * @param known the newest that this release reads
   */
  UnknownVersionException(String what, int version, int known) {
    super(
        "%s has version %d, and this release knows none above %d; use a newer release for this archive"
            .formatted(what, version, known));
  }

  /**
   * Lets through what is not newer than what is known.
   *
   * @param what has the version, such as the root index
   */
  static void requireKnown(String what, int version, int known) {
    if (version > known) {
      throw new UnknownVersionException(what, version, known);
    }
  }
}
