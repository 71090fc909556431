package io.hybridbackup.common.event;

/** What an event is about: a source or, of a restore, a target. */
final class EventSubject {
  private EventSubject() {}

  static String of(Event event) {
    return switch (event) {
      case Request.BackupRequested request -> request.source();
      case Request.BackupCancelRequested request -> request.source();
      case Request.VerificationRequested request -> request.source();
      case Request.RestoreRequested request -> request.target();
      case Fact.BackupFact fact -> fact.source();
      case Fact.RestoreFact fact -> fact.target();
      case RunState.BackupState state -> state.source();
      case RunState.RestoreState state -> state.target();
    };
  }
}
