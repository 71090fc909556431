package io.hybridbackup.common.runtime;

import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.process.ToolCommand;
import io.hybridbackup.common.process.ToolException;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The filesystem that a folder is on, and what it has room for. Linux only. */
public final class Filesystem {
  private static final Logger LOG = LoggerFactory.getLogger(Filesystem.class);

  /** They neither compress nor share what is in files. */
  private static final Set<String> STORING_PLAINLY = Set.of("ext2", "ext3", "ext4", "xfs", "tmpfs");

  private final Path folder;
  private final FileStore store;
  private final NativeTools tools;

  private Filesystem(Path folder, FileStore store, NativeTools tools) {
    this.folder = folder;
    this.store = store;
    this.tools = tools;
  }

  /**
   * @param folder one that exists
   */
  public static Filesystem of(Path folder, NativeTools tools) throws IOException {
    return new Filesystem(folder, Files.getFileStore(folder), tools);
  }

  /** Equal for folders of one filesystem, wherever it is mounted. */
  public Object device() throws IOException {
    return Files.getAttribute(folder, "unix:dev");
  }

  /** Whether what is in a file is known to take at least as much as the file is long. */
  public boolean storesPlainly() {
    return STORING_PLAINLY.contains(store.type());
  }

  /** In bytes; a file that is not empty takes whole ones, where files are stored plainly. */
  public long blockBytes() throws IOException {
    return store.getBlockSize();
  }

  /** For this user. */
  public long freeBytes() throws IOException {
    return store.getUsableSpace();
  }

  public long usedBytes() throws IOException {
    return store.getTotalSpace() - store.getUnallocatedSpace();
  }

  /** Files, folders and links. */
  public record Inodes(long total, long free) {
    public long used() {
      return total - free;
    }
  }

  /** Those of the filesystem, if it counts them and says so. */
  public Optional<Inodes> inodes() throws InterruptedException {
    try {
      String said =
          tools.run(ToolCommand.of("stat", "--file-system", "--format=%c %d", folder.toString()));
      String[] totalAndFree = said.strip().split(" ", -1);
      long total = Long.parseLong(totalAndFree[0]);
      return total == 0
          ? Optional.empty()
          : Optional.of(new Inodes(total, Long.parseLong(totalAndFree[1])));
    } catch (ToolException e) {
      LOG.debug("cannot find out how many inodes there are below {}", folder, e);
      return Optional.empty();
    }
  }
}
