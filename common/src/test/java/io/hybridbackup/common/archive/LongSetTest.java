package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class LongSetTest {
  @Test
  void shouldHaveWhatWasAddedAndNothingElse() {
    // given
    LongSet numbers = new LongSet();
    Set<Long> expected = new HashSet<>();
    Random random = new Random(1);

    // when, then
    for (int i = 0; i < 20_000; i++) {
      long number = random.nextLong(-7_000, 8_000);
      assertThat(numbers.contains(number)).isEqualTo(expected.contains(number));
      assertThat(numbers.add(number)).isEqualTo(expected.add(number));
    }
    assertThat(expected).contains(0L);
  }
}
