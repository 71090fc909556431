package io.hybridbackup.common.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import io.hybridbackup.common.settings.Settings;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** An S3 store that takes connections and says nothing, or no more. */
@Timeout(60)
class SilentStoreIT {
  private static final ObjectKey KEY = new ObjectKey("runs/abc/heartbeat");
  private static final byte[] CONTENT = "alive".getBytes(UTF_8);

  @TempDir private Path directory;
  private Path secret;

  @BeforeEach
  void writeSecret() throws IOException {
    secret = Files.writeString(directory.resolve("secret-key"), "secret\n");
  }

  @Test
  void shouldGiveUpWhatMovesLittleLongBeforeALeaseEnds() throws Exception {
    try (ServerSocket silent = new ServerSocket(0, 100, InetAddress.getLoopbackAddress());
        ObjectStore store = ObjectStores.open(settings(silent.getLocalPort()))) {
      List<Callable<?>> calls =
          List.of(
              () -> store.find(KEY),
              () -> store.read(KEY),
              () -> store.checksum(KEY),
              () -> store.create(KEY, CONTENT),
              Executors.callable(() -> store.overwrite(KEY, CONTENT)),
              Executors.callable(() -> store.delete(KEY)),
              () -> store.list("runs"),
              () -> store.children("runs"),
              () -> store.abortUploads("runs", Duration.ZERO));

      // when
      List<Duration> waited = new ArrayList<>();
      try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
        List<Future<Duration>> failures = new ArrayList<>();
        for (Callable<?> call : calls) {
          failures.add(threads.submit(() -> timeToFail(call)));
        }
        for (Future<Duration> failure : failures) {
          waited.add(failure.get());
        }
      }

      // then
      assertThat(waited).allSatisfy(time -> assertThat(time).isLessThan(Duration.ofSeconds(18)));
    }
  }

  @Test
  void shouldGiveUpAlsoWhatStillWaitsForAConnection() throws Exception {
    try (ServerSocket silent = new ServerSocket(0, 100, InetAddress.getLoopbackAddress());
        ObjectStore store = ObjectStores.open(settings(silent.getLocalPort()));
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Duration>> failures = new ArrayList<>();
      for (int call = 0; call < 2 * ObjectStores.CONNECTIONS; call++) {
        failures.add(threads.submit(() -> timeToFail(() -> store.find(KEY))));
      }

      for (Future<Duration> failure : failures) {
        assertThat(failure.get()).isLessThan(Duration.ofSeconds(18));
      }
    }
  }

  private static Duration timeToFail(Callable<?> call) {
    long begun = System.nanoTime();
    assertThatThrownBy(call::call).isInstanceOf(StoreException.Unavailable.class);
    return Duration.ofNanos(System.nanoTime() - begun);
  }

  @Test
  void shouldGiveUpATransferThatStandsStill() throws Exception {
    // given
    CountDownLatch over = new CountDownLatch(1);
    AtomicBoolean first = new AtomicBoolean(true);
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext(
        "/",
        exchange -> {
          switch (exchange.getRequestMethod()) {
            case "POST" -> {
              byte[] begun =
                  "<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>"
                      .getBytes(UTF_8);
              exchange.sendResponseHeaders(200, begun.length);
              exchange.getResponseBody().write(begun);
              exchange.close();
            }
            case "DELETE" -> exchange.sendResponseHeaders(204, -1);
            case "GET" -> {
              boolean begins = first.getAndSet(false);
              exchange
                  .getResponseHeaders()
                  .set("Content-Range", begins ? "bytes 0-999/1000" : "bytes 500-999/1000");
              exchange.sendResponseHeaders(206, begins ? 1000 : 500);
              exchange.getResponseBody().write(new byte[begins ? 500 : 0]);
              exchange.getResponseBody().flush();
              await(over);
            }
            default -> {
              exchange.getRequestBody().transferTo(OutputStream.nullOutputStream());
              await(over);
            }
          }
        });
    server.start();
    try (ObjectStore store =
        ObjectStores.openS3(
            settings(server.getAddress().getPort()), List.of(), Duration.ofSeconds(1))) {

      // then
      try (Upload upload = store.upload(KEY)) {
        upload.write(new byte[9 << 20]);
        assertThatThrownBy(upload::complete).isInstanceOf(StoreException.Unavailable.class);
      }
      try (InputStream content = store.open(new Slice(KEY, "etag", 0, 1000))) {
        assertThatThrownBy(content::readAllBytes).isInstanceOf(IOException.class);
      }
    } finally {
      over.countDown();
      server.stop(0);
    }
  }

  @Test
  void shouldReadALargeDecisionOverASlowLine() throws Exception {
    // given
    byte[] content = new byte[2 << 20];
    content[content.length - 1] = 1;
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext(
        "/",
        exchange -> {
          boolean range = exchange.getRequestHeaders().containsKey("Range");
          exchange.getResponseHeaders().set("ETag", "\"etag\"");
          exchange.getResponseHeaders().set("Content-Range", "bytes 0-2097151/2097152");
          exchange.sendResponseHeaders(range ? 206 : 200, content.length);
          for (int at = 0; at < content.length; at += content.length / 8) {
            exchange.getResponseBody().write(content, at, content.length / 8);
            exchange.getResponseBody().flush();
            sendSlowly();
          }
          exchange.close();
        });
    server.start();
    try (ObjectStore store = ObjectStores.open(settings(server.getAddress().getPort()))) {

      // then
      assertThat(store.read(KEY)).hasValue(content);
    } finally {
      server.stop(0);
    }
  }

  /** What the line takes for an eighth: all of it takes longer than what moves little may. */
  private static void sendSlowly() {
    try {
      Thread.sleep(Duration.ofMillis(1500));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void await(CountDownLatch over) {
    try {
      over.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private Settings.S3Store settings(int port) {
    return new Settings.S3Store(
        "backups", "", URI.create("http://127.0.0.1:" + port), "eu-central-1", true, "key", secret);
  }
}
