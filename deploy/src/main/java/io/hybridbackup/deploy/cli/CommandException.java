package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.archive.ArchiveCorruptException;
import io.hybridbackup.common.archive.EscapedPath;
import java.io.IOException;

/** A command ends here. The message says what is wrong and what to do about it. */
public final class CommandException extends RuntimeException {
  private final ExitCode exitCode;

  CommandException(ExitCode exitCode, String message) {
    super(message);
    this.exitCode = exitCode;
  }

  CommandException(ExitCode exitCode, String message, Throwable cause) {
    super(message, cause);
    this.exitCode = exitCode;
  }

  /** An archive could not be read. */
  static CommandException reading(IOException e) {
    return e instanceof ArchiveCorruptException
        ? new CommandException(
            ExitCode.RUN_FAILED, EscapedPath.printable(String.valueOf(e.getMessage())), e)
        : new CommandException(
            ExitCode.UNREACHABLE, "the archive could not be read: " + e + "; try again", e);
  }

  public ExitCode exitCode() {
    return exitCode;
  }
}
