package io.hybridbackup.common.archive;

import io.hybridbackup.common.natives.NativeCall;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Random;
import java.util.zip.DataFormatException;

/**
 * Intel's ISA-L, where the system has it: on what hardly compresses it is four times as fast as
 * libdeflate's level 1, for about the same result.
 */
@SuppressWarnings("restricted")
final class IsaL {
  private static final String LIBRARY = "libisal.so.2";

  /** Its best: on PDF and PNG hardly larger than zlib's 6. */
  private static final int LEVEL = 3;

  /** More than any level asks for, see ISAL_DEF_LVL3_EXTRA_LARGE in igzip_lib.h. */
  private static final int LEVEL_BUFFER_BYTES = 1024 * 1024;

  /** The public fields of {@code struct isal_zstream}, see igzip_lib.h. */
  private static final StructLayout STREAM =
      MemoryLayout.structLayout(
          ValueLayout.ADDRESS.withName("next_in"),
          ValueLayout.JAVA_INT.withName("avail_in"),
          ValueLayout.JAVA_INT.withName("total_in"),
          ValueLayout.ADDRESS.withName("next_out"),
          ValueLayout.JAVA_INT.withName("avail_out"),
          ValueLayout.JAVA_INT.withName("total_out"),
          ValueLayout.ADDRESS.withName("hufftables"),
          ValueLayout.JAVA_INT.withName("level"),
          ValueLayout.JAVA_INT.withName("level_buf_size"),
          ValueLayout.ADDRESS.withName("level_buf"),
          ValueLayout.JAVA_SHORT.withName("end_of_stream"),
          ValueLayout.JAVA_SHORT.withName("flush"));

  private static final long NEXT_IN = offset("next_in");
  private static final long AVAIL_IN = offset("avail_in");
  private static final long NEXT_OUT = offset("next_out");
  private static final long AVAIL_OUT = offset("avail_out");
  private static final long TOTAL_OUT = offset("total_out");
  private static final long LEVEL_FIELD = offset("level");
  private static final long LEVEL_BUF_SIZE = offset("level_buf_size");
  private static final long LEVEL_BUF = offset("level_buf");
  private static final long END_OF_STREAM = offset("end_of_stream");

  /** With the state behind those fields it takes up some 85 KB. */
  private static final int STREAM_BYTES = 512 * 1024;

  private static final int ALIGNMENT = 64;
  private static final int COMP_OK = 0;
  private static final int STATELESS_OVERFLOW = -1;

  private static final Optional<IsaL> LOADED = find(LIBRARY);

  private final MethodHandle begin;
  private final MethodHandle deflate;

  private IsaL(SymbolLookup library) {
    Linker linker = Linker.nativeLinker();
    begin =
        linker.downcallHandle(
            library.findOrThrow("isal_deflate_stateless_init"),
            FunctionDescriptor.ofVoid(ValueLayout.ADDRESS));
    deflate =
        linker.downcallHandle(
            library.findOrThrow("isal_deflate_stateless"),
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS));
  }

  private static long offset(String field) {
    return STREAM.byteOffset(PathElement.groupElement(field));
  }

  /** The library; empty if the system does not have it or it does not do what is expected of it. */
  static Optional<IsaL> load() {
    return LOADED;
  }

  /**
   * @param library the name that the system's loader knows it by
   */
  static Optional<IsaL> find(String library) {
    try {
      return Optional.of(new IsaL(SymbolLookup.libraryLookup(library, Arena.global())))
          .filter(IsaL::works);
    } catch (IllegalArgumentException | NoSuchElementException e) {
      return Optional.empty();
    }
  }

  /**
   * The layout of its state is not part of what its name promises: it has to give back a sample of
   * what shrinks and of what does not.
   */
  private boolean works() {
    byte[] sample = new byte[300_000];
    new Random(1).nextBytes(sample);
    Arrays.fill(sample, 50_000, 150_000, (byte) 'a');
    try (Arena arena = Arena.ofConfined();
        Deflate way = open()) {
      MemorySegment plain = arena.allocate(sample.length);
      MemorySegment deflated = arena.allocate(sample.length + Deflate.SLACK_BYTES);
      plain.copyFrom(MemorySegment.ofArray(sample));
      int bytes = way.deflate(plain, deflated.asSlice(0, sample.length));
      if (bytes < 1 || bytes > 210_000) {
        return false;
      }
      byte[] back = new byte[sample.length];
      Inflate.byPlatform(deflated.asSlice(0, bytes).toArray(ValueLayout.JAVA_BYTE), 0, bytes, back);
      return Arrays.equals(sample, back);
    } catch (DataFormatException | IllegalStateException e) {
      return false;
    }
  }

  /** A compressor of its own. */
  Deflate open() {
    Arena arena = Arena.ofShared();
    MemorySegment stream = arena.allocate(STREAM_BYTES, ALIGNMENT);
    MemorySegment levelBuffer = arena.allocate(LEVEL_BUFFER_BYTES, ALIGNMENT);
    return new Deflate() {
      private boolean closed;

      @Override
      public int deflate(MemorySegment plain, MemorySegment deflated) {
        int result =
            NativeCall.of(() -> {
              begin.invokeExact(stream);
              stream.set(ValueLayout.ADDRESS, NEXT_IN, plain);
              stream.set(ValueLayout.JAVA_INT, AVAIL_IN, (int) plain.byteSize());
              stream.set(ValueLayout.ADDRESS, NEXT_OUT, deflated);
              stream.set(ValueLayout.JAVA_INT, AVAIL_OUT, (int) deflated.byteSize());
              stream.set(ValueLayout.JAVA_INT, LEVEL_FIELD, LEVEL);
              stream.set(ValueLayout.JAVA_INT, LEVEL_BUF_SIZE, LEVEL_BUFFER_BYTES);
              stream.set(ValueLayout.ADDRESS, LEVEL_BUF, levelBuffer);
              stream.set(ValueLayout.JAVA_SHORT, END_OF_STREAM, (short) 1);
              return (int) deflate.invokeExact(stream);
            });
        return switch (result) {
          case COMP_OK -> stream.get(ValueLayout.JAVA_INT, TOTAL_OUT);
          case STATELESS_OVERFLOW -> -1;
          default -> throw new IllegalStateException("ISA-L failed with error " + result);
        };
      }

      @Override
      public void close() {
        if (!closed) {
          closed = true;
          arena.close();
        }
      }
    };
  }
}
