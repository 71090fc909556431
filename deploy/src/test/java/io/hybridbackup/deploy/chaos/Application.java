package io.hybridbackup.deploy.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.deploy.Sample;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.springframework.util.FileSystemUtils;

/** What is backed up: databases and files that change from round to round. */
final class Application {
  private static final int LETTERS = 200;

  private static final String BY_HAND = "by_hand";

  /** With it a part is a multipart upload, and an archive is composed of ranges. */
  private static final int SCAN_BYTES = 9_500_000;

  private final Site site;
  private String olderDatabase = "";

  Application(Site site) {
    this.site = site;
  }

  void plant() throws IOException {
    for (String source : Site.SOURCES) {
      Sample.createDatabase(site.postgres(), source);
      Sample.plant(site.files(source));
      Path letters = Files.createDirectory(site.files(source).resolve("more letters"));
      for (int n = 1; n <= LETTERS; n++) {
        Files.writeString(letters.resolve(n + ".txt"), "Letter " + n);
      }
    }
    change(new Random(0));
  }

  /** Rows and files come, go, and change. */
  void change(Random random) throws IOException {
    for (String source : Site.SOURCES) {
      site.postgres()
          .execute(
              source,
              "INSERT INTO archive.document (department, title) SELECT 1, md5(n::text || '%1$d')"
                      .formatted(random.nextInt())
                  + " FROM generate_series(1, 50) n; DELETE FROM archive.document WHERE id IN"
                  + " (SELECT id FROM archive.document ORDER BY id LIMIT 40)");
      Path letters = site.files(source).resolve("more letters");
      for (int n = 0; n < 5; n++) {
        Path letter = letters.resolve((1 + random.nextInt(LETTERS)) + ".txt");
        if (random.nextInt(4) == 0) {
          Files.deleteIfExists(letter);
        } else {
          Files.writeString(letter, "Letter " + random.nextLong());
        }
      }
      byte[] scan = new byte[source.equals("scans") ? SCAN_BYTES : 50_000];
      random.nextBytes(scan);
      Files.write(site.files(source).resolve("new scan.pdf"), scan);
    }
  }

  /** Takes away what was restored, and what that has replaced. */
  void clear() throws IOException {
    for (Path folder : folders()) {
      FileSystemUtils.deleteRecursively(folder);
    }
    for (String database : databases()) {
      site.postgres().execute("postgres", "DROP DATABASE \"" + database + "\" WITH (FORCE)");
    }
  }

  /** Lets the target hold what a source has, which is then an older state of it. */
  void occupy(String source) throws IOException {
    FileSystemUtils.deleteRecursively(olderFiles());
    for (Path copy : List.of(site.restored(), olderFiles())) {
      Commands.run("cp", "-a", site.files(source).toString(), copy.toString());
    }
    site.postgres().execute("postgres", "CREATE DATABASE " + Site.TARGET + " TEMPLATE " + source);
    olderDatabase = Sample.dump(site.postgres(), Site.TARGET);
  }

  private Path olderFiles() {
    return site.folder().resolve("older");
  }

  /** What was restored is what the source has. */
  void assertRestored(String source) {
    Sample.assertSameDatabase(site.postgres(), source, Site.TARGET);
    Sample.assertSameFiles(site.files(source), site.restored());
  }

  /** What was restored is what {@code pg_restore} and {@code tar} get out of an archive. */
  void assertRestoredFrom(Path unpacked) {
    PostgresTestServer postgres = site.postgres();
    postgres.createDatabase(BY_HAND);
    Commands.run(
        postgres.program("pg_restore"),
        "--dbname=" + postgres.url(BY_HAND),
        unpacked.resolve("database.dump").toString());
    Sample.assertSameDatabase(postgres, BY_HAND, Site.TARGET);
    postgres.execute("postgres", "DROP DATABASE " + BY_HAND);
    Sample.assertSameFiles(unpacked.resolve("storage"), site.restored());
  }

  /** A database and a folder are what the target held before, and can be used. */
  void assertOlder(String database, Path files) {
    assertThat(Sample.dump(site.postgres(), database)).isEqualTo(olderDatabase);
    Sample.assertSameFiles(olderFiles(), files);
  }

  /** The target's database, and those that were replaced. */
  List<String> databases() {
    return Commands.run(
            site.postgres().program("psql"),
            "-Atc",
            "SELECT datname FROM pg_database WHERE datname LIKE '" + Site.TARGET + "%'",
            site.postgres().url("postgres"))
        .lines()
        .toList();
  }

  /** The target's folder, and those that were replaced. */
  List<Path> folders() throws IOException {
    try (Stream<Path> folders =
        Files.find(
            site.restored().resolveSibling(""),
            1,
            (path, _) -> path.toFile().getName().startsWith(Site.TARGET))) {
      return folders.toList();
    }
  }
}
