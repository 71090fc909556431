package io.hybridbackup.common.event;

import com.fasterxml.jackson.annotation.JsonValue;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.json.Json;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.time.Instant;
import java.util.Collection;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * Reads the data of an event. The shape of the JSON is checked before it is bound, because binding
 * turns what is missing into null or 0 and numbers into texts.
 */
final class EventData {
  private EventData() {}

  static Event read(EventType type, @Nullable JsonNode data) {
    requireFields("data", type.data(), data);
    try {
      return Json.mapper().treeToValue(data, type.data());
    } catch (JacksonException e) {
      throw new UnreadableEventException(place(e) + ": " + reason(e), e);
    }
  }

  private static void requireFields(String path, Class<?> type, @Nullable JsonNode json) {
    if (json == null || json.isNull()) {
      throw new UnreadableEventException(path + " is missing; it must be an object {…}");
    }
    if (!json.isObject()) {
      throw new UnreadableEventException(path + " must be an object {…}, not " + json);
    }
    for (RecordComponent field : type.getRecordComponents()) {
      requireField(path, field, json.get(JsonName.of(field)));
    }
  }

  private static void requireField(String parent, RecordComponent field, @Nullable JsonNode json) {
    String path = parent + "." + JsonName.of(field);
    Form form = Form.of(field.getGenericType());
    if (json == null || json.isNull()) {
      if (field.getAnnotatedType().isAnnotationPresent(Nullable.class)) {
        return;
      }
      throw new UnreadableEventException(path + " is missing; it must be " + form.description);
    }
    if (form == Form.FIELDS) {
      requireFields(path, field.getType(), json);
    } else if (!form.fits(json)) {
      throw new UnreadableEventException(path + " must be " + form.description + ", not " + json);
    }
  }

  private static String place(JacksonException failure) {
    return failure.getPath().stream()
        .map(step ->
            step.getPropertyName() == null
                ? "[" + step.getIndex() + "]"
                : "." + step.getPropertyName())
        .collect(Collectors.joining("", "data", ""));
  }

  private static String reason(JacksonException failure) {
    return failure.getCause() instanceof IllegalArgumentException refused
        ? String.valueOf(refused.getMessage())
        : failure.getOriginalMessage();
  }

  /** What a field looks like in JSON. */
  private enum Form {
    TEXT("a text in quotes"),
    TIME("an ISO 8601 time such as 2026-01-11T02:00:00Z"),
    COUNT("a whole number"),
    TRUTH("true or false"),
    COMPONENTS("a list of \"database\" and \"media\""),
    LIST("a list [...]"),
    MAP("an object {…}"),
    FIELDS("an object {…}");

    private final String description;

    Form(String description) {
      this.description = description;
    }

    static Form of(Type type) {
      if (type instanceof ParameterizedType generic) {
        if (Map.class.isAssignableFrom((Class<?>) generic.getRawType())) {
          return MAP;
        }
        if (Collection.class.isAssignableFrom((Class<?>) generic.getRawType())) {
          return generic.getActualTypeArguments()[0] == Component.class ? COMPONENTS : LIST;
        }
      }
      if (type == Instant.class) {
        return TIME;
      }
      if (type == int.class || type == long.class || type == Long.class) {
        return COUNT;
      }
      if (type == boolean.class || type == Boolean.class) {
        return TRUTH;
      }
      return type instanceof Class<?> named && named.isRecord() && !isText(named) ? FIELDS : TEXT;
    }

    private static boolean isText(Class<?> named) {
      return named.getRecordComponents()[0].getAccessor().isAnnotationPresent(JsonValue.class);
    }

    boolean fits(JsonNode json) {
      return switch (this) {
        case TEXT, TIME -> json.isString();
        case COUNT -> json.isIntegralNumber();
        case TRUTH -> json.isBoolean();
        case COMPONENTS, LIST -> json.isArray() && !holdsNull(json);
        case MAP -> json.isObject() && !holdsNull(json);
        case FIELDS -> json.isObject();
      };
    }

    private static boolean holdsNull(JsonNode json) {
      return json.valueStream().anyMatch(JsonNode::isNull);
    }
  }
}
