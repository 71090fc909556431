package io.hybridbackup.restore;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.json.Json;
import io.hybridbackup.restore.Journal.Begun;
import io.hybridbackup.restore.Journal.Entry;
import io.hybridbackup.restore.Journal.Preparing;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class JournalTest {
  @Test
  void shouldReadAnEntryFromBeforeARestoreCouldBringNothing() {
    // given
    String entry =
        """
        {"entry": "preparing", "epoch": 1,
         "folders": {"folder": "/app/storage", "within": false, "existed": true,
                     "keptAs": "/app/storage_before_x"}}
        """;

    // then
    assertThat(Json.read(entry.getBytes(UTF_8), Entry.class))
        .isEqualTo(
            new Preparing(
                1,
                new Exchange.Folders(
                    "/app/storage", false, true, "/app/storage_before_x", null, false)));
  }

  @Test
  void shouldReadAnEntryFromBeforeATargetCouldBeClosed() {
    // given
    String entry =
        """
        {"entry": "begun", "epoch": 1, "durations": {}, "warnings": [],
         "exchange": {"database": {"name": "edms", "previous": 1, "keptAs": "edms_before_x",
                                   "next": 2, "nextName": "restore_x_1"}}}
        """;

    // then
    assertThat(Json.read(entry.getBytes(UTF_8), Entry.class))
        .isEqualTo(
            new Begun(
                1,
                new Exchange(
                    new Exchange.Databases("edms", 1L, "edms_before_x", 2L, "restore_x_1", false),
                    null),
                null,
                null,
                null,
                Map.of(),
                List.of()));
  }
}
