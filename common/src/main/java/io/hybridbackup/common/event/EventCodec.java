package io.hybridbackup.common.event;

import io.hybridbackup.common.json.Json;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Locale;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectReader;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.databind.node.StringNode;

/**
 * Events as Kafka records, after the CloudEvents 1.0 protocol binding for Kafka. Writes structured
 * mode; reads structured mode, binary mode, and a CloudEvent in JSON without any header, as a
 * console producer sends it.
 *
 * <p>Unknown attributes and fields are ignored. A request may lack {@code id}, {@code source} and
 * {@code time}; everything else that the contract requires must be there and have the right form.
 */
public final class EventCodec {
  /** The {@code content-type} header of what {@link #write} makes. */
  public static final String CONTENT_TYPE = "application/cloudevents+json";

  /**
   * How many bytes a request may have, with its key and headers. Its answer, which repeats some of
   * it several times, then stays well below the megabyte that Kafka takes.
   */
  public static final int LARGEST_REQUEST = 128 << 10;

  private static final int BRIEF_LIST = 20;
  private static final int BRIEF_TEXT = 1000;
  private static final String SPEC_VERSION = "1.0";
  private static final String DATA_CONTENT_TYPE = "application/json";
  private static final String TIME_EXAMPLE = "an ISO 8601 time such as 2026-01-11T02:00:00Z";
  private static final ObjectReader TREES =
      Json.mapper()
          .readerFor(JsonNode.class)
          .with(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY);

  private EventCodec() {}

  /**
   * Refuses a request that is larger than {@link #LARGEST_REQUEST}.
   *
   * @throws UnreadableEventException if it is
   */
  public static void requireRoomForAnswer(
      byte @Nullable [] key, byte @Nullable [] value, Iterable<Header> headers) {
    int size = length(key) + length(value);
    for (Header header : headers) {
      size += header.key().length() + length(header.value());
    }
    if (size > LARGEST_REQUEST) {
      throw new UnreadableEventException(
          "the request has %d bytes; with its key and headers it may have %d, so ask for less"
              .formatted(size, LARGEST_REQUEST));
    }
  }

  private static int length(byte @Nullable [] bytes) {
    return bytes == null ? 0 : bytes.length;
  }

  /** The value of a record in structured mode; {@link #CONTENT_TYPE} belongs in its header. */
  public static byte[] write(Envelope envelope) {
    return Json.write(toJson(envelope));
  }

  /**
   * As {@link #write}, of what a broker does not take whole: of each list there are the first 20
   * elements, and of each text the first 1,000 characters.
   */
  public static byte[] writeBrief(Envelope envelope) {
    return Json.write(brief(toJson(envelope)));
  }

  private static JsonNode brief(JsonNode json) {
    return switch (json) {
      case ObjectNode object -> {
        ObjectNode brief = Json.mapper().createObjectNode();
        object.properties().forEach(field -> brief.set(field.getKey(), brief(field.getValue())));
        yield brief;
      }
      case ArrayNode array -> {
        ArrayNode brief = Json.mapper().createArrayNode();
        array.valueStream().limit(BRIEF_LIST).map(EventCodec::brief).forEach(brief::add);
        yield brief;
      }
      case StringNode text when text.stringValue().length() > BRIEF_TEXT ->
          StringNode.valueOf(text.stringValue().substring(0, BRIEF_TEXT) + "…");
      default -> json;
    };
  }

  /**
   * @param value of the record; null, a tombstone, is no event: whoever reads a compacted topic
   *     looks for it first
   * @throws UnreadableEventException if the record is no event of the contract
   */
  public static Envelope read(byte @Nullable [] value, Iterable<Header> headers) {
    if (value == null) {
      throw new UnreadableEventException("the record has no value; put a CloudEvent there");
    }
    String contentType = header(headers, "content-type");
    if (contentType != null && mediaType(contentType).startsWith("application/cloudevents")) {
      if (!mediaType(contentType).equals(CONTENT_TYPE)) {
        throw new UnreadableEventException(
            "content-type '" + contentType + "' is not understood; use " + CONTENT_TYPE);
      }
      return ofJson(parse(value));
    }
    if (header(headers, "ce_type") == null && header(headers, "ce_specversion") == null) {
      return ofJson(parse(value));
    }
    return read(
        header(headers, "ce_specversion"),
        header(headers, "ce_type"),
        header(headers, "ce_id"),
        header(headers, "ce_source"),
        header(headers, "ce_time"),
        header(headers, "ce_subject"),
        contentType,
        parse(value));
  }

