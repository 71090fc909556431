package io.hybridbackup.common.store;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import org.jspecify.annotations.Nullable;

/** Writes a new file by whole blocks. For one thread. */
final class BlockOutputStream extends OutputStream {
  private final FileChannel file;
  private final DiskBlocks blocks;
  private long length;
  private @Nullable ByteBuffer buffer;

  /**
   * @param file empty, opened by {@code blocks}; closed with this
   */
  BlockOutputStream(FileChannel file, DiskBlocks blocks) {
    this.file = file;
    this.blocks = blocks;
    this.buffer = blocks.take();
  }

  @Override
  public void write(int oneByte) throws IOException {
    write(new byte[] {(byte) oneByte}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int count) throws IOException {
    ByteBuffer filling = open();
    for (int done = 0; done < count; ) {
      int taken = Math.min(count - done, filling.remaining());
      filling.put(bytes, offset + done, taken);
      done += taken;
      if (!filling.hasRemaining()) {
        drain(filling);
      }
    }
    length += count;
  }

  private ByteBuffer open() throws IOException {
    ByteBuffer open = buffer;
    if (open == null) {
      throw new IOException("the stream is closed");
    }
    return open;
  }

  private void drain(ByteBuffer full) throws IOException {
    full.flip();
    while (full.hasRemaining()) {
      file.write(full);
    }
    full.clear();
  }

  /**
   * Has the kernel copy what comes next from another file. Only where the page cache is not
   * bypassed.
   *
   * @return how many bytes; 0 if the other file ends before {@code position}
   */
  long transferFrom(FileChannel source, long position, long count) throws IOException {
    drain(open());
    long copied = source.transferTo(position, count, file);
    length += copied;
    return copied;
  }

  /**
   * Writes what there is, which must be whole blocks.
   *
   * @return how many bytes the file has
   */
  long flushBlocks() throws IOException {
    if (length % blocks.blockBytes() != 0) {
      throw new IllegalStateException(length + " bytes are not whole blocks");
    }
    drain(open());
    return length;
  }

  /** What comes next of the file has been written by somebody else. Only behind whole blocks. */
  void skip(long bytes) throws IOException {
    file.position(file.position() + bytes);
    length += bytes;
  }

  /** Brings everything to the disk. Nothing may be written afterwards. */
  void finish() throws IOException {
    ByteBuffer last = open();
    int padded = Math.ceilDiv(last.position(), blocks.blockBytes()) * blocks.blockBytes();
    while (last.position() < padded) {
      last.put((byte) 0);
    }
    drain(last);
    file.truncate(length);
    file.force(true);
  }

  @Override
  public void close() throws IOException {
    ByteBuffer held = buffer;
    if (held != null) {
      buffer = null;
      blocks.give(held);
    }
    file.close();
  }
}
