package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.event.Fact;
import java.io.PrintStream;

/** Shows a person how a run gets on. Goes to standard error: standard output is for results. */
interface Progress extends AutoCloseable {
  /** The width of the terminal, which the launcher finds out; absent if there is none. */
  String COLUMNS = "hybrid-backup.columns";

  static Progress on(PrintStream output) {
    int columns = Integer.getInteger(COLUMNS, 0);
    return columns > 0 ? new TerminalProgress(output, columns) : new PlainProgress(output);
  }

  void show(Fact fact);

  /** Says something beside the progress itself. */
  void say(String text);

  /** Leaves the cursor at the beginning of a line. */
  @Override
  void close();
}
