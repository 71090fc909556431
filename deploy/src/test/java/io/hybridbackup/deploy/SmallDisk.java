package io.hybridbackup.deploy;

import io.hybridbackup.common.testing.Commands;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;

/** A disk in memory whose size can be changed. Only root can mount one. */
public final class SmallDisk implements AutoCloseable {
  private static final int MEGABYTE = 1 << 20;
  private static final int PLENTY = 512;
  private static final int ATTEMPTS = 20;

  private final Path folder;

  private SmallDisk(Path folder) {
    this.folder = folder;
  }

  /** Makes the folder and mounts a disk there. The caller closes it. */
  public static SmallDisk mount(Path folder) throws IOException {
    Files.createDirectory(folder);
    Commands.run("mount", "-t", "tmpfs", "-o", size(PLENTY), "tmpfs", folder.toString());
    return new SmallDisk(folder);
  }

  /** From now on it has room for little more than so many units of 1024 * 1024 bytes. */
  public void leave(int megabytes) throws IOException {
    for (int attempt = 1; ; attempt++) {
      try {
        resize(Math.ceilDiv(used(), MEGABYTE) + megabytes);
        return;
      } catch (AssertionError e) {
        // It cannot be made smaller than what has been written to it meanwhile.
        if (attempt == ATTEMPTS) {
          throw e;
        }
      }
    }
  }

  private long used() throws IOException {
    FileStore disk = Files.getFileStore(folder);
    return disk.getTotalSpace() - disk.getUnallocatedSpace();
  }

  /** From now on so many more files can be made. */
  public void leaveInodes(long inodes) {
    String used =
        Commands.run("df", "--output=iused", folder.toString()).lines().toList().getLast().strip();
    remount("nr_inodes=" + (Long.parseLong(used) + inodes));
  }

  /** From now on there is room for everything. */
  public void enlarge() {
    resize(PLENTY);
    remount("nr_inodes=" + MEGABYTE);
  }

  private void resize(long megabytes) {
    remount(size(megabytes));
  }

  private void remount(String option) {
    Commands.run("mount", "-o", "remount," + option, folder.toString());
  }

  private static String size(long megabytes) {
    return "size=" + megabytes + "m";
  }

  @Override
  public void close() {
    Commands.run("umount", "--lazy", folder.toString());
  }
}
