package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.util.List;
import java.util.concurrent.Future;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How large a dump is in an archive, against what pg_dump makes of it. */
class DumpSizeIT {
  private static final Logger LOG = LoggerFactory.getLogger(DumpSizeIT.class);
  private static final int MEMBER_BYTES = 1 << 20;
  private static final int LEVEL = 7;

  @TempDir private static Path folder;

  private static PostgresTestServer postgres;

  @BeforeAll
  static void fill() throws Exception {
    postgres = PostgresTestServer.start();
    postgres.createDatabase("bench");
    postgres.execute(
        "bench",
        """
        CREATE TABLE accounts AS
          SELECT n AS aid, 1 + n / 100000 AS bid, (n * 7919) % 10000 - 5000 AS abalance,
                 ''::char(84) AS filler
          FROM generate_series(1, 100000) n;
        CREATE TABLE history AS
          SELECT 1 + n % 10 AS tid, (n::bigint * 104729) % 100000 AS aid, n % 9973 - 5000 AS delta,
                 timestamp '2026-01-01' + n * interval '1.37 s' AS mtime
          FROM generate_series(1, 50000) n;
        CREATE TABLE text (path text, body text);
        """);
    try (Connection connection = postgres.connect("bench");
        PreparedStatement insert = connection.prepareStatement("INSERT INTO text VALUES (?, ?)")) {
      for (Path file : texts()) {
        insert.setString(1, file.toString());
        insert.setString(2, Files.readString(file, StandardCharsets.ISO_8859_1).replace("\0", ""));
        insert.addBatch();
      }
      insert.executeBatch();
    }
  }

  @AfterAll
  static void stop() {
    postgres.close();
  }

  @Test
  void shouldBeNoLargerThanPgDumpMakesItWithLibdeflate() throws Exception {
    // when
    long bytes = compressed(LibDeflate.load().orElseThrow()::open);

    // then
    assertThat(bytes).isLessThanOrEqualTo(byPgDump());
  }

  /** zlib minds what stands before each row in a dump that pg_dump has not compressed. */
  @Test
  void shouldBeHardlyLargerThanPgDumpMakesItWithTheJdk() throws Exception {
    // when
    long bytes = compressed(Deflate::platform);

    // then
    assertThat(bytes).isLessThanOrEqualTo(byPgDump() * 107 / 100);
  }

  @Test
  void shouldNotMakeLargerWhatPgDumpHasCompressed() throws Exception {
    // given
    Path dump = dump(9);

    // when
    long bytes = compressed(dump, LibDeflate.load().orElseThrow()::open);

    // then
    assertThat(bytes).isLessThanOrEqualTo(Files.size(dump) * 1001 / 1000);
  }

  private static long byPgDump() throws IOException {
    return Files.size(dump(9));
  }

  private static long compressed(IntFunction<Deflate> way) throws Exception {
    return compressed(dump(0), way);
  }

  /** All of its members, cut where a MiB is full. */
  private static long compressed(Path dump, IntFunction<Deflate> way) throws Exception {
    long bytes = 0;
    try (Compressor compressor =
            new Compressor(2, LEVEL, way, IsaL.load().map(library -> library::open));
        InputStream in = Files.newInputStream(dump)) {
      for (byte[] plain = in.readNBytes(MEMBER_BYTES);
          plain.length > 0;
          plain = in.readNBytes(MEMBER_BYTES)) {
        Future<Member> member = compressor.compress(plain, plain.length, List.of());
        bytes += member.get().length();
      }
    }
    LOG.info("{} bytes of a dump are {} in members", Files.size(dump), bytes);
    return bytes;
  }

  private static Path dump(int level) {
    Path dump = folder.resolve("dump-" + level);
    Commands.run(
        postgres.program("pg_dump"),
        "--format=custom",
        "--compress=" + level,
        "--file=" + dump,
        postgres.url("bench"));
    return dump;
  }

  /** Texts that people wrote: the licences of the JDK, and this project's code. */
  private static List<Path> texts() throws IOException {
    Path legal = Path.of(System.getProperty("java.home"), "legal");
    try (Stream<Path> licences = Files.walk(legal);
        Stream<Path> project = Files.walk(Path.of("src"))) {
      return Stream.concat(licences, project).filter(Files::isRegularFile).sorted().toList();
    }
  }
}
