package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.archive.MemberQueue.Expected;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MemberQueueTest {
  private static final int MEMBERS = 2_000;

  private int readings;
  private int open;

  private static IndexLine.Span member(long number) {
    byte[] content = {(byte) number, (byte) (number >> 8)};
    return new IndexLine.Span(
        50 * number, 50, 2, Sha256.of(content, content.length), "%016x".formatted(number));
  }

  /** An index of so many members. */
  private MemberQueue queue(int longest) {
    return new MemberQueue(
        from -> {
          readings++;
          open++;
          return new MemberQueue.Members() {
            private long next = from;

            @Override
            public IndexLine.@Nullable Span next() {
              return next < MEMBERS ? member(next++) : null;
            }

            @Override
            public void close() {
              open--;
            }
          };
        },
        longest);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 100, MEMBERS})
  void shouldGiveMembersInTheirOrderHoweverFewItHolds(int longest) throws IOException {
    // given
    Random random = new Random(longest);
    Deque<Expected> expected = new ArrayDeque<>();
    long number = 0;
    try (MemberQueue queue = queue(longest)) {
      while (number < MEMBERS || !expected.isEmpty()) {
        // when
        for (int more = random.nextInt(40); more > 0 && number < MEMBERS; more--) {
          boolean wanted = random.nextInt(20) > 0;
          queue.add(number, member(number), wanted);
          expected.add(new Expected(number, member(number), wanted));
          number += random.nextInt(10) == 0 ? 3 : 1;
        }

        // then
        for (int fewer = random.nextInt(40); fewer > 0; fewer--) {
          assertThat(queue.peek()).isEqualTo(expected.peek());
          queue.remove();
          expected.poll();
        }
      }
      assertThat(queue.peek()).isNull();
      assertThat(readings).isLessThanOrEqualTo(longest < MEMBERS ? 1 : 0);
    }
    assertThat(open).isZero();
  }

  @Test
  void shouldGiveMembersUntilTheyHaveWhatIsWanted() throws IOException {
    try (MemberQueue queue = queue(100)) {
      queue.add(2, member(2), true);
      queue.add(10, 41);
      queue.add(30, 1);
      queue.add(31, member(31), true);

      assertThat(numbers(queue)).startsWith(2L, 10L, 11L).endsWith(29L, 30L, 30L, 31L);
      assertThat(readings).isEqualTo(1);
    }
  }

  @Test
  void shouldEndWhereTheIndexDoes() throws IOException {
    try (MemberQueue queue = queue(100)) {
      queue.add(MEMBERS - 2, 1_000);

      assertThat(numbers(queue)).containsExactly(MEMBERS - 2L, MEMBERS - 1L);
    }
  }

  @Test
  void shouldKnowWhetherThereIsEnough() throws IOException {
    try (MemberQueue queue = queue(2)) {
      queue.add(0, member(0), true);
      assertThat(queue.has(50, 1_000)).isTrue();
      assertThat(queue.has(1_000, 2)).isTrue();
      assertThat(queue.has(51, 3)).isFalse();
      queue.add(1, member(1), true);
      queue.add(2, member(2), true);
      assertThat(queue.has(1_000, 1_000)).isTrue();
      assertThat(numbers(queue)).hasSize(3);
      assertThat(queue.has(1, 1)).isFalse();
    }
  }

  private static List<Long> numbers(MemberQueue queue) throws IOException {
    List<Long> numbers = new ArrayList<>();
    for (Expected next = queue.peek(); next != null; next = queue.peek()) {
      numbers.add(next.number());
      queue.remove();
    }
    return numbers;
  }
}
