package io.hybridbackup.common.job;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.Fact;
import java.time.Instant;
import java.util.Objects;

/**
 * The fact that tells the world of a record. The record holds it whole, as the CloudEvent that is
 * published, so that whoever publishes it again publishes the same event.
 */
public record Announcement(Fact fact, Instant at) {
  @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
  static Announcement of(Envelope envelope) {
    if (envelope.data() instanceof Fact fact) {
      return new Announcement(fact, Objects.requireNonNull(envelope.time()));
    }
    throw new IllegalArgumentException("a record is told by a fact, not by " + envelope.type());
  }

  /** The event that tells it: the same whoever publishes it, however often. */
  @JsonValue
  public Envelope envelope() {
    return Envelope.of(fact, at);
  }

  /** The fact, if it is one of that type. */
  public <F extends Fact> F fact(Class<F> type) {
    return type.cast(fact);
  }
}
