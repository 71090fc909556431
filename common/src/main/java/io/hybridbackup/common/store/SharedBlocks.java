package io.hybridbackup.common.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.hybridbackup.common.natives.CLibrary;
import io.hybridbackup.common.natives.CallException;
import io.hybridbackup.common.natives.Descriptor;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Lets files have blocks in common, where the filesystem can do that, such as XFS and btrfs. A
 * block stays as it is when one of its files is removed.
 */
final class SharedBlocks {
  private static final int SMALLEST = 512;

  /** {@code ioctl_ficlonerange(2)}. */
  private static final long FICLONERANGE = 0x4020940dL;

  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final MethodHandle IOCTL =
      CLibrary.variadic(
          "ioctl", 2, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, LONG, ValueLayout.ADDRESS);

  private SharedBlocks() {}

  /**
   * Finds out by trying how long the blocks are that files of a folder can share.
   *
   * @return in bytes, a power of two; 1 if they cannot share any
   */
  static int of(Path folder) throws IOException {
    long block = Files.getFileStore(folder).getBlockSize();
    if (Long.bitCount(block) != 1 || block < SMALLEST || block > DiskBlocks.LARGEST_BLOCK) {
      return 1;
    }
    Path source = Files.createTempFile(folder, ".", "");
    try (Closeable _ = () -> Files.delete(source)) {
      Path target = Files.createTempFile(folder, ".", "");
      try (Closeable _ = () -> Files.delete(target)) {
        byte[] content = new byte[(int) (2 * block)];
        Arrays.fill(content, (byte) 1);
        Files.write(source, content);
        return share(source, block, block, target, 0)
                && Files.mismatch(source, target) == block
                && Files.size(target) == block
            ? (int) block
            : 1;
      }
    }
  }

  /**
   * Puts whole blocks of one file into another one.
   *
   * @param from offset in {@code source}, a multiple of the block size, as {@code bytes} is
   * @param to offset in {@code target}, such a multiple as well
   * @return false if they cannot be shared; the files are as before then
   */
  static boolean share(Path source, long from, long bytes, Path target, long to) {
    try (Descriptor reading = open(source, Descriptor.Use.READING);
        Descriptor writing = open(target, Descriptor.Use.WRITING)) {
      long _ =
          CLibrary.check(
              "ioctl",
              target::toString,
              (arena, state) -> {
                MemorySegment range = arena.allocateFrom(LONG, reading.number(), from, bytes, to);
                return (int) IOCTL.invokeExact(state, writing.number(), FICLONERANGE, range);
              });
      return true;
    } catch (CallException e) {
      // Copying them, which follows, tells what is wrong if anything is.
      return false;
    }
  }

  private static Descriptor open(Path file, Descriptor.Use use) throws CallException {
    return Descriptor.open(file.toString().getBytes(UTF_8), file.toString(), use);
  }
}
