package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * An application that works on its files where they are: it appends, overwrites, sets modes,
 * replaces, deletes and makes anew, and before each change sees whether the file still is as it
 * left it.
 */
final class InPlaceWriter {
  private static final int FILES = 400;
  private static final int LARGEST = 150_000;
  private static final long PACE_NANOS = 300_000;

  private final Path folder;
  private final Random random;
  private final Map<Path, Left> all = new HashMap<>();
  private final AtomicLong changes = new AtomicLong();

  /** How a file was left. */
  private record Left(ByteBuffer content, int mode, FileTime modified) {
    void assertSameAs(Path file) throws IOException {
      assertThat(modeOf(file)).as("mode of %s", file).isEqualTo(mode);
      assertThat(Files.getLastModifiedTime(file)).as("time of %s", file).isEqualTo(modified);
      assertThat(ByteBuffer.wrap(Files.readAllBytes(file)).equals(content))
          .as("content of %s", file)
          .isTrue();
    }
  }

  InPlaceWriter(Path folder, Random random) {
    this.folder = folder;
    this.random = random;
  }

  /** Makes the first files. */
  void fill() throws IOException {
    for (int n = 0; n < FILES; n++) {
      create(file(n));
    }
  }

  /** Works until that is closed. */
  Running start() {
    return new Running();
  }

  /** All files are as they were left, and nobody else has a link to one. */
  void assertUntouched() throws IOException {
    for (Map.Entry<Path, Left> one : all.entrySet()) {
      one.getValue().assertSameAs(one.getKey());
      assertThat(Files.getAttribute(one.getKey(), "unix:nlink")).isEqualTo(1);
    }
  }

  /** The thread that works. */
  final class Running implements AutoCloseable {
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private final Thread thread = Thread.ofPlatform().start(this::work);
    private volatile boolean stopped;

    long changes() {
      return changes.get();
    }

    private void work() {
      try {
        while (!stopped) {
          change(file(random.nextInt(FILES)));
          LockSupport.parkNanos(PACE_NANOS);
          changes.incrementAndGet();
        }
      } catch (IOException | AssertionError e) {
        failure.set(e);
      }
    }

    @Override
    public void close() throws InterruptedException {
      stopped = true;
      thread.join();
      assertThat(failure.get()).isNull();
    }
  }

  private Path file(int number) {
    return folder.resolve(number % 2 == 0 ? "file-" + number : "folder/file-" + number);
  }

  private void change(Path file) throws IOException {
    Left left = all.get(file);
    if (left == null) {
      create(file);
      return;
    }
    left.assertSameAs(file);
    switch (random.nextInt(6)) {
      case 0, 1 -> append(file, left.content().array());
      case 2 -> overwrite(file, left.content().array());
      case 3 -> {
        Files.setAttribute(file, "unix:mode", 0600 | random.nextInt(0200));
        all.put(file, left(file, left.content().array()));
      }
      case 4 -> replace(file);
      default -> {
        if (file.equals(file(0))) {
          return;
        }
        Files.delete(file);
        all.remove(file);
      }
    }
  }

  private void create(Path file) throws IOException {
    byte[] content = content(random.nextInt(LARGEST));
    Files.createDirectories(file.resolveSibling("."));
    Files.write(file, content, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    all.put(file, left(file, content));
  }

  private void append(Path file, byte[] content) throws IOException {
    byte[] more = content(random.nextInt(2000));
    Files.write(file, more, StandardOpenOption.APPEND);
    byte[] whole = Arrays.copyOf(content, content.length + more.length);
    System.arraycopy(more, 0, whole, content.length, more.length);
    all.put(file, left(file, whole));
  }

  private void overwrite(Path file, byte[] content) throws IOException {
    byte[] part = content(Math.min(content.length, 100));
    int place = random.nextInt(content.length - part.length + 1);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(part), place);
    }
    byte[] whole = content.clone();
    System.arraycopy(part, 0, whole, place, part.length);
    all.put(file, left(file, whole));
  }

  private void replace(Path file) throws IOException {
    byte[] content = content(random.nextInt(LARGEST));
    Path temporary = Files.write(folder.resolve(".replacing"), content);
    Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    all.put(file, left(file, content));
  }

  private byte[] content(int length) {
    byte[] content = new byte[length];
    random.nextBytes(content);
    return content;
  }

  private static Left left(Path file, byte[] content) throws IOException {
    return new Left(ByteBuffer.wrap(content), modeOf(file), Files.getLastModifiedTime(file));
  }

  private static int modeOf(Path file) throws IOException {
    return (int) Files.getAttribute(file, "unix:mode");
  }
}
