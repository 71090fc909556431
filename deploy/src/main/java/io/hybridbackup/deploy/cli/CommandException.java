package io.hybridbackup.deploy.cli;

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

  public ExitCode exitCode() {
    return exitCode;
  }
}
