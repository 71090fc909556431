package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Collectors;

/** An application's database and files, and whether two of them are the same. */
public final class Sample {
  private Sample() {}

  /** Creates a database with a bit of everything. */
  public static void createDatabase(PostgresTestServer postgres, String name) {
    postgres.createDatabase(name);
    postgres.execute(
        name,
        """
        CREATE EXTENSION IF NOT EXISTS plpgsql;
        CREATE SCHEMA archive;
        CREATE TYPE archive.state AS ENUM ('draft', 'filed');
        CREATE TABLE department (id int PRIMARY KEY, name text NOT NULL UNIQUE);
        CREATE TABLE archive.document (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          department int NOT NULL REFERENCES department,
          title text NOT NULL,
          content bytea,
          state archive.state NOT NULL DEFAULT 'draft',
          filed timestamptz
        );
        CREATE INDEX ON archive.document (department, filed);
        CREATE VIEW filed AS SELECT id, title FROM archive.document WHERE state = 'filed';
        CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * n';
        COMMENT ON TABLE department IS 'a '' quote and a № sign';
        INSERT INTO department SELECT n, 'Department ' || n FROM generate_series(1, 20) n;
        INSERT INTO archive.document (department, title, content, state, filed)
          SELECT 1 + n % 20, 'Dokument № ' || n, decode(md5(n::text), 'hex'), 'filed',
                 timestamptz '2025-01-01' + n * interval '13 minutes'
          FROM generate_series(1, 2000) n;
        SELECT lo_from_bytea(0, decode(repeat('beef', 3000), 'hex'));
        """);
  }

  /** Creates a database of so many rows of about 1 kB that hardly compress. */
  public static void createLargeDatabase(PostgresTestServer postgres, String name, int rows) {
    postgres.createDatabase(name);
    postgres.execute(
        name,
        """
        CREATE TABLE page AS
          SELECT n, (SELECT string_agg(md5((n * 32 + k)::text), '') FROM generate_series(1, 32) k)
          FROM generate_series(1, %d) n
        """
            .formatted(rows));
  }

  /** Makes a folder of files with all that a file can have. */
  public static void plant(Path folder) throws IOException {
    Path letters = Files.createDirectories(folder.resolve("letters"));
    Files.createDirectories(folder.resolve("an empty folder"));
    Random random = new Random(7);
    for (int n = 1; n <= 60; n++) {
      Files.writeString(letters.resolve(n + ".txt"), "Letter " + n + "\n" + random.nextLong());
    }
    byte[] scan = new byte[400_000];
    random.nextBytes(scan);
    Files.write(folder.resolve("scan 1.pdf"), scan);
    Files.writeString(folder.resolve("смета №1 😀.txt"), "budget");
    Files.writeString(folder.resolve("a\nline break"), "odd");
    Files.writeString(folder.resolve("-rf"), "dash");
    Files.createFile(folder.resolve("empty"));
    Files.createLink(folder.resolve("the same scan.pdf"), folder.resolve("scan 1.pdf"));
    Files.createSymbolicLink(folder.resolve("a link"), Path.of("letters/1.txt"));
    Files.createSymbolicLink(folder.resolve("a dangling link"), Path.of("nowhere"));
    String root = folder.toString();
    Commands.run("chmod", "640", root + "/letters/2.txt");
    Commands.run("chmod", Commands.root() ? "2750" : "750", root + "/an empty folder");
    Commands.run("setfattr", "-n", "user.origin", "-v", "a scanner", root + "/scan 1.pdf");
    Commands.run("setfacl", "-m", "u:7777:r", root + "/letters/4.txt");
    if (Commands.root()) {
      Commands.run("chown", "-h", "12345:54321", root + "/letters/5.txt", root + "/a link");
    }
    Commands.run("touch", "-d", "2001-02-03T04:05:06.789012345", root + "/letters/3.txt", root);
  }

  /** The database as SQL. */
  public static String dump(PostgresTestServer postgres, String database) {
    String pgDump = postgres.program("pg_dump");
    // Newer versions guard a dump with a random key, the latest of them with one of our choice.
    if (Commands.run(pgDump, "--help").contains("--restrict-key")) {
      return Commands.run(pgDump, "--restrict-key=test", postgres.url(database));
    }
    return Commands.run(pgDump, postgres.url(database))
        .lines()
        .filter(line -> !line.matches("\\\\(un)?restrict .*"))
        .collect(Collectors.joining("\n"));
  }

  public static void assertSameDatabase(
      PostgresTestServer postgres, String expected, String actual) {
    assertThat(dump(postgres, actual)).isEqualTo(dump(postgres, expected));
  }

  public static void assertSameFiles(Path expected, Path actual) {
    assertThat(
            Commands.run(
                "rsync", "-aHAXnc", "--delete", "--itemize-changes", expected + "/", actual + "/"))
        .isEmpty();
  }
}
