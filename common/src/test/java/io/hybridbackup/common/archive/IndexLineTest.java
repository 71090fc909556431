package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class IndexLineTest {
  private static IndexLine.Entry fifo(String user, String group) {
    return new IndexLine.Entry(
        "storage/fifo",
        null,
        ArchiveEntry.Type.FIFO,
        null,
        0600,
        1,
        2,
        user,
        group,
        0,
        0,
        null,
        null,
        null,
        null,
        new TreeMap<>(),
        null,
        null,
        null,
        new ArchiveEntry.Place(0, 0),
        null);
  }

  @Test
  void shouldTakeNamesOfOwnersAsLongAsLinuxHasThem() {
    String longest = "u".repeat(254) + "ö";

    assertThat(fifo(longest, longest).toEntry().user()).isEqualTo(longest);
  }

  @Test
  void shouldRefuseLongerNamesOfOwners() {
    String tooLong = "u".repeat(255) + "ö";

    assertThatThrownBy(() -> fifo(tooLong, "").toEntry()).hasMessageContaining("256 bytes");
    assertThatThrownBy(() -> fifo("", tooLong).toEntry()).hasMessageContaining("256 bytes");
  }
}
