package io.hybridbackup.common.event;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import io.hybridbackup.common.identity.RunId;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * An event with its CloudEvents 1.0 attributes. As JSON, also within another record, it is the
 * CloudEvent in structured mode.
 *
 * @param id unique within the source; null only in a request that came without a usable one
 * @param source URI reference of who published it; null only in a request that came without one
 * @param time when it happened; null only in a request that came without one
 * @param subject the name of the source or, of a restore, of the target
 */
public record Envelope(
    @Nullable String id,
    @Nullable String source,
    @Nullable Instant time,
    @Nullable String subject,
    Event data) {

  public Envelope {
    if (!(data instanceof Request) && (id == null || source == null || time == null)) {
      throw new IllegalArgumentException("only a request may lack its id, source or time");
    }
  }

  /** A fact has the same id however often it is published. */
  public static Envelope of(Fact fact, Instant time) {
    Origin origin = fact.origin();
    String id =
        String.join(
            ".",
            fact.run().value(),
            Integer.toString(origin.attempt()),
            origin.component().label(),
            Integer.toString(origin.epoch()),
            Long.toString(origin.sequence()),
            fact.getClass().getSimpleName());
    return new Envelope(
        id, publisher(origin.component().label()), time, EventSubject.of(fact), fact);
  }

  /** A state has the same id however often it is published. */
  public static Envelope of(RunState state) {
    return switch (state) {
      case RunState.BackupState backup ->
          ofState(state, "packager", backup.epoch(), backup.revision(), backup.changedAt());
      case RunState.RestoreState restore ->
          ofState(state, "restore", restore.epoch(), restore.revision(), restore.changedAt());
    };
  }

  /**
   * A request is the same run however often it is published with the same id and source.
   *
   * @param id not blank
   * @param source not blank
   */
  public static Envelope of(Request request, String id, String source, Instant time) {
    if (id.isBlank() || source.isBlank()) {
      throw new IllegalArgumentException("a request that is published has an id and a source");
    }
    return new Envelope(id, source, time, EventSubject.of(request), request);
  }

  /** The CloudEvent in structured mode. */
  @JsonValue
  public JsonNode toJson() {
    return EventCodec.toJson(this);
  }

  /**
   * The event in a CloudEvent in structured mode.
   *
   * @throws UnreadableEventException if it is none of the contract's
   */
  @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
  public static Envelope ofJson(JsonNode cloudEvent) {
    return EventCodec.ofJson(cloudEvent);
  }

  public EventType type() {
    return EventType.of(data);
  }

  /**
   * The run that this request starts, were it read from that record: from source and id where it
   * has both, so that a request published twice is one run, or else from its place in Kafka.
   */
  public RunId runOfRequest(String topic, int partition, long offset) {
    return id == null || source == null
        ? RunId.ofRecord(topic, partition, offset)
        : RunId.ofRequest(source, id);
  }

  private static Envelope ofState(
      RunState state, String component, int epoch, long revision, Instant time) {
    String id =
        String.join(
            ".",
            state.run().value(),
            component,
            Integer.toString(epoch),
            Long.toString(revision),
            state.getClass().getSimpleName());
    return new Envelope(id, publisher(component), time, EventSubject.of(state), state);
  }

  private static String publisher(String component) {
    return "/hybrid-backup/" + component;
  }
}
