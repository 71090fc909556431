package io.hybridbackup.restore;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;

/** The files of an application, old or new. */
final class ApplicationFiles {
  private ApplicationFiles() {}

  /** The folder itself, as {@link #plant} makes it and {@link #describe} shows it. */
  static final String OLD = "rwxr-x--x 2001-02-03T04:05:06Z";

  static final String NEW = "rwxr-xr-- 2002-03-04T05:06:07Z";

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
    describe(where, content.equals("old") ? OLD : NEW);
  }

  /** Gives a folder its permissions and its time. */
  static void describe(Path where, String like) throws IOException {
    String[] parts = like.split(" ", -1);
    Files.setPosixFilePermissions(where, PosixFilePermissions.fromString(parts[0]));
    Files.setLastModifiedTime(where, FileTime.from(Instant.parse(parts[1])));
  }

  static String describe(Path where) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(where))
        + " "
        + Files.getLastModifiedTime(where).toInstant();
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
