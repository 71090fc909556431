package io.hybridbackup.common.archive;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.time.Instant;
import java.util.Arrays;

/**
 * The calls of Linux's C library that Java has no way to. None of them follows a symbolic link at
 * the end of a path, unless it says so.
 */
@SuppressWarnings("restricted")
final class Libc {
  static final int EPERM = 1;
  static final int ENODATA = 61;
  static final int EOPNOTSUPP = 95;

  /**
   * The descriptor stands for a place, and nothing is read by it; programs that start do not get
   * it.
   */
  private static final int O_PATH_O_CLOEXEC = 012000000;

  private static final int AT_FDCWD = -100;
  private static final int AT_SYMLINK_NOFOLLOW = 0x100;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final MemoryLayout POINTER = ValueLayout.ADDRESS;

  private static final MethodHandle LLISTXATTR = call("llistxattr", LONG, POINTER, POINTER, LONG);
  private static final MethodHandle LGETXATTR =
      call("lgetxattr", LONG, POINTER, POINTER, POINTER, LONG);
  private static final MethodHandle LSETXATTR =
      call("lsetxattr", INT, POINTER, POINTER, POINTER, LONG, INT);
  private static final MethodHandle READLINK = call("readlink", LONG, POINTER, POINTER, LONG);
  private static final MethodHandle SYMLINK = call("symlink", INT, POINTER, POINTER);
  private static final MethodHandle LINK = call("link", INT, POINTER, POINTER);
  private static final MethodHandle MKNOD = call("mknod", INT, POINTER, INT, LONG);
  private static final MethodHandle LCHOWN = call("lchown", INT, POINTER, INT, INT);
  private static final MethodHandle CHMOD = call("chmod", INT, POINTER, INT);
  private static final MethodHandle OPEN = call("open", INT, POINTER, INT);
  private static final MethodHandle CLOSE = call("close", INT, INT);
  private static final MethodHandle UTIMENSAT = call("utimensat", INT, INT, POINTER, POINTER, INT);

  private Libc() {}

  /** A call that failed, with the C library's error number. */
  static final class CallException extends IOException {
    private final int errno;

    CallException(String call, EntryPath path, int errno) {
      super(call + " failed on " + HeldFolder.named(path.toString()) + ": error " + errno);
      this.errno = errno;
    }

    int errno() {
      return errno;
    }
  }

