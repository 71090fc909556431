package io.hybridbackup.deploy;

import io.hybridbackup.common.testing.PostgresTestServer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * An application that is never at rest. A file appears under its name when it is whole and durable,
 * its row in the table {@code upload} after that; a new version is a file of its own; a row goes
 * before its file does. No file is written twice.
 */
final class LiveWriter implements AutoCloseable {
  /** The name of a file that is not whole yet; no row has it. */
  static final String UPLOADING = ".uploading";

  private static final int WRITERS = 4;
  private static final Duration PACE = Duration.ofMillis(10);
  private static final int FEWEST = 60;
  private static final int MOST = 120;
  private static final int LONGEST_FILE = 20_000;

  private final Path folder;
  private final Duration grace;
  private final ScheduledExecutorService writers = Executors.newScheduledThreadPool(WRITERS + 1);
  private final List<Connection> connections = new ArrayList<>();
  private final AtomicLong operations = new AtomicLong();
  private final AtomicReference<@Nullable Exception> failure = new AtomicReference<>();
  private final long begun = System.nanoTime();

  private LiveWriter(Path folder, Duration grace) {
    this.folder = folder;
    this.grace = grace;
  }

  /**
   * Begins. The database has the table.
   *
   * @param grace how long a file outlives its row; without any, the youngest files go first
   */
  static LiveWriter start(PostgresTestServer postgres, String database, Path folder, Duration grace)
      throws IOException, SQLException {
    LiveWriter writer = new LiveWriter(folder, grace);
    for (int n = 0; n < WRITERS; n++) {
      Connection connection = postgres.connect(database);
      writer.connections.add(connection);
      Path own = Files.createDirectories(folder.resolve("writer-" + n));
      Writer one = writer.new Writer(connection, own, new Random(n));
      var _ = writer.writers.scheduleAtFixedRate(one, 0, PACE.toNanos(), TimeUnit.NANOSECONDS);
    }
    return writer;
  }

  static void createTable(PostgresTestServer postgres, String database) {
    postgres.execute(
        database,
        """
        CREATE TABLE upload (
          path text PRIMARY KEY, size bigint NOT NULL, sha256 text NOT NULL)
        """);
  }

  /** Uploads, new versions and deletions in a second. */
  double rate() {
    return operations.get() / ((System.nanoTime() - begun) / 1e9);
  }

  @Override
  public void close() throws Exception {
    writers.shutdownNow();
    if (!writers.awaitTermination(20, TimeUnit.SECONDS)) {
      throw new AssertionError("the writers do not end");
    }
    for (Connection connection : connections) {
      connection.close();
    }
    Exception failed = failure.get();
    if (failed != null) {
      throw new AssertionError("a writer failed", failed);
    }
  }

  static String sha256(byte[] content) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  private final class Writer implements Runnable {
    private final Connection connection;
    private final Path own;
    private final Random random;
    private final List<Path> live = new ArrayList<>();
    private int files;

    Writer(Connection connection, Path own, Random random) {
      this.connection = connection;
      this.own = own;
      this.random = random;
    }

    @Override
    public void run() {
      if (failure.get() != null) {
        return;
      }
      try {
        int choice = live.size() < FEWEST ? 0 : random.nextInt(live.size() < MOST ? 3 : 2) + 1;
        switch (choice % 3) {
          case 0 -> upload();
          case 1 -> replace();
          default -> remove();
        }
        operations.incrementAndGet();
      } catch (IOException | SQLException e) {
        if (!writers.isShutdown()) {
          failure.compareAndSet(null, e);
        }
      }
    }

    private void upload() throws IOException, SQLException {
      byte[] content = content();
      Path file = write(content);
      update("INSERT INTO upload (size, sha256, path) VALUES (?, ?, ?)", content, file);
      live.add(file);
    }

    private void replace() throws IOException, SQLException {
      Path old = choose();
      byte[] content = content();
      Path file = write(content);
      update(
          "UPDATE upload SET size = ?, sha256 = ?, path = ? WHERE path = '" + name(old) + "'",
          content,
          file);
      live.add(file);
      delete(old);
    }

    private void remove() throws IOException, SQLException {
      Path file = choose();
      try (PreparedStatement statement =
          connection.prepareStatement("DELETE FROM upload WHERE path = ?")) {
        statement.setString(1, name(file));
        statement.executeUpdate();
      }
      delete(file);
    }

    private Path choose() {
      return live.remove(grace.isZero() ? live.size() - 1 : random.nextInt(live.size()));
    }

    private void delete(Path file) throws IOException {
      if (grace.isZero()) {
        Files.delete(file);
      } else {
        var _ =
            writers.schedule(
                () -> Files.deleteIfExists(file), grace.toNanos(), TimeUnit.NANOSECONDS);
      }
    }

    private byte[] content() {
      byte[] content = new byte[random.nextInt(LONGEST_FILE)];
      random.nextBytes(content);
      return content;
    }

    private Path write(byte[] content) throws IOException {
      Path temporary = own.resolve(UPLOADING);
      try (FileChannel channel =
          FileChannel.open(
              temporary,
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE)) {
        ByteBuffer rest = ByteBuffer.wrap(content);
        while (rest.hasRemaining()) {
          channel.write(rest);
        }
        channel.force(true);
      }
      return Files.move(temporary, own.resolve("file-" + files++), StandardCopyOption.ATOMIC_MOVE);
    }

    private void update(String sql, byte[] content, Path file) throws SQLException {
      try (PreparedStatement statement = connection.prepareStatement(sql)) {
        statement.setLong(1, content.length);
        statement.setString(2, sha256(content));
        statement.setString(3, name(file));
        statement.executeUpdate();
      }
    }

    private String name(Path file) {
      return folder.relativize(file).toString();
    }
  }
}
