package io.hybridbackup.common.process;

/** A native program could not be run, or said that it failed. */
public final class ToolException extends Exception {
  private final String program;
  private final int exitCode;
  private final String errors;

  /** The exit code of a program that could not even be started. */
  public static final int NOT_STARTED = -1;

  /** The exit code of a program that was ended because its time was up. */
  public static final int TOO_SLOW = -2;

  /** The exit code where another program holds the lock; no program that is used here has it. */
  public static final int LOCKED = 213;

  ToolException(String program, int exitCode, String errors) {
    super(message(program, exitCode, errors));
    this.program = program;
    this.exitCode = exitCode;
    this.errors = errors;
  }

  private static String message(String program, int exitCode, String errors) {
    return switch (exitCode) {
      case NOT_STARTED -> program + " could not be started: " + errors;
      case TOO_SLOW -> program + " was ended: " + errors;
      case LOCKED -> program + " was not run: another program holds its lock";
      default ->
          program + " ended with exit code " + exitCode + (errors.isBlank() ? "" : ": " + errors);
    };
  }

  public String program() {
    return program;
  }

  public int exitCode() {
    return exitCode;
  }

  /** The end of what it wrote to its standard error, at most 8 KiB. */
  public String errors() {
    return errors;
  }
}
