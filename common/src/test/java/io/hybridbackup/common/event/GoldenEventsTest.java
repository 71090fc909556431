package io.hybridbackup.common.event;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.json.Json;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Events as the first version published them. These files never change: every later version reads
 * them, and loses nothing of them.
 */
class GoldenEventsTest {
  static List<EventType> everyType() {
    return EventType.all();
  }

  @ParameterizedTest
  @MethodSource("everyType")
  void shouldReadWhatTheFirstVersionPublished(EventType type) throws IOException {
    byte[] golden = golden(type);

    Envelope envelope = EventCodec.read(golden, List.of());

    assertThat(envelope.data()).isInstanceOf(type.data());
    assertThat(Json.mapper().readTree(EventCodec.write(envelope)))
        .isEqualTo(Json.mapper().readTree(golden));
  }

  private static byte[] golden(EventType type) throws IOException {
    try (InputStream in =
        requireNonNull(
            GoldenEventsTest.class.getResourceAsStream(
                "/io/hybridbackup/events/" + type.data().getSimpleName() + ".v1.json"),
            () -> "there is no golden file of " + type)) {
      return in.readAllBytes();
    }
  }
}
