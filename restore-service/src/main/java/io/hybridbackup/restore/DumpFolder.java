package io.hybridbackup.restore;

import io.hybridbackup.common.identity.RunId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.function.Predicate;

/** Where dumps lie while they are restored. Their names have the run and the epoch. */
final class DumpFolder {
  private static final String ENDING = ".dump";

  private final Path dataDirectory;

  DumpFolder(Path dataDirectory) {
    this.dataDirectory = dataDirectory;
  }

  /** The data directory, made if it was not there. */
  Path home() throws IOException {
    return Files.createDirectories(dataDirectory);
  }

  /** Where that epoch's dump belongs, in a folder for nobody else. */
  Path place(RunId run, int epoch) throws IOException {
    Path folder = Files.createDirectories(folder(run));
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));
    return folder.resolve(epoch + ENDING);
  }

  /**
   * Removes what a restore has left.
   *
   * @param before only what epochs before this one have left
   */
  void remove(RunId run, int before) throws IOException {
    remove(folder(run), before);
  }

  /** Removes what restores have left that have ended elsewhere. */
  void removeForgotten(Predicate<RunId> ended) throws IOException {
    Path all = folder();
    if (!Files.isDirectory(all)) {
      return;
    }
    try (var folders = Files.newDirectoryStream(all)) {
      for (Path folder : folders) {
        Optional<RunId> run = RunId.ifValid(String.valueOf(folder.getFileName()));
        if (run.isPresent() && ended.test(run.get())) {
          remove(folder, Integer.MAX_VALUE);
        }
      }
    }
  }

  private static void remove(Path folder, int before) throws IOException {
    if (!Files.isDirectory(folder)) {
      return;
    }
    boolean all = true;
    try (var dumps = Files.newDirectoryStream(folder, "*" + ENDING)) {
      for (Path dump : dumps) {
        String name = String.valueOf(dump.getFileName());
        String epoch = name.substring(0, name.length() - ENDING.length());
        boolean old = epoch.matches("\\d{1,9}") && Integer.parseInt(epoch) < before;
        if (old) {
          Files.deleteIfExists(dump);
        }
        all &= old;
      }
    }
    if (all) {
      Files.deleteIfExists(folder);
    }
  }

  private Path folder() {
    return dataDirectory.resolve("restore");
  }

  private Path folder(RunId run) {
    return folder().resolve(run.value());
  }
}
