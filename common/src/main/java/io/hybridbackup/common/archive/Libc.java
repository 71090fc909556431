package io.hybridbackup.common.archive;

import io.hybridbackup.common.natives.CLibrary;
import io.hybridbackup.common.natives.CallException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.time.Instant;
import java.util.Arrays;

/**
 * The calls of Linux's C library on paths that Java has no way to. None of them follows a symbolic
 * link at the end of a path, unless it says so.
 */
final class Libc {
  static final int EOPNOTSUPP = 95;

  private static final int AT_FDCWD = -100;
  private static final int AT_SYMLINK_NOFOLLOW = 0x100;

  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final MemoryLayout POINTER = ValueLayout.ADDRESS;

  private static final MethodHandle LLISTXATTR =
      CLibrary.function("llistxattr", LONG, POINTER, POINTER, LONG);
  private static final MethodHandle LGETXATTR =
      CLibrary.function("lgetxattr", LONG, POINTER, POINTER, POINTER, LONG);
  private static final MethodHandle LSETXATTR =
      CLibrary.function("lsetxattr", INT, POINTER, POINTER, POINTER, LONG, INT);
  private static final MethodHandle READLINK =
      CLibrary.function("readlink", LONG, POINTER, POINTER, LONG);
  private static final MethodHandle SYMLINK = CLibrary.function("symlink", INT, POINTER, POINTER);
  private static final MethodHandle LINK = CLibrary.function("link", INT, POINTER, POINTER);
  private static final MethodHandle MKNOD = CLibrary.function("mknod", INT, POINTER, INT, LONG);
  private static final MethodHandle LCHOWN = CLibrary.function("lchown", INT, POINTER, INT, INT);
  private static final MethodHandle CHMOD = CLibrary.function("chmod", INT, POINTER, INT);
  private static final MethodHandle UTIMENSAT =
      CLibrary.function("utimensat", INT, INT, POINTER, POINTER, INT);

  private Libc() {}

  private static long check(String function, EntryPath path, CLibrary.Call call)
      throws CallException {
    return CLibrary.check(function, () -> HeldFolder.named(path.toString()), call);
  }

  /** Names of the extended attributes, each followed by a NUL; no bytes where there are none. */
  static byte[] llistxattr(EntryPath path) throws CallException {
    return sized(
        "llistxattr",
        path,
        (arena, buffer, bytes, state) ->
            (long)
                LLISTXATTR.invokeExact(state, CLibrary.string(arena, path.bytes()), buffer, bytes));
  }

  static byte[] lgetxattr(EntryPath path, byte[] name) throws CallException {
    return sized(
        "lgetxattr",
        path,
        (arena, buffer, bytes, state) ->
            (long)
                LGETXATTR.invokeExact(
                    state,
                    CLibrary.string(arena, path.bytes()),
                    CLibrary.string(arena, name),
                    buffer,
                    bytes));
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
                    CLibrary.string(arena, path.bytes()),
                    CLibrary.string(arena, name),
                    CLibrary.string(arena, value),
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
                (long)
                    READLINK.invokeExact(
                        state, CLibrary.string(arena, path.bytes()), buffer, bytes)));
  }

  static void symlink(EntryPath target, EntryPath path) throws CallException {
    check(
        "symlink",
        path,
        (arena, state) ->
            (int)
                SYMLINK.invokeExact(
                    state,
                    CLibrary.string(arena, target.bytes()),
                    CLibrary.string(arena, path.bytes())));
  }

  static void link(EntryPath existing, EntryPath path) throws CallException {
    check(
        "link",
        path,
        (arena, state) ->
            (int)
                LINK.invokeExact(
                    state,
                    CLibrary.string(arena, existing.bytes()),
                    CLibrary.string(arena, path.bytes())));
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
            (int)
                MKNOD.invokeExact(
                    state, CLibrary.string(arena, path.bytes()), type | 0600, number));
  }

  static void lchown(EntryPath path, long uid, long gid) throws CallException {
    check(
        "lchown",
        path,
        (arena, state) ->
            (int)
                LCHOWN.invokeExact(
                    state, CLibrary.string(arena, path.bytes()), (int) uid, (int) gid));
  }

  /** Follows a symbolic link. */
  static void chmod(EntryPath path, int mode) throws CallException {
    check(
        "chmod",
        path,
        (arena, state) ->
            (int) CHMOD.invokeExact(state, CLibrary.string(arena, path.bytes()), mode));
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
                  state,
                  AT_FDCWD,
                  CLibrary.string(arena, path.bytes()),
                  times,
                  AT_SYMLINK_NOFOLLOW);
        });
  }
}
