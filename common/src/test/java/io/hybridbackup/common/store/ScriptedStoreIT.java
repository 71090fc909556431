package io.hybridbackup.common.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.hybridbackup.common.settings.Settings;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * An S3 store that answers as it is told. Errors of what takes it long come after the status 200
 * has been sent.
 */
@Timeout(60)
class ScriptedStoreIT {
  private static final ObjectKey KEY = ObjectKey.of("work", "composed");
  private static final Slice SLICE =
      new Slice(ObjectKey.of("work", "source"), "\"etag\"", 0, 6 << 20);

  @TempDir private Path directory;
  private final Deque<String> copyErrors = new ConcurrentLinkedDeque<>();
  private final Deque<String> completionErrors = new ConcurrentLinkedDeque<>();
  private final AtomicInteger copies = new AtomicInteger();
  private final AtomicInteger completions = new AtomicInteger();
  private volatile boolean abortIsDenied;
  private volatile String nonce = "";
  private volatile boolean completed;
  private volatile String sentMd5 = "";
  private HttpServer server;
  private ObjectStore store;

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/", this::answer);
    server.start();
    Path secret = Files.writeString(directory.resolve("secret-key"), "secret\n");
    store =
        ObjectStores.open(
            new Settings.S3Store(
                "backups",
                "",
                URI.create("http://127.0.0.1:" + server.getAddress().getPort()),
                "eu-central-1",
                true,
                "key",
                secret));
  }

  @AfterEach
  void stop() throws Exception {
    store.close();
    server.stop(0);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "InternalError",
        "ServiceUnavailable",
        "SlowDown",
        "OperationAborted",
        "RequestTimeout"
      })
  void shouldTryAgainWhatFailsAfterTheAnswerHasBegun(String code) {
    // given
    copyErrors.add(code);
    completionErrors.add(code);

    // when
    StoredObject composed = store.compose(KEY, List.of(SLICE));

    // then
    assertThat(composed.bytes()).isEqualTo(SLICE.bytes());
    assertThat(copies).hasValue(2);
    assertThat(completions).hasValue(2);
  }

  @Test
  void shouldBeUnavailableWhereEveryAnswerFailsAfterItHasBegun() {
    // given
    for (int i = 0; i < 100; i++) {
      copyErrors.add("ServiceUnavailable");
    }

    // then
    composingFails(StoreException.Unavailable.class);
    assertThat(copies).hasValue(4);
  }

  @Test
  void shouldTellThatTheSourceHasChangedOrGoneAfterTheAnswerHasBegun() {
    copyErrors.add("PreconditionFailed");
    composingFails(StoreException.Changed.class);

    copyErrors.add("NoSuchKey");
    composingFails(StoreException.Missing.class);
  }

  @Test
  void shouldTellThatTheKeyIsTakenAfterTheAnswerHasBegun() {
    // given
    completionErrors.add("ConditionalRequestConflict");
    completionErrors.add("PreconditionFailed");

    // then
    composingFails(StoreException.Exists.class);
    assertThat(completions).hasValue(2);
  }

  @Test
  void shouldTellWhyComposingFailedThoughTheUploadCannotBeGivenUp() {
    // given
    copyErrors.add("NoSuchKey");
    abortIsDenied = true;

    // then
    assertThatThrownBy(() -> store.compose(KEY, List.of(SLICE)))
        .isInstanceOf(StoreException.Missing.class)
        .satisfies(failure ->
            assertThat(failure.getSuppressed())
                .hasExactlyElementsOfTypes(StoreException.Refused.class));
  }

  @Test
  void shouldSendTheChecksumOfWhatItStitches() throws Exception {
    // given
    byte[] content = new byte[6 << 20];
    content[1] = 1;

    // when
    StoredObject _ = store.compose(KEY, List.of(new Literal(content)));

    // then
    assertThat(sentMd5)
        .isEqualTo(
            Base64.getEncoder().encodeToString(MessageDigest.getInstance("MD5").digest(content)));
  }

  @ParameterizedTest
  @ValueSource(longs = {1L << 20, 6L << 20, 200L << 30})
  void shouldTellAtWhichSliceTheSendingOfItBrokeOff(long bytes) {
    // given
    ObjectStore copying =
        ((S3ObjectStore) store).with(new StoreCapabilities(true, false, false, 1));
    Slice slice = new Slice(SLICE.object(), SLICE.etag(), 0, bytes);

    // then
    assertThatThrownBy(() -> copying.compose(KEY, List.of(slice)))
        .isInstanceOfSatisfying(
            StoreException.Unavailable.class,
            failure -> assertThat(failure.slice().map(Slice::object)).contains(SLICE.object()));
  }

  private void composingFails(Class<? extends StoreException> failure) {
    assertThatThrownBy(() -> store.compose(KEY, List.of(SLICE))).isInstanceOf(failure);
  }

  private void answer(HttpExchange exchange) throws IOException {
    exchange.getRequestBody().transferTo(OutputStream.nullOutputStream());
    String query = String.valueOf(exchange.getRequestURI().getQuery());
    switch (exchange.getRequestMethod()) {
      case "POST" -> {
        if (query.startsWith("uploads")) {
          nonce = exchange.getRequestHeaders().getFirst("x-amz-meta-hybrid-backup-nonce");
          say(
              exchange,
              "<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>");
        } else {
          completions.incrementAndGet();
          String code = completionErrors.poll();
          completed = code == null;
          say(exchange, code == null ? "<CompleteMultipartUploadResult/>" : error(code));
        }
      }
      case "PUT" -> {
        if (exchange.getRequestHeaders().containsKey("x-amz-copy-source")) {
          copies.incrementAndGet();
          String code = copyErrors.poll();
          say(
              exchange,
              code == null
                  ? "<CopyPartResult><ETag>\"part\"</ETag></CopyPartResult>"
                  : error(code));
        } else {
          sentMd5 = String.valueOf(exchange.getRequestHeaders().getFirst("Content-MD5"));
          exchange.getResponseHeaders().set("ETag", "\"part\"");
          exchange.sendResponseHeaders(200, -1);
        }
      }
      case "GET" -> {
        String range = String.valueOf(exchange.getRequestHeaders().getFirst("Range"));
        int dash = range.indexOf('-');
        long first = Long.parseLong(range, "bytes=".length(), dash, 10);
        long last = Long.parseLong(range, dash + 1, range.length(), 10);
        exchange.getResponseHeaders().set("Content-Range", "bytes 0-0/1");
        // What is announced does not come.
        exchange.sendResponseHeaders(206, last - first + 1);
        exchange.getResponseBody().flush();
      }
      case "HEAD" -> {
        var headers = exchange.getResponseHeaders();
        headers.set("ETag", "\"composed\"");
        headers.set("Last-Modified", "Sun, 11 Jan 2026 02:00:00 GMT");
        headers.set("x-amz-meta-hybrid-backup-nonce", nonce);
        headers.set("Content-Length", Long.toString(SLICE.bytes()));
        exchange.sendResponseHeaders(completed ? 200 : 404, -1);
      }
      default -> exchange.sendResponseHeaders(abortIsDenied ? 403 : 204, -1);
    }
    exchange.close();
  }

  private static String error(String code) {
    return "<Error><Code>" + code + "</Code><Message>said late</Message></Error>";
  }

  private static void say(HttpExchange exchange, String xml) throws IOException {
    byte[] body = ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + xml).getBytes(UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/xml");
    exchange.sendResponseHeaders(200, body.length);
    exchange.getResponseBody().write(body);
  }
}
