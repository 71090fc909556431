package io.hybridbackup.deploy.chaos;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.S3TestServer;
import io.hybridbackup.deploy.RunningProgram;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.MultipartUpload;
import software.amazon.awssdk.services.s3.model.S3Object;

/**
 * Looks whether anything is left that should not be, and whether anything is gone that should be
 * there.
 */
final class Inspection implements AutoCloseable {
  private static final int LARGEST_RECORD = 64 * 1024;

  private final Site site;
  private final S3Client s3;
  private final Set<String> backups = new TreeSet<>();

  Inspection(Site site) {
    this.site = site;
    s3 =
        S3Client.builder()
            .endpointOverride(site.s3().endpoint())
            .forcePathStyle(true)
            .region(Region.of(S3TestServer.REGION))
            .credentialsProvider(
                StaticCredentialsProvider.create(
                    AwsBasicCredentials.create(S3TestServer.ACCESS_KEY, S3TestServer.SECRET_KEY)))
            .build();
  }

  /** From now on that archive and its manifest belong in the store. */
  void expect(String archive, String manifest) {
    backups.add(archive);
    backups.add(manifest);
  }

  /** The store is to keep no more than the newest of them. */
  void forget() {
    for (String source : Site.SOURCES) {
      List<String> old =
          backups.stream().filter(key -> key.startsWith("backups/" + source + "/")).toList();
      for (String key : old.subList(0, Math.max(0, old.size() - 4))) {
        s3.deleteObject(request -> request.bucket(Site.BUCKET).key(key));
        backups.remove(key);
      }
    }
  }

  void download(String key, Path file) {
    s3.getObject(request -> request.bucket(Site.BUCKET).key(key), file);
  }

  /** No run is open. */
  boolean isClosed() {
    return site.runs().open().isEmpty();
  }

  /** Everything that a round must not leave. */
  void look() throws IOException {
    List<S3Object> objects =
        s3.listObjectsV2Paginator(request -> request.bucket(Site.BUCKET)).contents().stream()
            .toList();
    assertThat(objects)
        .extracting(S3Object::key)
        .filteredOn(key -> !key.startsWith("backups/"))
        .as("what is beside the backups")
        .allMatch(key -> key.matches("(names|slots|scrubs|runs|kept)/.+"));
    assertThat(objects)
        .filteredOn(object -> !object.key().startsWith("backups/"))
        .as("records")
        .allSatisfy(object -> assertThat(object.size()).isLessThan(LARGEST_RECORD));
    assertThat(objects)
        .extracting(S3Object::key)
        .filteredOn(key -> key.startsWith("backups/"))
        .as("backups")
        .containsExactlyInAnyOrderElementsOf(backups);
    assertThat(
            s3
                .listMultipartUploadsPaginator(request -> request.bucket(Site.BUCKET))
                .uploads()
                .stream())
        .extracting(MultipartUpload::key)
        .as("uploads that nobody completes")
        .isEmpty();
    assertThat(nativePrograms()).as("native programs").isEmpty();
    assertThat(scratchDatabases()).as("scratch databases").isEmpty();
    assertThat(scratchFolders()).as("scratch folders and dumps").isEmpty();
  }

  /**
   * What services have started and not ended, of those that have died as well: whatever has their
   * environment and is none of them.
   */
  List<String> nativePrograms() throws IOException {
    List<String> found = new ArrayList<>();
    try (DirectoryStream<Path> processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (Path process : processes) {
        String mark = RunningProgram.CONFIG + "=" + site.folder();
        if (!read(process.resolve("comm")).strip().equals("java")
            && read(process.resolve("environ")).contains(mark)) {
          found.add(read(process.resolve("cmdline")).replace('\0', ' '));
        }
      }
    }
    return found;
  }

  /** Nothing if the process has ended meanwhile, or is none of ours. */
  private static String read(Path file) {
    try {
      return Files.readString(file, ISO_8859_1);
    } catch (IOException e) {
      return "";
    }
  }

  private List<String> scratchDatabases() {
    return Commands.run(
            site.postgres().program("psql"),
            "-Atc",
            "SELECT datname FROM pg_database WHERE datname LIKE 'restore%'",
            site.postgres().url("postgres"))
        .lines()
        .toList();
  }

  private List<Path> scratchFolders() throws IOException {
    List<Path> found = new ArrayList<>();
    try (Stream<Path> beside = Files.list(site.folder().resolve("data"))) {
      beside.filter(path -> path.toFile().getName().startsWith(".")).forEach(found::add);
    }
    Path dumps = site.folder().resolve("data/services/restore");
    if (Files.isDirectory(dumps)) {
      try (Stream<Path> left = Files.list(dumps)) {
        left.forEach(found::add);
      }
    }
    return found;
  }

  @Override
  public void close() {
    s3.close();
  }
}
