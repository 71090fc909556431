package io.hybridbackup.common.event;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Duration;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.databind.DeserializationContext;
import tools.jackson.databind.SerializationContext;
import tools.jackson.databind.ValueDeserializer;
import tools.jackson.databind.ValueSerializer;

/** A duration in JSON: a number of seconds, to the millisecond, which every language reads. */
final class Seconds {
  private Seconds() {}

  static final class Writer extends ValueSerializer<Duration> {
    @Override
    public void serialize(Duration value, JsonGenerator json, SerializationContext context) {
      json.writeNumber(BigDecimal.valueOf(value.toMillis(), 3));
    }
  }

  static final class Reader extends ValueDeserializer<Duration> {
    @Override
    public Duration deserialize(JsonParser json, DeserializationContext context) {
      BigDecimal millis = json.getDecimalValue().movePointRight(3);
      return Duration.ofMillis(millis.setScale(0, RoundingMode.HALF_EVEN).longValueExact());
    }
  }
}
