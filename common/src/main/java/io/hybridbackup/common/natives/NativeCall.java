package io.hybridbackup.common.natives;

/** A call of a native function, none of which throws. */
@FunctionalInterface
public interface NativeCall<T> {
  T make() throws Throwable;

  static <T> T of(NativeCall<T> call) {
    try {
      return call.make();
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("a native function cannot throw", e);
    }
  }
}
