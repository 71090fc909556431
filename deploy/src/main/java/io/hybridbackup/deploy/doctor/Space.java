package io.hybridbackup.deploy.doctor;

import io.hybridbackup.deploy.cli.Amounts;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;

/** Room on a disk. */
final class Space {
  private static final int SCARCE_PERCENT = 5;

  private Space() {}

  /**
   * Looks whether there is room.
   *
   * @param place what lies there
   * @param needed so much should be free
   */
  static void examine(String area, String place, Path folder, long needed, Findings findings)
      throws IOException {
    Path existing = existing(folder);
    FileStore disk = Files.getFileStore(existing);
    long free = disk.getUsableSpace();
    long total = disk.getTotalSpace();
    String text = "%s (%s) has %s free of %s".formatted(place, folder, bytes(free), bytes(total));
    if (free < needed) {
      findings.problem(area, text + ", and " + bytes(needed) + " may be needed", "make room there");
    } else if (total > 0 && free * 100 / total < SCARCE_PERCENT) {
      findings.warning(area, text, "make room there before it is full");
    } else {
      findings.ok(area, text);
    }
  }

  /** The folder, or the nearest one above it that exists. */
  static Path existing(Path folder) {
    Path existing = folder.toAbsolutePath();
    while (!Files.exists(existing) && existing.getParent() != null) {
      existing = existing.getParent();
    }
    return existing;
  }

  static String bytes(long bytes) {
    return Amounts.bytes(bytes);
  }
}
