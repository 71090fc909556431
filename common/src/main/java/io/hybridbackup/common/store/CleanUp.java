package io.hybridbackup.common.store;

/**
 * What is done at the end of a {@code try}, whose own failure hides none of the reason for which it
 * may have ended.
 */
@FunctionalInterface
interface CleanUp extends AutoCloseable {
  @Override
  void close();
}
