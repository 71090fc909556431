package io.hybridbackup.common.store;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Writes a new file by whole blocks, each while the next one is filled. For one thread. That a
 * block could not be written may become known only with a later one, and at {@link #finish} at
 * last.
 */
final class BlockOutputStream extends OutputStream {
  /** Whoever waits for the disk. An interruption of the one who fills must not close the file. */
  private static final ExecutorService WRITERS =
      Executors.newCachedThreadPool(
          Thread.ofPlatform().daemon().name("block-writer-", 0).factory());

  private final FileChannel file;
  private final DiskBlocks blocks;
  private long length;
  private @Nullable ByteBuffer buffer;
  private @Nullable Future<ByteBuffer> writing;

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
        filling = handOver(filling);
      }
    }
    length += count;
  }

  /** Has a full buffer written, and gives one to go on with. */
  private ByteBuffer handOver(ByteBuffer full) throws IOException {
    ByteBuffer written = awaitWritten();
    ByteBuffer next = written == null ? blocks.take() : written;
    buffer = next;
    writing =
        WRITERS.submit(() -> {
          drain(full);
          return full;
        });
    return next;
  }

  /** The buffer that was handed over last; null if that has been returned before. */
  private @Nullable ByteBuffer awaitWritten() throws IOException {
    Future<ByteBuffer> last = writing;
    if (last == null) {
      return null;
    }
    writing = null;
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return last.get();
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          if (e.getCause() instanceof IOException cause) {
            throw cause;
          }
          throw new IOException(e.getCause());
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Everything up to here is in the file, but for what is in the buffer. */
  private void settle() throws IOException {
    ByteBuffer written = awaitWritten();
    if (written != null) {
      blocks.give(written);
    }
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
    settle();
    drain(open());
    long copied = source.transferTo(position, count, file);
    length += copied;
    return copied;
  }

  /** Brings everything to the disk. Nothing may be written afterwards. */
  void finish() throws IOException {
    settle();
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
    try {
      settle();
    } finally {
      file.close();
    }
  }
}
