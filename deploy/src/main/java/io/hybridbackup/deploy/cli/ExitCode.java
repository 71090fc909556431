package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.event.Fact;

/** What the program's exit codes mean; {@code --help} and the README list them. */
public enum ExitCode {
  SUCCESS(0),
  RUN_FAILED(1),
  USAGE(2),
  CONFIGURATION(3),
  UNREACHABLE(4),
  REJECTED(5),
  NOTHING_FOUND(6),

  /** Nobody reads standard output any more; what a shell says of a program that SIGPIPE ended. */
  OUTPUT_CLOSED(141);

  private final int code;

  ExitCode(int code) {
    this.code = code;
  }

  public int code() {
    return code;
  }

  static ExitCode of(Fact.TerminalFact fact) {
    return switch (fact) {
      case Fact.BackupCompleted completed -> SUCCESS;
      case Fact.RestoreCompleted completed -> SUCCESS;
      case Fact.BackupRejected rejected -> REJECTED;
      // No worker has it: the request itself was turned down.
      case Fact.RestoreFailed failed -> failed.origin().epoch() == 0 ? REJECTED : RUN_FAILED;
      case Fact.BackupFailed failed -> RUN_FAILED;
      case Fact.BackupCancelled cancelled -> RUN_FAILED;
    };
  }
}
