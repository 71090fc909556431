package io.hybridbackup.deploy.doctor;

import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.settings.Settings;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;

/** What the services keep on this machine's disk. */
final class DataExamination implements Examination {
  private static final Pattern RUN = Pattern.compile("([a-z2-7]{26})");

  private final Settings settings;
  private final RestoreRemains remains;

  DataExamination(Settings settings) {
    this.settings = settings;
    this.remains = new RestoreRemains(settings.objectStore());
  }

  @Override
  public String area() {
    return "data";
  }

  @Override
  public void examine(Findings findings) throws IOException {
    Path data = settings.dataDirectory();
    Path existing = Space.existing(data);
    if (!Files.isWritable(existing)) {
      findings.problem(
          area(),
          System.getProperty("user.name") + " may not write in " + existing,
          "let the services' user write there, or name another data-directory; is doctor run as"
              + " that user?");
      return;
    }
    Space.examine(area(), "the data directory", data, 0, findings);
    for (Path folder : children(data.resolve("staging"))) {
      String source = name(folder);
      if (SourceName.ifValid(source).filter(settings.sources()::containsKey).isEmpty()) {
        findings.warning(
            area(),
            "the staging folder " + folder + " is of no source that is configured",
            "rm -r '" + folder + "'");
      }
    }
    for (Path folder : children(data.resolve("restore"))) {
      remains.report(
          RUN.matcher(name(folder)),
          area(),
          "the folder " + folder,
          "rm -r '" + folder + "'",
          findings);
    }
  }

  private static List<Path> children(Path folder) throws IOException {
    if (!Files.isReadable(folder)) {
      return List.of();
    }
    try (DirectoryStream<Path> children = Files.newDirectoryStream(folder)) {
      List<Path> all = new ArrayList<>();
      children.forEach(all::add);
      return all;
    }
  }

  private static String name(Path folder) {
    return Objects.requireNonNull(folder.getFileName()).toString();
  }
}
