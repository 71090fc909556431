package io.hybridbackup.common.job;

import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.RestoreStarted;
import java.time.Instant;
import java.util.Optional;

/**
 * The answer to a request.
 *
 * @param answer {@code BackupAccepted}, {@code BackupRejected}, {@code RestoreStarted} or {@code
 *     RestoreFailed}; of a cancellation that is to be carried out the {@code BackupCancelled} that
 *     it proposes as another run's end
 * @param deadline when the run will have failed if it has not ended
 */
public record Claim(Announcement answer, Instant deadline) {
  public Optional<BackupAccepted> backup() {
    return answer.fact() instanceof BackupAccepted accepted
        ? Optional.of(accepted)
        : Optional.empty();
  }

  public Optional<RestoreStarted> restore() {
    return answer.fact() instanceof RestoreStarted started
        ? Optional.of(started)
        : Optional.empty();
  }

  /** Whether it is a refusal, or proposes another run's end. */
  public boolean beginsNoRun() {
    return answer.fact() instanceof Fact.TerminalFact;
  }
}
