package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.event.Fact;
import java.io.PrintStream;
import org.jspecify.annotations.Nullable;

/** Shows a person how a run gets on. Goes to standard error: standard output is for results. */
interface Progress extends AutoCloseable {
  /** The width of the terminal, which the launcher finds out; absent if there is none. */
  String COLUMNS = "hybrid-backup.columns";

  static Progress on(PrintStream output) {
    int columns = Integer.getInteger(COLUMNS, 0);
    return columns > 0 ? new TerminalProgress(output, columns) : new PlainProgress(output);
  }

  static Progress onStandardError() {
    return on(System.err);
  }

  void show(Fact fact);

  /**
   * Shows how far something has come that no fact tells of.
   *
   * @param label of what it is done to
   * @param phase what is done
   */
  void show(
      String label, String phase, long bytes, @Nullable Long bytesTotal, @Nullable Long files);

  /** Says something beside the progress itself. */
  void say(String text);

  /** Leaves the cursor at the beginning of a line. */
  @Override
  void close();
}
