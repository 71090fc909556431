package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.slf4j.LoggerFactory;

class CompressorTest {
  private static final int BYTES = 1 << 20;

  /** What a system may have. */
  record Libraries(String name, IntFunction<Deflate> chosen, Optional<Supplier<Deflate>> fast) {
    Compressor compressor(int threads, int level) {
      return new Compressor(threads, level, chosen, fast);
    }

    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Libraries> libraries() {
    return Stream.of(
        new Libraries("none", Deflate::platform, Optional.empty()),
        new Libraries("libdeflate", libdeflate()::open, Optional.empty()),
        new Libraries("ISA-L", Deflate::platform, Optional.of(isaL()::open)),
        new Libraries("both", libdeflate()::open, Optional.of(isaL()::open)));
  }

  static Stream<Deflate> ways() {
    return Stream.of(Deflate.platform(6), libdeflate().open(6), isaL().open());
  }

  private static LibDeflate libdeflate() {
    return LibDeflate.load()
        .orElseThrow(
            () -> new AssertionError("libdeflate is missing; install the package libdeflate0"));
  }

  private static IsaL isaL() {
    return IsaL.load()
        .orElseThrow(() -> new AssertionError("ISA-L is missing; install the package libisal2"));
  }

  @Test
  void shouldDoWithoutALibraryThatLacksAFunction() {
    assertThat(LibDeflate.find("libc.so.6")).isEmpty();
    assertThat(IsaL.find("libc.so.6")).isEmpty();
  }

  @Test
  void shouldSayWhichLibrariesItHasFound() {
    Logger logger = (Logger) LoggerFactory.getLogger(Compressor.class);
    ListAppender<ILoggingEvent> appender = new ListAppender<>();
    appender.start();
    Level level = logger.getLevel();
    logger.setLevel(Level.INFO);
    logger.addAppender(appender);
    try {
      Compressor.open(3).close();
    } finally {
      logger.detachAppender(appender);
      logger.setLevel(level);
    }

    assertThat(appender.list)
        .singleElement()
        .satisfies(event -> {
          assertThat(event.getFormattedMessage()).isEqualTo("members are compressed");
          assertThat(event.getKeyValuePairs())
              .extracting(pair -> pair.key + "=" + pair.value)
              .containsExactly(
                  "compressed-by=libdeflate",
                  "hardly-compressible-by=ISA-L",
                  "decoded-by=libdeflate",
                  "threads=3");
        });
  }

  @ParameterizedTest
  @MethodSource("libraries")
  void shouldGiveTextBackWhole(Libraries libraries) throws Exception {
    byte[] plain = rows(BYTES - 17);
    try (Compressor compressor = libraries.compressor(2, 6)) {
      // when
      Member.Fresh member =
          (Member.Fresh) compressor.compress(plain.clone(), plain.length, List.of()).get();

      // then
      assertThat(GzipMember.decode(member.gzip(), plain.length)).isEqualTo(plain);
      assertThat(member.gzip().length).isLessThan(plain.length / 3);
      assertThat(member.sha256()).isEqualTo(Sha256.of(plain, plain.length));
    }
  }

  @ParameterizedTest
  @MethodSource("libraries")
  void shouldStoreWhatDoesNotShrink(Libraries libraries) throws Exception {
    byte[] plain = noise(BYTES);
    try (Compressor compressor = libraries.compressor(1, 6)) {
      // when
      Member.Fresh member =
          (Member.Fresh) compressor.compress(plain.clone(), plain.length, List.of()).get();

      // then
      assertThat(GzipMember.decode(member.gzip(), plain.length)).isEqualTo(plain);
      assertThat(member.gzip()).isEqualTo(GzipMember.stored(plain, plain.length));
    }
  }

  @ParameterizedTest
  @MethodSource("libraries")
  void shouldCompressMembersOfAnyLengthOneAfterTheOther(Libraries libraries) throws Exception {
    try (Compressor compressor = libraries.compressor(1, 6)) {
      for (int bytes : new int[] {0, 1, 100, 5 * BYTES, 65_536, 65_537, 3 * BYTES}) {
        byte[] plain = rows(bytes);

        // when
        Member.Fresh member =
            (Member.Fresh) compressor.compress(plain.clone(), bytes, List.of()).get();

        // then
        assertThat(GzipMember.decode(member.gzip(), bytes)).isEqualTo(plain);
      }
    }
  }

