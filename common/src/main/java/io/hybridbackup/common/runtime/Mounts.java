package io.hybridbackup.common.runtime;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
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
   * Whether anything is mounted in a folder or deeper, which does not say whether the folder itself
   * is a mount point.
   *
   * @param folder absolute, without symbolic links
   * @throws IOException if the table of mounts cannot be read
   */
  public static boolean anyBelow(Path folder) throws IOException {
    String beginning = folder.getNameCount() == 0 ? "/" : escaped(folder) + "/";
    return points().anyMatch(point -> point.startsWith(beginning) && !point.equals(beginning));
  }

  private static Stream<String> points() throws IOException {
    return Files.readString(TABLE, StandardCharsets.ISO_8859_1)
        .lines()
        .map(line -> line.split(" ", -1)[4])
        .map(point ->
            new String(point.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8));
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
