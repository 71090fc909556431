package io.hybridbackup.common.archive;

import io.hybridbackup.common.natives.NativeCall;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.zip.DataFormatException;

/**
 * libdeflate, where the system has it: several times as fast as zlib, and its level 7 makes a dump
 * no larger than zlib's level 9.
 */
@SuppressWarnings("restricted")
final class LibDeflate {
  /** The name that the library has had since its interface became stable. */
  private static final String LIBRARY = "libdeflate.so.0";

  private static final Optional<LibDeflate> LOADED = find(LIBRARY);

  /** What {@code libdeflate_deflate_decompress_ex} returns, see libdeflate.h. */
  private static final int SUCCESS = 0;

  private static final int SHORT_OUTPUT = 2;
  private static final int INSUFFICIENT_SPACE = 3;

  private final MethodHandle allocateCompressor;
  private final MethodHandle compress;
  private final MethodHandle freeCompressor;
  private final MethodHandle allocateDecompressor;
  private final MethodHandle decompress;
  private final MethodHandle freeDecompressor;

  private LibDeflate(SymbolLookup library) {
    AddressLayout pointer = ValueLayout.ADDRESS;
    ValueLayout.OfLong size = ValueLayout.JAVA_LONG;
    ValueLayout.OfInt number = ValueLayout.JAVA_INT;
    Linker linker = Linker.nativeLinker();
    allocateCompressor =
        linker.downcallHandle(
            library.findOrThrow("libdeflate_alloc_compressor"),
            FunctionDescriptor.of(pointer, number));
    compress =
        linker.downcallHandle(
            library.findOrThrow("libdeflate_deflate_compress"),
            FunctionDescriptor.of(size, pointer, pointer, size, pointer, size));
    freeCompressor =
        linker.downcallHandle(
            library.findOrThrow("libdeflate_free_compressor"), FunctionDescriptor.ofVoid(pointer));
    allocateDecompressor =
        linker.downcallHandle(
            library.findOrThrow("libdeflate_alloc_decompressor"), FunctionDescriptor.of(pointer));
    // Critical: it reads and writes the arrays where they are, and the garbage collector waits. A
    // member is inflated in about a millisecond; to deflate one takes ten times as long and more.
    decompress =
        linker.downcallHandle(
            library.findOrThrow("libdeflate_deflate_decompress_ex"),
            FunctionDescriptor.of(number, pointer, pointer, size, pointer, size, pointer, pointer),
            Linker.Option.critical(true));
    freeDecompressor =
        linker.downcallHandle(
            library.findOrThrow("libdeflate_free_decompressor"),
            FunctionDescriptor.ofVoid(pointer));
  }

  /** The library; empty if the system does not have it. */
  static Optional<LibDeflate> load() {
    return LOADED;
  }

  /**
   * @param library the name that the system's loader knows it by
   */
  static Optional<LibDeflate> find(String library) {
    try {
      return Optional.of(new LibDeflate(SymbolLookup.libraryLookup(library, Arena.global())));
    } catch (IllegalArgumentException | NoSuchElementException e) {
      return Optional.empty();
    }
  }

  /**
   * A compressor of its own.
   *
   * @param level 1 to 12
   */
  Deflate open(int level) {
    MemorySegment compressor =
        allocated(NativeCall.of(() -> (MemorySegment) allocateCompressor.invokeExact(level)));
    return new Deflate() {
      private boolean closed;

      @Override
      public int deflate(MemorySegment plain, MemorySegment deflated) {
        long bytes =
            NativeCall.of(() ->
                (long)
                    compress.invokeExact(
                        compressor, plain, plain.byteSize(), deflated, deflated.byteSize()));
        return bytes == 0 ? -1 : (int) bytes;
      }

      @Override
      public void close() {
        if (!closed) {
          closed = true;
          free(freeCompressor, compressor);
        }
      }
    };
  }

  /** Does what {@link Inflate#inflate} says. */
  void inflate(byte[] deflated, int offset, int bytes, byte[] plain) throws DataFormatException {
    MemorySegment in = MemorySegment.ofArray(deflated).asSlice(offset, bytes);
    MemorySegment out = MemorySegment.ofArray(plain);
    MemorySegment taken = MemorySegment.ofArray(new long[1]);
    MemorySegment decompressor =
        allocated(NativeCall.of(() -> (MemorySegment) allocateDecompressor.invokeExact()));
    int result;
    try {
      result =
          NativeCall.of(() ->
              // Without a place for the length of the output, only a full one is a success.
              (int)
                  decompress.invokeExact(
                      decompressor,
                      in,
                      in.byteSize(),
                      out,
                      out.byteSize(),
                      taken,
                      MemorySegment.NULL));
    } finally {
      free(freeDecompressor, decompressor);
    }
    switch (result) {
      case SUCCESS -> {
        if (taken.get(ValueLayout.JAVA_LONG, 0) != bytes) {
          throw new DataFormatException("it does not end where it should");
        }
      }
      case SHORT_OUTPUT ->
          throw new DataFormatException("it holds fewer bytes than " + plain.length);
      case INSUFFICIENT_SPACE ->
          throw new DataFormatException("it holds more bytes than " + plain.length);
      default -> throw new DataFormatException("its compressed data is damaged");
    }
  }

  private static MemorySegment allocated(MemorySegment memory) {
    if (memory.equals(MemorySegment.NULL)) {
      throw new OutOfMemoryError("libdeflate could not allocate memory");
    }
    return memory;
  }

  private static void free(MethodHandle handle, MemorySegment memory) {
    MemorySegment _ =
        NativeCall.of(() -> {
          handle.invokeExact(memory);
          return memory;
        });
  }
}
