package io.hybridbackup.common.natives;

import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** An open file, or a place in the tree of files, as the kernel knows it: by a number. */
public final class Descriptor implements AutoCloseable {
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
  private static final MethodHandle OPEN =
      CLibrary.variadic("open", 2, INT, ValueLayout.ADDRESS, INT);
  private static final MethodHandle CLOSE = CLibrary.function("close", INT, INT);

  /** Programs that start do not get the descriptor. */
  private static final int O_CLOEXEC = 02000000;

  /** What a file is opened for. */
  public enum Use {
    READING(0),
    WRITING(1),
    /** For paths to begin at: {@code O_PATH}. Nothing is read by it. */
    PLACE(010000000);

    private final int flags;

    Use(int flags) {
      this.flags = flags;
    }
  }

  private final String name;
  private final int number;

  private Descriptor(String name, int number) {
    this.name = name;
    this.number = number;
  }

  /**
   * Opens what is there; follows a symbolic link. The caller closes it.
   *
   * @param path without a NUL
   * @param name as people know it
   */
  public static Descriptor open(byte[] path, String name, Use use) throws CallException {
    long number =
        CLibrary.check(
            "open",
            () -> name,
            (arena, state) ->
                (int) OPEN.invokeExact(state, CLibrary.string(arena, path), use.flags | O_CLOEXEC));
    return new Descriptor(name, (int) number);
  }

  public int number() {
    return number;
  }

  @Override
  public void close() throws CallException {
    long _ =
        CLibrary.check(
            "close", () -> name, (arena, state) -> (int) CLOSE.invokeExact(state, number));
  }
}