  @Test
  void shouldMakeWhatHardlyShrinksSmallerTheFastWay() throws Exception {
    byte[] plain = noise(BYTES);
    // Between the places that are sampled.
    Arrays.fill(plain, 100_000, 200_000, (byte) 0);
    try (Compressor compressor =
        new Compressor(
            1,
            6,
            _ -> {
              throw new AssertionError("the slow way was taken");
            },
            Optional.of(isaL()::open))) {
      // when
      Member.Fresh member =
          (Member.Fresh) compressor.compress(plain.clone(), plain.length, List.of()).get();

      // then
      assertThat(GzipMember.decode(member.gzip(), plain.length)).isEqualTo(plain);
      assertThat(member.gzip().length).isLessThan(plain.length - 95_000);
    }
  }

  @Test
  void shouldTakeTheChosenWayWhereTheSamplesHaveMissedWhatShrinks() throws Exception {
    byte[] plain = noise(BYTES);
    Arrays.fill(plain, 20_000, 340_000, (byte) 0);
    try (Compressor compressor =
        new Compressor(1, 6, libdeflate()::open, Optional.of(isaL()::open))) {
      // when
      Member.Fresh member =
          (Member.Fresh) compressor.compress(plain.clone(), plain.length, List.of()).get();

      // then
      assertThat(member.gzip()).isEqualTo(deflatedByLibdeflate(plain, 6));
    }
  }

  @Test
  void shouldCompressAtTheLevelThatIsAskedFor() throws Exception {
    byte[] plain = rows(BYTES);
    try (Compressor compressor =
        new Compressor(2, 6, libdeflate()::open, Optional.of(isaL()::open))) {
      for (int level = 1; level <= 9; level++) {
        // when
        Member.Fresh member =
            (Member.Fresh)
                compressor.at(level).compress(plain.clone(), plain.length, List.of()).get();

        // then
        assertThat(member.gzip()).isEqualTo(deflatedByLibdeflate(plain, level));
      }
      assertThatThrownBy(() -> compressor.at(10)).isInstanceOf(IllegalArgumentException.class);
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void shouldSayThatWhatDoesNotShrinkDoesNotFit(Deflate way) {
    try (way;
        Arena arena = Arena.ofConfined()) {
      MemorySegment plain = arena.allocate(BYTES);
      plain.copyFrom(MemorySegment.ofArray(noise(BYTES)));
      MemorySegment deflated = arena.allocate(BYTES + Deflate.SLACK_BYTES).asSlice(0, BYTES);

      // then
      assertThat(way.deflate(plain, deflated)).isEqualTo(-1);
    }
  }

  private static byte[] deflatedByLibdeflate(byte[] plain, int level) {
    try (Deflate way = libdeflate().open(level);
        Arena arena = Arena.ofConfined()) {
      MemorySegment in = arena.allocate(plain.length);
      in.copyFrom(MemorySegment.ofArray(plain));
      MemorySegment out = arena.allocate(plain.length);
      return GzipMember.around(out.asSlice(0, way.deflate(in, out)), plain, plain.length);
    }
  }

  private static byte[] noise(int bytes) {
    byte[] noise = new byte[bytes];
    new Random(7).nextBytes(noise);
    return noise;
  }

  /** Lines as a table of an application has them. */
  private static byte[] rows(int bytes) {
    Random random = new Random(42);
    StringBuilder text = new StringBuilder(bytes + 200);
    for (int row = 1; text.length() < bytes; row++) {
      text.append(row)
          .append("\tdocument ")
          .append(Integer.toHexString(random.nextInt(1 << 20)))
          .append("\t2026-01-11 02:00:00\tdepartment ")
          .append(random.nextInt(20))
          .append("\t\\N\n");
    }
    return Arrays.copyOf(text.toString().getBytes(StandardCharsets.US_ASCII), bytes);
  }
}