  static ObjectNode toJson(Envelope envelope) {
    ObjectNode json = Json.mapper().createObjectNode();
    json.put("specversion", SPEC_VERSION);
    if (envelope.id() != null) {
      json.put("id", envelope.id());
    }
    if (envelope.source() != null) {
      json.put("source", envelope.source());
    }
    json.put("type", envelope.type().name());
    if (envelope.time() != null) {
      json.put("time", envelope.time().toString());
    }
    if (envelope.subject() != null) {
      json.put("subject", envelope.subject());
    }
    json.put("datacontenttype", DATA_CONTENT_TYPE);
    json.set("data", Json.mapper().valueToTree(envelope.data()));
    return json;
  }

  static Envelope ofJson(JsonNode json) {
    if (!json.isObject()) {
      throw new UnreadableEventException(
          "the value is JSON but not an object; a CloudEvent looks like"
              + " {\"specversion\":\"1.0\",\"type\":…,\"source\":…,\"id\":…,\"data\":{…}}");
    }
    if (json.has("data_base64")) {
      throw new UnreadableEventException("data_base64 is not understood; give the data as JSON");
    }
    return read(
        attribute(json, "specversion"),
        attribute(json, "type"),
        attribute(json, "id"),
        attribute(json, "source"),
        attribute(json, "time"),
        attribute(json, "subject"),
        attribute(json, "datacontenttype"),
        json.get("data"));
  }

  private static Envelope read(
      @Nullable String specVersion,
      @Nullable String typeName,
      @Nullable String id,
      @Nullable String source,
      @Nullable String time,
      @Nullable String subject,
      @Nullable String dataContentType,
      @Nullable JsonNode data) {
    if (!SPEC_VERSION.equals(required("specversion", specVersion))) {
      throw new UnreadableEventException(
          "specversion '" + specVersion + "' is not understood; use " + SPEC_VERSION);
    }
    EventType type = type(required("type", typeName));
    if (dataContentType != null && !isJson(mediaType(dataContentType))) {
      throw new UnreadableEventException(
          "data of content type '" + dataContentType + "' is not understood; use application/json");
    }
    Event event = EventData.read(type, data);
    if (!(event instanceof Request)) {
      required("id", usable(id));
      required("source", usable(source));
      required("time", usable(time));
    }
    return new Envelope(usable(id), usable(source), instant(usable(time)), usable(subject), event);
  }

  private static EventType type(String name) {
    return EventType.named(name)
        .orElseThrow(() ->
            new UnreadableEventException(
                "type '"
                    + name
                    + "' is not known to this version; types look like"
                    + " io.hybridbackup.BackupRequested.v1"));
  }

  private static JsonNode parse(byte[] value) {
    try {
      return TREES.readValue(value);
    } catch (JacksonException e) {
      throw new UnreadableEventException(
          "the value is not readable JSON: " + e.getOriginalMessage(), e);
    }
  }

  private static @Nullable Instant instant(@Nullable String time) {
    if (time == null) {
      return null;
    }
    try {
      return OffsetDateTime.parse(time).toInstant();
    } catch (DateTimeException e) {
      throw new UnreadableEventException("time '" + time + "' must be " + TIME_EXAMPLE, e);
    }
  }

  private static @Nullable String attribute(JsonNode json, String name) {
    JsonNode value = json.get(name);
    if (value == null || value.isNull()) {
      return null;
    }
    if (!value.isString()) {
      throw new UnreadableEventException(
          "the attribute '" + name + "' must be a text in quotes, not " + value);
    }
    return value.stringValue();
  }

  private static String required(String name, @Nullable String value) {
    if (value == null) {
      throw new UnreadableEventException("the CloudEvents attribute '" + name + "' is missing");
    }
    return value;
  }

  private static @Nullable String usable(@Nullable String value) {
    return value == null || value.isBlank() ? null : value;
  }

  private static @Nullable String header(Iterable<Header> headers, String name) {
    for (Header header : headers) {
      if (header.key().equalsIgnoreCase(name) && header.value() != null) {
        return new String(header.value(), StandardCharsets.UTF_8);
      }
    }
    return null;
  }

  private static String mediaType(String contentType) {
    int parameters = contentType.indexOf(';');
    String type = parameters < 0 ? contentType : contentType.substring(0, parameters);
    return type.strip().toLowerCase(Locale.ROOT);
  }

  private static boolean isJson(String mediaType) {
    return mediaType.equals(DATA_CONTENT_TYPE) || mediaType.endsWith("+json");
  }
}
