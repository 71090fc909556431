package io.hybridbackup.deploy.chaos;

import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.deploy.Sample;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.springframework.util.FileSystemUtils;

/** What is backed up: databases and files that change from round to round. */
final class Application {
  private static final int LETTERS = 200;

  /** With it a part is a multipart upload, and an archive is composed of ranges. */
  private static final int SCAN_BYTES = 9_500_000;

  private final Site site;

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

  /** Takes away what was restored. */
  void clear() throws IOException {
    FileSystemUtils.deleteRecursively(site.restored());
    site.postgres().execute("postgres", "DROP DATABASE IF EXISTS " + Site.TARGET + " WITH (FORCE)");
  }

  /** What was restored is what the source has. */
  void compare(String source) {
    PostgresTestServer postgres = site.postgres();
    Sample.assertSameDatabase(postgres, source, Site.TARGET);
    Sample.assertSameFiles(site.files(source), site.restored());
  }
}
