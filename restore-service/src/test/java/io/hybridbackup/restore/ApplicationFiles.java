package io.hybridbackup.restore;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;

/** The files of an application, old or new. */
final class ApplicationFiles {
  private ApplicationFiles() {}

  /**
   * Makes some. Of {@code both} size and time are the same whatever the content.
   *
   * @param content {@code old} or {@code new}
   */
  static void plant(Path where, String content) throws IOException {
    Files.createDirectories(where.resolve(content));
    Files.writeString(where.resolve(content).resolve("file"), content);
    Files.writeString(where.resolve("both"), content);
    Files.setLastModifiedTime(where.resolve("both"), FileTime.from(Instant.EPOCH));
    Files.writeString(
        where.resolve((content.equals("old") ? "an " : "a ") + content + " file"), content);
  }

  /** What the application sees: nothing of a restore's own. */
  static List<String> list(Path tree) {
    try (Stream<Path> files = Files.walk(tree)) {
      return files
          .filter(file -> !file.equals(tree))
          .filter(file -> !Gate.isOwn(tree.resolve(tree.relativize(file).getName(0))))
          .map(file -> tree.relativize(file).toString())
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
