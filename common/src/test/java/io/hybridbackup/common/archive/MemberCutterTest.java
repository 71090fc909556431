package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NavigableSet;
import java.util.Random;
import java.util.TreeSet;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class MemberCutterTest {
  private static final int BYTES = 24 << 20;

  /** So many members at most are others than before, where something is put in. */
  private static final int MOVED = 8;

  @Property(tries = 20)
  void shouldCutAlikeWithinBounds(@ForAll long seed, @ForAll @IntRange(min = 1) int bytes) {
    byte[] content = random(seed, bytes % BYTES + 1);

    List<Integer> lengths = lengths(content);

    assertThat(lengths(content.clone())).isEqualTo(lengths);
    assertThat(lengths.stream().mapToInt(Integer::intValue).sum()).isEqualTo(content.length);
    assertThat(lengths.subList(0, lengths.size() - 1))
        .allSatisfy(length ->
            assertThat(length).isBetween(MemberCutter.SHORTEST + 1, MemberCutter.LONGEST));
    assertThat(lengths.getLast()).isBetween(1, MemberCutter.LONGEST);
  }

  @Property(tries = 20)
  void shouldMoveOnlyTheCutsNearbyWhenSomethingIsPutIn(
      @ForAll long seed,
      @ForAll @IntRange(max = BYTES) int at,
      @ForAll @Size(min = 1, max = 1000) byte[] more) {
    byte[] content = random(seed, BYTES);
    byte[] longer = new byte[BYTES + more.length];
    System.arraycopy(content, 0, longer, 0, at);
    System.arraycopy(more, 0, longer, at, more.length);
    System.arraycopy(content, at, longer, at + more.length, BYTES - at);

    NavigableSet<Integer> before = ends(content);
    NavigableSet<Integer> after = new TreeSet<>();
    for (int end : ends(longer)) {
      after.add(end <= at ? end : end - more.length);
    }

    assertThat(after.headSet(at, true)).containsAll(before.headSet(at));
    before.removeAll(after);
    assertThat(before).hasSizeLessThan(MOVED);
  }

  @Test
  void shouldCutWhatIsAllTheSameByLength() {
    assertThat(lengths(new byte[2 * MemberCutter.LONGEST + 7]))
        .containsExactly(MemberCutter.LONGEST, MemberCutter.LONGEST, 7);
  }

  /** What an earlier archive holds is found again only if it is cut as it was then. */
  @Test
  void shouldCutAsItHasAlwaysCut() {
    assertThat(ends(random(1, 6 << 20)))
        .containsExactly(2097152, 3391207, 4762888, 6076643, 6291456);
  }

  private static byte[] random(long seed, int bytes) {
    byte[] content = new byte[bytes];
    new Random(seed).nextBytes(content);
    return content;
  }

  private static NavigableSet<Integer> ends(byte[] content) {
    NavigableSet<Integer> ends = new TreeSet<>();
    int end = 0;
    for (int length : lengths(content)) {
      end += length;
      ends.add(end);
    }
    return ends;
  }

  private static List<Integer> lengths(byte[] content) {
    List<Integer> lengths = new ArrayList<>();
    for (int from = 0; from < content.length; ) {
      int bytes = Math.min(MemberCutter.LONGEST, content.length - from);
      int length = MemberCutter.cut(Arrays.copyOfRange(content, from, from + bytes), bytes);
      lengths.add(length);
      from += length;
    }
    return lengths;
  }
}
