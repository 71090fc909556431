package io.hybridbackup.common.messaging;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.Request;
import io.hybridbackup.common.identity.RunId;
import java.time.Instant;

/**
 * A request as it came out of its topic.
 *
 * @param run that it starts; the same at every delivery
 * @param recordTime when it was published, by the record's own timestamp
 * @param receivedAt when it came out this time; later than those that came out before it
 */
public record ReceivedRequest(
    Envelope envelope,
    Request request,
    RunId run,
    String topic,
    int partition,
    long offset,
    Instant recordTime,
    Instant receivedAt) {

  /**
   * When it was made, by the record's timestamp or the event's own {@code time}, whichever is
   * earlier: somebody may publish an old event anew.
   */
  public Instant requestedAt() {
    Instant own = envelope.time();
    return own != null && own.isBefore(recordTime) ? own : recordTime;
  }
}
