package io.hybridbackup.deploy.doctor;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.database.ReadingRights;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Can the database and the media of a source be backed up? */
final class SourceExamination implements Examination {
  private static final long WALK_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final SourceName name;
  private final Settings.Source source;
  private final Settings settings;
  private final NativeTools tools;

  SourceExamination(SourceName name, Settings.Source source, Settings settings, NativeTools tools) {
    this.name = name;
    this.source = source;
    this.settings = settings;
    this.tools = tools;
  }

  @Override
  public String area() {
    return "source " + name;
  }

  @Override
  public void examine(Findings findings) throws IOException, InterruptedException {
    if (source.database() != null) {
      database(new Postgres(source.database()), source.includeGlobals(), findings);
    }
    if (source.media() != null) {
      media(source.media(), findings);
    }
  }

  private void database(Postgres postgres, boolean globals, Findings findings)
      throws InterruptedException {
    try (Connection connection = postgres.connect()) {
      String version = Server.version(connection);
      findings.ok(
          area(),
          "database %s lets %s in, PostgreSQL %s".formatted(postgres, postgres.user(), version));
      String pgDump = settings.tools().pgDump();
      postgres.requireAtLeast(pgDump, Postgres.toolVersion(tools, pgDump), version);
      if (globals) {
        String pgDumpall = settings.tools().pgDumpall();
        postgres.requireAtLeast(pgDumpall, Postgres.toolVersion(tools, pgDumpall), version);
      }
      List<ReadingRights.Gap> gaps = ReadingRights.gaps(connection, postgres);
      gaps.forEach(gap -> findings.problem(area(), gap.text(), gap.cure()));
      if (gaps.isEmpty()) {
        findings.ok(area(), postgres.user() + " may read all of the database");
      }
    } catch (SQLException e) {
      findings.problem(area(), postgres.failure(e));
    } catch (ComponentFailure e) {
      findings.problem(area(), e);
    }
  }

  private void media(Settings.Media media, Findings findings) throws IOException {
    Path location = media.location();
    boolean linked = media.staging() == Settings.Staging.LINK;
    Path staging = settings.dataDirectory().resolve("staging").resolve(name.value());
    Path evidence = staging.resolve(linked ? "filled" : "tree");
    if (!Files.isDirectory(location)) {
      findings.problem(
          area(),
          "the media folder " + location + " is not there",
          "mount it or correct its location");
      return;
    }
    if (!Files.isReadable(location) || !Files.isExecutable(location)) {
      findings.problem(
          area(),
          System.getProperty("user.name") + " may not read the media folder " + location,
          "let the user of media-sync read it; is doctor run as that user?");
      return;
    }
    boolean staged = Files.isReadable(evidence) && (linked || !isEmpty(evidence));
    if (staged && isEmpty(location)) {
      findings.problem(
          area(),
          "the media folder " + location + " is empty, though it was not at the last backup",
          "mount it, or if it is meant to be empty, delete " + evidence);
      return;
    }
    findings.ok(area(), "the media folder " + location + " can be read");
    if (!NativeTools.isRoot()) {
      findings.warning(
          area(),
          "the owners of files are not kept: only root can copy them",
          "run media-sync as root if owners matter");
    }
    if (linked && !Files.getAttribute(location, "unix:dev").equals(device(staging))) {
      findings.problem(
          area(),
          location + " is on another filesystem than the staging folder " + staging,
          "put data-directory on that of the media folder, or write staging: copy");
      return;
    }
    long needed = staged || linked ? 0 : size(location);
    Space.examine(area(), "the staging folder", staging, needed, findings);
  }

  private static Object device(Path folder) throws IOException {
    return Files.getAttribute(Space.existing(folder), "unix:dev");
  }

  static boolean isEmpty(Path folder) throws IOException {
    try (DirectoryStream<Path> children = Files.newDirectoryStream(folder)) {
      return !children.iterator().hasNext();
    }
  }

  /** How many bytes the files have; of very many, as many as were seen in a few seconds. */
  private static long size(Path tree) throws IOException {
    long end = System.nanoTime() + WALK_NANOS;
    long[] bytes = {0};
    Files.walkFileTree(
        tree,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            bytes[0] += attributes.size();
            return System.nanoTime() < end ? FileVisitResult.CONTINUE : FileVisitResult.TERMINATE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException e) {
            return FileVisitResult.CONTINUE;
          }
        });
    return bytes[0];
  }
}
