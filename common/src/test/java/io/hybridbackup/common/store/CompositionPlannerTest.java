package io.hybridbackup.common.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.store.CompositionPlanner.Copied;
import io.hybridbackup.common.store.CompositionPlanner.Limits;
import io.hybridbackup.common.store.CompositionPlanner.Part;
import io.hybridbackup.common.store.CompositionPlanner.Stitched;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import org.junit.jupiter.api.Test;

class CompositionPlannerTest {
  private static final long MIB = 1L << 20;
  private static final long GIB = 1L << 30;

  /** Small enough for the bytes of every object to be written down. */
  private static final Limits TINY = new Limits(5, 60, 12, 20);

  private final CompositionPlanner planner = new CompositionPlanner(CompositionPlanner.S3);

  @Property(tries = 20_000)
  void shouldKeepTheBytesAndTheLimits(@ForAll("pieces") List<Piece> pieces) {
    CompositionPlanner tiny = new CompositionPlanner(TINY);

    for (List<Part> parts : List.of(tiny.plan(pieces), tiny.planWithoutCopying(pieces))) {
      assertThat(content(parts)).isEqualTo(bytes(pieces));
      assertThat(parts).hasSizeBetween(1, TINY.parts());
      assertThat(parts).allSatisfy(part -> assertThat(part.bytes()).isBetween(1L, TINY.longest()));
      assertThat(parts.subList(0, parts.size() - 1))
          .allSatisfy(part -> assertThat(part.bytes()).isGreaterThanOrEqualTo(TINY.shortest()));
    }
    assertThat(tiny.planWithoutCopying(pieces)).allMatch(Stitched.class::isInstance);
  }

  @Provide
  Arbitrary<List<Piece>> pieces() {
    Arbitrary<Piece> slices =
        Combinators.combine(
                Arbitraries.of("a", "b"),
                Arbitraries.integers().between(0, 100),
                Arbitraries.integers().between(1, 80))
            .as((object, offset, bytes) -> slice(object, offset, bytes));
    Arbitrary<Piece> literals =
        Arbitraries.bytes()
            .array(byte[].class)
            .ofMinSize(1)
            .ofMaxSize(30)
            .map(content -> new Literal(content));
    return Arbitraries.frequencyOf(Tuple.of(3, slices), Tuple.of(1, literals))
        .list()
        .ofMinSize(1)
        .ofMaxSize(40)
        .filter(pieces -> CompositionPlanner.total(pieces) <= TINY.longest() * TINY.parts());
  }

  @Test
  void shouldCopyALongSliceWhole() {
    assertThat(planner.plan(List.of(slice("a", 7, 6 * MIB))))
        .containsExactly(new Copied(slice("a", 7, 6 * MIB)));
  }

  @Test
  void shouldBorrowTheHeadOfALongSliceForAShortPieceBeforeIt() {
    // given
    Slice shortOne = slice("a", 0, MIB);
    Slice longOne = slice("b", 0, 100 * MIB);

    // when
    List<Part> parts = planner.plan(List.of(shortOne, longOne));

    // then
    assertThat(parts)
        .containsExactly(
            new Stitched(List.of(shortOne, slice("b", 0, 4 * MIB))),
            new Copied(slice("b", 4 * MIB, 96 * MIB)));
  }

  @Test
  void shouldTakeASliceInWhoseRestWouldBeTooShortToCopy() {
    assertThat(planner.plan(List.of(slice("a", 0, MIB), slice("b", 0, 6 * MIB))))
        .containsExactly(new Stitched(List.of(slice("a", 0, MIB), slice("b", 0, 6 * MIB))));
  }

  @Test
  void shouldMergeSlicesThatContinueOneAnother() {
    // given
    List<Piece> pieces = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      pieces.add(slice("a", i * 100_000L, 100_000));
    }

    // then
    assertThat(planner.plan(pieces)).containsExactly(new Copied(slice("a", 0, 100_000_000)));
  }

  @Test
  void shouldNotMergeAcrossAChangeOfTheObject() {
    Slice before = new Slice(new ObjectKey("a"), "one", 0, 6 * MIB);
    Slice after = new Slice(new ObjectKey("a"), "two", 6 * MIB, 6 * MIB);

    assertThat(planner.plan(List.of(before, after)))
        .containsExactly(new Copied(before), new Copied(after));
  }

  @Test
  void shouldCopyAVeryLongSliceInSeveralParts() {
    // when
    List<Part> parts = planner.plan(List.of(slice("a", 0, 40 * GIB)));

    // then
    assertThat(parts).hasSize(80).allSatisfy(part -> assertThat(part.bytes()).isEqualTo(512 * MIB));
  }

  @Test
  void shouldKeepStitchedPartsSmall() {
    // given
    List<Piece> pieces = new ArrayList<>();
    for (long i = 0; i < 2000; i++) {
      pieces.add(slice("a", i * 10 * MIB, 1 + i * 1_777_777 % (7 * MIB)));
    }

    // then
    assertThat(planner.plan(pieces))
        .filteredOn(Stitched.class::isInstance)
        .allSatisfy(part -> assertThat(part.bytes()).isLessThanOrEqualTo(15 * MIB));
  }

  @Test
  void shouldCopyLessRatherThanExceedTheNumberOfParts() {
    // given
    List<Piece> pieces = new ArrayList<>();
    for (long i = 0; i < 20_000; i++) {
      pieces.add(slice("a", i * 100 * MIB, i % 2 == 0 ? MIB : 8 * MIB));
      pieces.add(slice("b", i * 100 * MIB, i % 50 == 0 ? 90 * MIB : 2 * MIB));
    }

    // when
    List<Part> parts = planner.plan(pieces);

    // then
    assertThat(parts).hasSizeLessThanOrEqualTo(10_000);
    assertThat(parts).anyMatch(Copied.class::isInstance);
  }

  @Test
  void shouldPlanTheLargestObject() {
    List<Part> parts = planner.plan(List.of(slice("a", 0, 48 * 1024 * GIB)));

    assertThat(parts).hasSizeLessThanOrEqualTo(10_000).allMatch(Copied.class::isInstance);
    assertThat(parts).allSatisfy(part -> assertThat(part.bytes()).isBetween(5 * MIB, 5 * GIB));
  }

  @Test
  void shouldRefuseWhatNoStoreKeeps() {
    assertThatThrownBy(() -> planner.plan(Collections.nCopies(2, slice("a", 0, 25_001 * GIB))))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> planner.plan(List.of())).isInstanceOf(IllegalArgumentException.class);
  }

  private static Slice slice(String object, long offset, long bytes) {
    return new Slice(new ObjectKey(object), "etag", offset, bytes);
  }

  private static byte[] content(List<Part> parts) {
    List<Piece> pieces = new ArrayList<>();
    for (Part part : parts) {
      switch (part) {
        case Copied(Slice slice) -> pieces.add(slice);
        case Stitched(List<Piece> stitched) -> pieces.addAll(stitched);
      }
    }
    return bytes(pieces);
  }

  /** Every byte of an object tells of its place, for {@link #TINY} objects. */
  private static byte[] bytes(List<Piece> pieces) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (Piece piece : pieces) {
      switch (piece) {
        case Literal literal -> bytes.writeBytes(literal.content());
        case Slice slice -> {
          for (long at = slice.offset(); at < slice.offset() + slice.bytes(); at++) {
            bytes.write((int) at);
            bytes.write(slice.object().value().charAt(0));
          }
        }
      }
    }
    return bytes.toByteArray();
  }
}
