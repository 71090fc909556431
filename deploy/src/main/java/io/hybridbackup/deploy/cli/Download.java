package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.store.Crc64Nvme;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoreException;
import io.hybridbackup.common.store.StoredObject;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;

/**
 * Brings an object out of the store into a file, in chunks, several at a time. Until it is whole it
 * is {@code FILE.part}, and {@code FILE.part.state} says which chunks are on disk, so that a later
 * try goes on from there if the object is still the same.
 */
final class Download {
  private static final int VERSION = 1;
  private static final long SHORTEST_CHUNK = 8L << 20;
  private static final int MOST_CHUNKS = 4096;
  private static final int PARALLEL = 8;
  private static final int BUFFER_BYTES = 1 << 18;
  private static final int TRIES = 5;
  private static final Duration PAUSE = Duration.ofMillis(200);
  private static final Duration CHECKPOINT = Duration.ofSeconds(1);
  private static final Duration TICK = Duration.ofMillis(200);

  private final ObjectStore store;
  private final StoredObject object;
  private final Path file;
  private final Path part;
  private final Path state;
  private final Progress progress;
  private final long chunkBytes;
  private final SortedMap<Integer, String> done = new TreeMap<>();
  private final AtomicLong bytesDone = new AtomicLong();
  private volatile boolean givenUp;

  /**
   * @param file must not exist; its folder must
   */
  Download(ObjectStore store, StoredObject object, Path file, Progress progress) {
    this(store, object, file, progress, Math.max(SHORTEST_CHUNK, object.bytes() / MOST_CHUNKS + 1));
  }

  Download(ObjectStore store, StoredObject object, Path file, Progress progress, long chunkBytes) {
    this.store = store;
    this.object = object;
    this.file = file;
    this.part = beside(file, ".part");
    this.state = beside(file, ".part.state");
    this.progress = progress;
    this.chunkBytes = chunkBytes;
  }

  private static Path beside(Path file, String ending) {
    return file.resolveSibling(file.getFileName() + ending);
  }

  /**
   * What is on disk already.
   *
   * @param done the numbers of whole chunks, from 0, with the CRC64NVME of each
   */
  private record State(
      int version,
      ObjectKey key,
      String etag,
      long bytes,
      long chunkBytes,
      SortedMap<Integer, String> done) {}

  /** The file could not be written; trying again does not help. */
  private static final class UnwritableException extends IOException {
    UnwritableException(IOException cause) {
      super(cause.getMessage(), cause);
    }
  }

  /** What is done with a file that is whole, before it gets its name. */
  @FunctionalInterface
  interface Check {
    /**
     * @param crc64nvme of the whole file
     */
    void check(String crc64nvme) throws IOException;
  }

  /**
   * Downloads. When it returns the file is on disk under its name; after an exception what there is
   * of it stays for the next try, unless {@code check} threw it.
   *
   * @throws CommandException if it is not to be had; the message says what to do
   */
  void run(Check check) {
    try (FileChannel channel =
        FileChannel.open(
            part,
            Set.of(
                StandardOpenOption.CREATE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                LinkOption.NOFOLLOW_LINKS),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
      // The lock goes with the channel.
      if (!lock(channel)) {
        throw new CommandException(
            ExitCode.USAGE, part + " is being written by another download; wait for it");
      }
      if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
        throw new CommandException(ExitCode.USAGE, file + " exists; move it away, or name another");
      }
      resume(channel);
      try {
        fetch(channel);
      } finally {
        checkpoint(channel);
      }
      try {
        check.check(crc());
      } catch (CommandException e) {
        Files.deleteIfExists(state);
        Files.deleteIfExists(part);
        throw e;
      }
      Files.move(part, file);
      sync(file.toAbsolutePath().getParent());
      Files.deleteIfExists(state);
    } catch (IOException e) {
      throw failure(e);
    }
  }

