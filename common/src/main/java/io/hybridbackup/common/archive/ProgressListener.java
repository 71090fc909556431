package io.hybridbackup.common.archive;

/** Hears how far a long work has come. Called often, from one thread at a time; must be quick. */
@FunctionalInterface
public interface ProgressListener {
  /** Hears nothing. */
  ProgressListener NONE = (bytes, files) -> {};

  /**
   * So much is to be done in all. Called at most once, before anything is done.
   *
   * @param bytes plain bytes of content
   * @param files whole files
   */
  default void expected(long bytes, long files) {}

  /**
   * More has been done since the last call.
   *
   * @param bytes plain bytes of content, at least 0
   * @param files whole files, at least 0
   */
  void advanced(long bytes, long files);
}
