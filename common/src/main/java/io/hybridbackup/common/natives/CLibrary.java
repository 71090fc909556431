package io.hybridbackup.common.natives;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.function.Supplier;

/** Functions of Linux's C library that tell by -1 that they have failed, and by errno why. */
@SuppressWarnings("restricted")
public final class CLibrary {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final Linker.Option CAPTURED = Linker.Option.captureCallState("errno");
  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

  private CLibrary() {}

  /** A call of a function that {@link #function} or {@link #variadic} gave. */
  @FunctionalInterface
  public interface Call {
    /**
     * @param arena for what the call needs
     * @param state the function's first argument
     */
    long make(Arena arena, MemorySegment state) throws Throwable;
  }

  /** A function, to which an argument is added in front of its own, see {@link Call}. */
  public static MethodHandle function(String name, MemoryLayout result, MemoryLayout... arguments) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        FunctionDescriptor.of(result, arguments),
        CAPTURED);
  }

  /**
   * As {@link #function}, but one that takes any arguments behind some that are fixed.
   *
   * @param fixed how many
   */
  public static MethodHandle variadic(
      String name, int fixed, MemoryLayout result, MemoryLayout... arguments) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        FunctionDescriptor.of(result, arguments),
        CAPTURED,
        Linker.Option.firstVariadicArg(fixed));
  }

  /**
   * Makes a call.
   *
   * @param function its name
   * @param on what the function is called on, as people know it; asked for only if it failed
   * @return what the function returned, anything but -1
   * @throws CallException if it returned -1
   */
  public static long check(String function, Supplier<String> on, Call call) throws CallException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      long result = NativeCall.of(() -> call.make(arena, state));
      if (result == -1) {
        throw new CallException(function, on.get(), (int) ERRNO.get(state, 0L));
      }
      return result;
    }
  }

  /** Bytes with a NUL behind them. */
  public static MemorySegment string(Arena arena, byte[] bytes) {
    MemorySegment segment = arena.allocate(bytes.length + 1L);
    MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, 0, bytes.length);
    return segment;
  }
}
