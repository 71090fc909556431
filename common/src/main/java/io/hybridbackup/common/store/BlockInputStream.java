package io.hybridbackup.common.store;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import org.jspecify.annotations.Nullable;

/** A range of a file, read by whole blocks. Ends early if the file does. For one thread. */
final class BlockInputStream extends InputStream {
  private final FileChannel file;
  private final DiskBlocks blocks;
  private final long end;
  private long position;
  private @Nullable ByteBuffer buffer;

  /**
   * @param file opened by {@code blocks}; closed with this
   * @param offset of the first byte
   * @param bytes at most so many are read
   */
  BlockInputStream(FileChannel file, DiskBlocks blocks, long offset, long bytes) {
    this.file = file;
    this.blocks = blocks;
    this.position = offset;
    this.end = offset + bytes;
    this.buffer = blocks.take().limit(0);
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] bytes, int offset, int length) throws IOException {
    ByteBuffer filled = buffer;
    if (filled == null) {
      throw new IOException("the stream is closed");
    }
    if (length == 0) {
      return 0;
    }
    if (!filled.hasRemaining() && !fill(filled)) {
      return -1;
    }
    int read = Math.min(length, filled.remaining());
    filled.get(bytes, offset, read);
    position += read;
    return read;
  }

  /** False at the end. */
  private boolean fill(ByteBuffer empty) throws IOException {
    int block = blocks.blockBytes();
    int skipped = (int) (position % block);
    long wanted = Math.min(empty.capacity(), skipped + end - position);
    empty.clear().limit((int) Math.ceilDiv(wanted, block) * block);
    int read = position >= end ? -1 : file.read(empty, position - skipped);
    if (read <= skipped) {
      empty.limit(0);
      return false;
    }
    empty.limit((int) Math.min(read, wanted)).position(skipped);
    return true;
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
