package io.hybridbackup.deploy.chaos;

/** What goes wrong at a step. */
enum Fault {
  /** SIGKILL for the process that takes the step. Another instance has to take over. */
  KILL(true),
  /** SIGSTOP for longer than the lease, then SIGCONT. */
  FREEZE(true),
  /** The store answers 500, once or until the client gives up. */
  ERROR_500(false),
  /** The store answers 503 and asks to slow down. */
  ERROR_503(false),
  /** The store takes its time, sometimes more than the client has. */
  SLOW(false),
  /** The connection is cut when the store has done what it was asked. */
  CUT(false),
  /** Nobody reaches the store for longer than the lease. */
  STORE_AWAY(true),
  /** The store's disk is full for a while. */
  STORE_FULL(true),
  /** The disk of staging folders, dumps and restored files is full. */
  DISK_FULL(true),
  /** The broker is killed and started again. */
  BROKER_RESTART(true),
  /** PostgreSQL ends all connections and starts again. */
  POSTGRES_RESTART(true),
  /** Requests come again: this round's twice, older ones in another order. */
  REPLAY(false),
  /** Somebody cancels the backup. */
  CANCEL(true);

  private final boolean severe;

  Fault(boolean severe) {
    this.severe = severe;
  }

  /** Whether it takes its time; there are only a few of them in a round. */
  boolean isSevere() {
    return severe;
  }

  /** Whether it concerns every service, and not only the one that takes the step. */
  boolean isEverywhere() {
    return switch (this) {
      case STORE_AWAY, STORE_FULL, DISK_FULL, BROKER_RESTART, POSTGRES_RESTART -> true;
      case KILL, FREEZE, ERROR_500, ERROR_503, SLOW, CUT, REPLAY, CANCEL -> false;
    };
  }
}
