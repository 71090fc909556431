package io.hybridbackup.common.store;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Lets files have blocks in common, where the filesystem can do that, such as XFS, btrfs, and NFS
 * on top of them. A block stays as it is when one of its files is removed.
 */
@SuppressWarnings("restricted")
final class SharedBlocks {
  private static final int SMALLEST = 512;

  /** Programs that start do not get the descriptor. */
  private static final int O_CLOEXEC = 02000000;

  private static final int O_RDONLY = 0;
  private static final int O_WRONLY = 1;

  /** {@code ioctl_ficlonerange(2)}. */
  private static final long FICLONERANGE = 0x4020940dL;

  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final MethodHandle OPEN = call("open", 2, ValueLayout.ADDRESS, INT);
  private static final MethodHandle IOCTL = call("ioctl", 2, INT, LONG, ValueLayout.ADDRESS);
  private static final MethodHandle CLOSE = call("close", 1, INT);

  private SharedBlocks() {}

  private static MethodHandle call(String name, int fixed, MemoryLayout... arguments) {
    Linker linker = Linker.nativeLinker();
    FunctionDescriptor function = FunctionDescriptor.of(INT, arguments);
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow(name),
        function,
        fixed < arguments.length
            ? new Linker.Option[] {Linker.Option.firstVariadicArg(fixed)}
            : new Linker.Option[0]);
  }

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
    try {
      Path target = Files.createTempFile(folder, ".", "");
      try {
        byte[] content = new byte[(int) (2 * block)];
        Arrays.fill(content, (byte) 1);
        Files.write(source, content);
        return share(source, block, block, target, 0)
                && Files.mismatch(source, target) == block
                && Files.size(target) == block
            ? (int) block
            : 1;
      } finally {
        Files.delete(target);
      }
    } finally {
      Files.delete(source);
    }
  }

  /**
   * Puts whole blocks of one file into another one.
   *
   * @param from offset in {@code source}, a multiple of the block size, as {@code bytes} is
   * @param to offset in {@code target}, such a multiple as well
   * @return false if they cannot be shared; the files are as before then
   */
  static boolean share(Path source, long from, long bytes, Path target, long to)
      throws IOException {
    int reading = open(source, O_RDONLY);
    try {
      int writing = open(target, O_WRONLY);
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment range = arena.allocateFrom(LONG, reading, from, bytes, to);
        return (int) IOCTL.invokeExact(writing, FICLONERANGE, range) == 0;
      } finally {
        close(writing);
      }
    } catch (IOException | RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("a native function cannot throw", e);
    } finally {
      close(reading);
    }
  }

  private static int open(Path file, int mode) throws IOException {
    int descriptor;
    try (Arena arena = Arena.ofConfined()) {
      descriptor = (int) OPEN.invokeExact(arena.allocateFrom(file.toString()), mode | O_CLOEXEC);
    } catch (Throwable e) {
      throw new IllegalStateException("a native function cannot throw", e);
    }
    if (descriptor < 0) {
      throw new IOException(file + " cannot be opened, though it has been a moment ago");
    }
    return descriptor;
  }

  private static void close(int descriptor) throws IOException {
    try {
      if ((int) CLOSE.invokeExact(descriptor) != 0) {
        throw new IOException("a file whose blocks are shared could not be closed");
      }
    } catch (IOException e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("a native function cannot throw", e);
    }
  }
}
