package io.hybridbackup.common.runtime;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/** Where filesystems are mounted, as this process sees it; bind mounts too. Linux only. */
public final class Mounts {
  private static final Path TABLE = Path.of("/proc/self/mountinfo");

  private Mounts() {}

  /**
   * @param folder absolute, without symbolic links
   * @throws IOException if the table of mounts cannot be read
   */
  public static boolean isAt(Path folder) throws IOException {
    String point = escaped(folder);
    return points().anyMatch(point::equals);
  }

  /**
   * What is mounted in a folder or deeper, any one of it; empty if nothing is. The folder itself
   * does not count.
   *
   * @param folder absolute, without symbolic links
   * @throws IOException if the table of mounts cannot be read
   */
  public static Optional<Path> anyBelow(Path folder) throws IOException {
    String beginning = folder.getNameCount() == 0 ? "/" : escaped(folder) + "/";
    return points()
        .filter(point -> point.startsWith(beginning) && !point.equals(beginning))
        .findAny()
        .map(point -> Path.of(plain(point)));
  }

  private static Stream<String> points() throws IOException {
    return Files.readString(TABLE, StandardCharsets.ISO_8859_1)
        .lines()
        .map(line -> line.split(" ", -1)[4])
        .map(point ->
            new String(point.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8));
  }

  private static String plain(String point) {
    return point
        .replace("\\012", "\n")
        .replace("\\011", "\t")
        .replace("\\040", " ")
        .replace("\\134", "\\");
  }

  /** As the kernel writes it there. */
  private static String escaped(Path folder) {
    return folder
        .toString()
        .replace("\\", "\\134")
        .replace(" ", "\\040")
        .replace("\t", "\\011")
        .replace("\n", "\\012");
  }
}