  private static boolean lock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      return false;
    }
  }

  private CommandException failure(IOException e) {
    if (e.getCause() instanceof StoreException.Missing
        || e.getCause() instanceof StoreException.Changed) {
      return new CommandException(
          ExitCode.NOTHING_FOUND,
          "the archive was deleted or replaced in the store meanwhile: "
              + e.getMessage()
              + "; download another, and delete "
              + part
              + ", which nothing can complete any more",
          e);
    }
    boolean reading = !(e instanceof UnwritableException);
    String what = reading ? "the download broke off: " : "could not write " + part + ": ";
    String remedy =
        Files.exists(state)
            ? "; what has arrived is kept: mend that, and the same command goes on from there"
            : "; mend that, and try again";
    return new CommandException(
        reading && e.getCause() instanceof StoreException
            ? ExitCode.UNREACHABLE
            : ExitCode.RUN_FAILED,
        what + reason(e) + remedy,
        e);
  }

  private static String reason(IOException e) {
    return e.getClass() == IOException.class || e instanceof UnwritableException
        ? String.valueOf(e.getMessage())
        : e.toString();
  }

  /** Finds out what an earlier try has left. */
  private void resume(FileChannel channel) throws IOException {
    State left = left();
    if (left == null && channel.size() > 0) {
      throw new CommandException(
          ExitCode.USAGE,
          part
              + " exists, and nothing beside it says that a download left it; move it away, or name"
              + " another file");
    }
    if (left != null && sameObject(left)) {
      long bytes = 0;
      for (var chunk : left.done.entrySet()) {
        if (chunk.getValue().equals(crcOnDisk(channel, chunk.getKey()))) {
          done.put(chunk.getKey(), chunk.getValue());
          bytes += bytes(chunk.getKey());
        }
      }
      bytesDone.set(bytes);
      progress.say(
          "going on where an earlier download stopped: "
              + Amounts.bytes(bytes)
              + " of "
              + Amounts.bytes(object.bytes())
              + " are here");
    } else if (left != null) {
      progress.say(
          "beginning again: the archive in the store is not the one that " + part + " is of");
      channel.truncate(0);
    }
    long missing = object.bytes() - bytesDone.get();
    long room = Files.getFileStore(part).getUsableSpace();
    // Of chunks that were under way there may be something on disk that is not counted.
    if (room + PARALLEL * chunkBytes < missing) {
      throw new UnwritableException(
          new IOException(
              "there is room for "
                  + Amounts.bytes(room)
                  + ", and "
                  + Amounts.bytes(missing)
                  + " are to come"));
    }
    checkpoint(channel);
  }

  private boolean sameObject(State left) {
    return left.version == VERSION
        && left.key.equals(object.key())
        && left.etag.equals(object.etag())
        && left.bytes == object.bytes()
        && left.chunkBytes == chunkBytes
        && left.done.keySet().stream().allMatch(chunk -> chunk >= 0 && chunk < chunks());
  }

  private @Nullable State left() throws IOException {
    try {
      return Json.read(Files.readAllBytes(state), State.class);
    } catch (NoSuchFileException | JacksonException e) {
      return null;
    }
  }

  private int chunks() {
    return Math.toIntExact(Math.ceilDiv(object.bytes(), chunkBytes));
  }

  private long offset(int chunk) {
    return chunk * chunkBytes;
  }

  private long bytes(int chunk) {
    return Math.min(chunkBytes, object.bytes() - offset(chunk));
  }

  /** What is on disk may be less than the state says, if somebody has touched it. */
  private String crcOnDisk(FileChannel channel, int chunk) throws IOException {
    Crc64Nvme crc = new Crc64Nvme();
    ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
    long at = offset(chunk);
    long end = at + bytes(chunk);
    while (at < end) {
      buffer.clear().limit((int) Math.min(buffer.capacity(), end - at));
      int read = channel.read(buffer, at);
      if (read < 0) {
        return "";
      }
      crc.update(buffer.array(), 0, read);
      at += read;
    }
    return Crc64Nvme.hex(crc.value());
  }

  private record Fetched(int chunk, String crc) {}

  private void fetch(FileChannel channel) throws IOException {
    try (ExecutorService threads =
        Executors.newFixedThreadPool(
            PARALLEL, Thread.ofPlatform().daemon().name("download-", 0).factory())) {
      CompletionService<Fetched> fetched = new ExecutorCompletionService<>(threads);
      int missing = 0;
      for (int chunk = 0; chunk < chunks(); chunk++) {
        if (!done.containsKey(chunk)) {
          int wanted = chunk;
          fetched.submit(() -> new Fetched(wanted, fetch(channel, wanted)));
          missing++;
        }
      }
      try {
        long lastCheckpoint = System.nanoTime();
        while (missing > 0) {
          Future<Fetched> next = fetched.poll(TICK.toNanos(), TimeUnit.NANOSECONDS);
          progress.show("archive", "downloading", bytesDone.get(), object.bytes(), null);
          if (next != null) {
            done.put(next.get().chunk, next.get().crc);
            missing--;
          }
          if (System.nanoTime() - lastCheckpoint > CHECKPOINT.toNanos()) {
            checkpoint(channel);
            lastCheckpoint = System.nanoTime();
          }
        }
      } catch (ExecutionException e) {
        throw cause(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted");
      } finally {
        givenUp = true;
      }
    }
  }

  private static IOException cause(ExecutionException e) {
    return switch (e.getCause()) {
      case IOException failure -> failure;
      case StoreException failure -> new IOException(failure.getMessage(), failure);
      case null, default -> throw new IllegalStateException(e.getCause());
    };
  }

  /** Fetches one chunk; what breaks off is taken up again where it stopped. */
  private String fetch(FileChannel channel, int chunk) throws IOException {
    Crc64Nvme crc = new Crc64Nvme();
    byte[] buffer = new byte[BUFFER_BYTES];
    long at = offset(chunk);
    long end = at + bytes(chunk);
    for (int tries = 0; at < end; tries++) {
      stopIfGivenUp();
      long begun = at;
      try (InputStream in = store.open(new Slice(object.key(), object.etag(), at, end - at))) {
        while (at < end) {
          stopIfGivenUp();
          int read = in.read(buffer);
          if (read < 0) {
            throw new EOFException("the store gave less than was asked for");
          }
          write(channel, ByteBuffer.wrap(buffer, 0, read), at);
          crc.update(buffer, 0, read);
          at += read;
          bytesDone.addAndGet(read);
        }
      } catch (UnwritableException e) {
        throw e;
      } catch (IOException | StoreException.Unavailable e) {
        if (at > begun) {
          tries = 0;
        }
        if (tries + 1 >= TRIES) {
          throw e;
        }
        pause(tries);
      }
    }
    return Crc64Nvme.hex(crc.value());
  }

  /** To interrupt a thread would close the file for all of them. */
  private void stopIfGivenUp() throws UnwritableException {
    if (givenUp) {
      throw new UnwritableException(new IOException("another chunk could not be had"));
    }
  }

  private static void write(FileChannel channel, ByteBuffer bytes, long offset)
      throws UnwritableException {
    long at = offset;
    try {
      while (bytes.hasRemaining()) {
        at += channel.write(bytes, at);
      }
    } catch (IOException e) {
      throw new UnwritableException(e);
    }
  }

  private static void pause(int tries) throws InterruptedIOException {
    try {
      Thread.sleep(PAUSE.multipliedBy(1L << tries));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }

  /** Says what is done only once it is on disk. */
  private void checkpoint(FileChannel channel) throws IOException {
    try {
      channel.force(false);
      Path scratch = beside(state, ".new");
      Files.deleteIfExists(scratch);
      writeNew(
          scratch,
          Json.write(
              new State(VERSION, object.key(), object.etag(), object.bytes(), chunkBytes, done)));
      Files.move(scratch, state, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new UnwritableException(e);
    }
  }

  /**
   * Writes a file to the disk. Where others may write to its folder, nothing of theirs is followed
   * or kept.
   *
   * @throws java.nio.file.FileAlreadyExistsException if there is anything of that name
   */
  static void writeNew(Path file, byte[] content) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      ByteBuffer left = ByteBuffer.wrap(content);
      while (left.hasRemaining()) {
        channel.write(left);
      }
      channel.force(true);
    }
  }

  private static void sync(@Nullable Path path) throws IOException {
    if (path != null) {
      try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
        channel.force(true);
      }
    }
  }

  private String crc() {
    long crc = 0;
    for (var chunk : done.entrySet()) {
      long next = Crc64Nvme.parse(chunk.getValue());
      crc = chunk.getKey() == 0 ? next : Crc64Nvme.combine(crc, next, bytes(chunk.getKey()));
    }
    return Crc64Nvme.hex(crc);
  }
}
