package io.hybridbackup.common.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;

/**
 * Opens files of one directory so that bulk goes between disk and program in whole blocks, past the
 * page cache: what is read back comes from the disk, and a backup pushes nothing out of memory that
 * applications need. Only where the filesystem is a local one that is known to be good at it; on
 * others files are opened like any others.
 */
final class DiskBlocks {
  /** Files like any others. */
  static final DiskBlocks ORDINARY = new DiskBlocks(List.of(), 1);

  /** What a stream holds at a time: enough to keep a disk busy. */
  static final int BUFFER_BYTES = 1 << 20;

  /** No filesystem has larger ones. */
  static final int LARGEST_BLOCK = 1 << 16;

  private static final Set<String> FILESYSTEMS = Set.of("ext4", "xfs", "btrfs");

  /** Aligned memory outside of the heap, which the JVM would give back only now and then. */
  private static final Queue<ByteBuffer> IDLE = new ConcurrentLinkedQueue<>();

  private final List<OpenOption> bypass;
  private final int blockBytes;

  private DiskBlocks(List<OpenOption> bypass, int blockBytes) {
    this.bypass = bypass;
    this.blockBytes = blockBytes;
  }

  static DiskBlocks of(Path directory) throws IOException {
    var filesystem = Files.getFileStore(directory);
    long block = filesystem.getBlockSize();
    return FILESYSTEMS.contains(filesystem.type())
            && Long.bitCount(block) == 1
            && block <= LARGEST_BLOCK
        ? direct().map(option -> new DiskBlocks(List.of(option), (int) block)).orElse(ORDINARY)
        : ORDINARY;
  }

  /** By its name: javac takes the JDK's own open options for private ones, and warns. */
  private static Optional<OpenOption> direct() {
    try {
      return Stream.of(Class.forName("com.sun.nio.file.ExtendedOpenOption").getEnumConstants())
          .filter(option -> option.toString().equals("DIRECT"))
          .map(OpenOption.class::cast)
          .findFirst();
    } catch (ClassNotFoundException e) {
      return Optional.empty();
    }
  }

  /** Whether the page cache is bypassed. */
  boolean bypassing() {
    return !bypass.isEmpty();
  }

  /** What offsets and lengths are multiples of; 1 where it does not matter. */
  int blockBytes() {
    return blockBytes;
  }

  FileChannel openToRead(Path file) throws IOException {
    return open(file, StandardOpenOption.READ);
  }

  FileChannel openToCreate(Path file) throws IOException {
    return open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
  }

  private FileChannel open(Path file, StandardOpenOption... options) throws IOException {
    Set<OpenOption> all = new HashSet<>(bypass);
    all.addAll(List.of(options));
    return FileChannel.open(file, all);
  }

  /** An empty buffer of {@link #BUFFER_BYTES}, to be given back. */
  ByteBuffer take() {
    ByteBuffer idle = IDLE.poll();
    return idle == null
        ? ByteBuffer.allocateDirect(BUFFER_BYTES + LARGEST_BLOCK)
            .alignedSlice(LARGEST_BLOCK)
            .slice(0, BUFFER_BYTES)
        : idle.clear();
  }

  /** Nobody may use it any more. */
  void give(ByteBuffer buffer) {
    IDLE.add(buffer);
  }
}
