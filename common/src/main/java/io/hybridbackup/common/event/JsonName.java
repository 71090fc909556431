package io.hybridbackup.common.event;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.lang.reflect.RecordComponent;

/** What a field of an event is called in JSON. */
final class JsonName {
  private JsonName() {}

  static String of(RecordComponent field) {
    JsonProperty renamed = field.getAccessor().getAnnotation(JsonProperty.class);
    return renamed == null ? field.getName() : renamed.value();
  }
}
