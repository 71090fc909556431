package io.hybridbackup.deploy.chaos;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.List;
import java.util.Optional;

/**
 * Stands between one client and the store, and lets somebody else decide what becomes of each
 * request. The store checks signatures over the host that the client has named: that is passed on.
 */
public final class FaultProxy implements AutoCloseable {
  private static final int QUEUE = 200;

  /** Decides what becomes of a request. */
  public interface Traffic {
    /**
     * What the client is answered; without an answer its connection is cut.
     *
     * @param store carries the request out, when and as often as it is called
     */
    Optional<HttpMessage> handle(HttpMessage request, Store store)
        throws IOException, InterruptedException;
  }

  /** The store behind the proxy. */
  public interface Store {
    HttpMessage answer(HttpMessage request) throws IOException;
  }

  private final ServerSocket door;
  private final URI store;
  private final Traffic traffic;

  private FaultProxy(ServerSocket door, URI store, Traffic traffic) {
    this.door = door;
    this.store = store;
    this.traffic = traffic;
  }

  /** Listens on a port of its own, on the loopback address. The caller closes it. */
  public static FaultProxy start(URI store, Traffic traffic) throws IOException {
    FaultProxy proxy =
        new FaultProxy(
            new ServerSocket(0, QUEUE, InetAddress.getLoopbackAddress()), store, traffic);
    Thread _ = Thread.ofPlatform().daemon().name("fault proxy").start(proxy::accept);
    return proxy;
  }

  public URI endpoint() {
    return URI.create("http://127.0.0.1:" + door.getLocalPort());
  }

  private void accept() {
    while (!door.isClosed()) {
      try {
        Socket client = door.accept();
        Thread _ = Thread.ofVirtual().name("fault proxy client").start(() -> serve(client));
      } catch (IOException e) {
        if (!door.isClosed()) {
          throw new IllegalStateException(e);
        }
      }
    }
  }

  private void serve(Socket socket) {
    try (Socket client = socket;
        InputStream in = new BufferedInputStream(client.getInputStream());
        OutputStream out = client.getOutputStream()) {
      client.setTcpNoDelay(true);
      while (true) {
        Optional<HttpMessage> request = HttpMessage.request(in, out);
        if (request.isEmpty()) {
          return;
        }
        Optional<HttpMessage> answer = traffic.handle(request.get(), this::ask);
        if (answer.isEmpty()) {
          // Whoever waits for an answer sees the connection reset.
          client.setSoLinger(true, 0);
          return;
        }
        answer.get().writeTo(out, List.of());
      }
    } catch (IOException e) {
      // The client is gone: killed, or tired of waiting.
      return;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private HttpMessage ask(HttpMessage request) throws IOException {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), store.getPort())) {
      socket.setTcpNoDelay(true);
      request.writeTo(
          socket.getOutputStream(),
          List.of("Connection: close", "Content-Length: " + request.body().length));
      return HttpMessage.answer(new BufferedInputStream(socket.getInputStream()), request.method());
    }
  }

  @Override
  public void close() throws IOException {
    door.close();
  }
}
