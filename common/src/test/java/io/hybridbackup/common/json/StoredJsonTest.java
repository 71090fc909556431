package io.hybridbackup.common.json;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import tools.jackson.core.JacksonException;

class StoredJsonTest {
  private static final String LONG = "as long as it gets ".repeat(StoredJson.LONGEST_PLAIN / 10);

  @Test
  void shouldLeaveWhatIsShortAsItIs() {
    assertThat(StoredJson.write("short")).isEqualTo(Json.write("short"));
    assertThat(StoredJson.read(Json.write("short"), String.class)).isEqualTo("short");
  }

  @Test
  void shouldKeepWhatIsLongInLittleRoom() {
    byte[] stored = StoredJson.write(LONG);

    assertThat(stored).hasSizeLessThan(LONG.length() / 10);
    assertThat(StoredJson.read(stored, String.class)).isEqualTo(LONG);
  }

  @Test
  void shouldReadWhatIsLongAndWasNotPacked() {
    assertThat(StoredJson.read(Json.write(LONG), String.class)).isEqualTo(LONG);
  }

  @Test
  void shouldTellThatWhatIsLongIsNotWhole() {
    byte[] stored = StoredJson.write(LONG);
    byte[] half = Arrays.copyOf(stored, stored.length / 2);

    assertThatThrownBy(() -> StoredJson.read(half, String.class))
        .isInstanceOf(JacksonException.class);
  }
}