  private static MethodHandle call(String name, MemoryLayout result, MemoryLayout... arguments) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        FunctionDescriptor.of(result, arguments),
        Linker.Option.captureCallState("errno"));
  }

  @FunctionalInterface
  private interface Invocation {
    long invoke(Arena arena, MemorySegment state) throws Throwable;
  }

  private static long check(String call, EntryPath path, Invocation invocation)
      throws CallException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      long result = invocation.invoke(arena, state);
      if (result == -1) {
        throw new CallException(call, path, (int) ERRNO.get(state, 0L));
      }
      return result;
    } catch (CallException | RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("calling " + call, e);
    }
  }

  private static MemorySegment string(Arena arena, byte[] bytes) {
    MemorySegment segment = arena.allocate(bytes.length + 1L);
    MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, 0, bytes.length);
    return segment;
  }

  /** Names of the extended attributes, each followed by a NUL; no bytes where there are none. */
  static byte[] llistxattr(EntryPath path) throws CallException {
    return sized(
        "llistxattr",
        path,
        (arena, buffer, bytes, state) ->
            (long) LLISTXATTR.invokeExact(state, string(arena, path.bytes()), buffer, bytes));
  }

  static byte[] lgetxattr(EntryPath path, byte[] name) throws CallException {
    return sized(
        "lgetxattr",
        path,
        (arena, buffer, bytes, state) ->
            (long)
                LGETXATTR.invokeExact(
                    state, string(arena, path.bytes()), string(arena, name), buffer, bytes));
  }

  @FunctionalInterface
  private interface SizedInvocation {
    long invoke(Arena arena, MemorySegment buffer, long bytes, MemorySegment state)
        throws Throwable;
  }

  /** Asks how much there is, then for it. */
  private static byte[] sized(String call, EntryPath path, SizedInvocation invocation)
      throws CallException {
    long bytes =
        check(call, path, (arena, state) -> invocation.invoke(arena, MemorySegment.NULL, 0, state));
    if (bytes == 0) {
      return new byte[0];
    }
    return filled(call, path, bytes, invocation);
  }

  private static byte[] filled(String call, EntryPath path, long room, SizedInvocation invocation)
      throws CallException {
    byte[] result = new byte[(int) room];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(room);
      long bytes =
          check(call, path, (inner, state) -> invocation.invoke(inner, buffer, room, state));
      MemorySegment.copy(buffer, ValueLayout.JAVA_BYTE, 0, result, 0, (int) bytes);
      return bytes == room ? result : Arrays.copyOf(result, (int) bytes);
    }
  }

  static void lsetxattr(EntryPath path, byte[] name, byte[] value) throws CallException {
    check(
        "lsetxattr",
        path,
        (arena, state) ->
            (int)
                LSETXATTR.invokeExact(
                    state,
                    string(arena, path.bytes()),
                    string(arena, name),
                    string(arena, value),
                    (long) value.length,
                    0));
  }

  static EntryPath readlink(EntryPath path) throws CallException {
    return EntryPath.of(
        filled(
            "readlink",
            path,
            4096,
            (arena, buffer, bytes, state) ->
                (long) READLINK.invokeExact(state, string(arena, path.bytes()), buffer, bytes)));
  }

  static void symlink(EntryPath target, EntryPath path) throws CallException {
    check(
        "symlink",
        path,
        (arena, state) ->
            (int)
                SYMLINK.invokeExact(
                    state, string(arena, target.bytes()), string(arena, path.bytes())));
  }

  static void link(EntryPath existing, EntryPath path) throws CallException {
    check(
        "link",
        path,
        (arena, state) ->
            (int)
                LINK.invokeExact(
                    state, string(arena, existing.bytes()), string(arena, path.bytes())));
  }

  /**
   * Makes a fifo or a device node that only the owner may use.
   *
   * @param type {@code S_IFIFO}, {@code S_IFCHR} or {@code S_IFBLK}
   */
  static void mknod(EntryPath path, int type, ArchiveEntry.Device device) throws CallException {
    long major = device.major();
    long minor = device.minor();
    long number =
        ((major & 0xfffff000L) << 32)
            | ((major & 0xfff) << 8)
            | ((minor & 0xffffff00L) << 12)
            | (minor & 0xff);
    check(
        "mknod",
        path,
        (arena, state) ->
            (int) MKNOD.invokeExact(state, string(arena, path.bytes()), type | 0600, number));
  }

  static void lchown(EntryPath path, long uid, long gid) throws CallException {
    check(
        "lchown",
        path,
        (arena, state) ->
            (int) LCHOWN.invokeExact(state, string(arena, path.bytes()), (int) uid, (int) gid));
  }

  /** Follows a symbolic link. */
  static void chmod(EntryPath path, int mode) throws CallException {
    check(
        "chmod",
        path,
        (arena, state) -> (int) CHMOD.invokeExact(state, string(arena, path.bytes()), mode));
  }

  /**
   * Opens something as a place for paths to begin at. Follows a symbolic link.
   *
   * @return the descriptor, to be closed
   */
  static int openPlace(EntryPath path) throws CallException {
    return (int)
        check(
            "open",
            path,
            (arena, state) ->
                (int) OPEN.invokeExact(state, string(arena, path.bytes()), O_PATH_O_CLOEXEC));
  }

  static void close(int descriptor, EntryPath path) throws CallException {
    check("close", path, (arena, state) -> (int) CLOSE.invokeExact(state, descriptor));
  }

  /** Sets the time of modification, and of access with it. */
  static void setModified(EntryPath path, Instant modified) throws CallException {
    check(
        "utimensat",
        path,
        (arena, state) -> {
          MemorySegment times =
              arena.allocateFrom(
                  LONG,
                  modified.getEpochSecond(),
                  modified.getNano(),
                  modified.getEpochSecond(),
                  modified.getNano());
          return (int)
              UTIMENSAT.invokeExact(
                  state, AT_FDCWD, string(arena, path.bytes()), times, AT_SYMLINK_NOFOLLOW);
        });
  }
}
