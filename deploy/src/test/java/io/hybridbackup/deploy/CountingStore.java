package io.hybridbackup.deploy;

import io.hybridbackup.common.testing.S3TestServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.atomic.LongAdder;

/**
 * The S3 server of {@code deploy/bench}: all that goes to it and comes from it is counted on its
 * connections, requests' and answers' heads included. What the server copies by itself does not
 * travel and is not counted.
 *
 * <p>Prints one line when it is ready. Every line that it then reads is answered with how many
 * bytes it has received and sent since its start. The end of its input ends it.
 */
public final class CountingStore implements AutoCloseable {
  private final S3TestServer server;
  private final ServerSocket door;
  private final LongAdder received = new LongAdder();
  private final LongAdder sent = new LongAdder();

  private CountingStore(S3TestServer server) throws IOException {
    this.server = server;
    this.door = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread.ofPlatform().daemon().name("counting-store").start(this::admit);
  }

  /**
   * @param arguments the folder of the server and the bucket that is made there
   */
  public static void main(String[] arguments) throws IOException {
    // Whoever asks reads nothing but answers: what is logged goes elsewhere.
    PrintStream answers = System.out;
    System.setOut(System.err);
    S3TestServer server = S3TestServer.start(Path.of(arguments[0]));
    server.createBucket(arguments[1]);
    try (CountingStore store = new CountingStore(server);
        BufferedReader questions =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      answers.println(
          "ready: "
              + store.endpoint()
              + " "
              + S3TestServer.REGION
              + " "
              + S3TestServer.ACCESS_KEY
              + " "
              + server.secretKeyFile());
      while (questions.readLine() != null) {
        answers.println(store.received.sum() + " " + store.sent.sum());
      }
    }
  }

  private URI endpoint() {
    return URI.create("http://127.0.0.1:" + door.getLocalPort());
  }

  private void admit() {
    URI behind = server.endpoint();
    while (!door.isClosed()) {
      try {
        Socket client = door.accept();
        Socket store = new Socket();
        store.connect(new InetSocketAddress(behind.getHost(), behind.getPort()));
        Thread.ofVirtual().start(() -> carry(client, store, received));
        Thread.ofVirtual().start(() -> carry(store, client, sent));
      } catch (IOException e) {
        if (!door.isClosed()) {
          System.err.println("a connection to the store was lost: " + e);
        }
      }
    }
  }

  private static void carry(Socket from, Socket to, LongAdder counter) {
    byte[] buffer = new byte[64 * 1024];
    try (from;
        to) {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      for (int bytes = in.read(buffer); bytes >= 0; bytes = in.read(buffer)) {
        counter.add(bytes);
        out.write(buffer, 0, bytes);
      }
    } catch (SocketException e) {
      // One of the two has hung up, or the other direction has ended: then so has this one.
    } catch (IOException e) {
      System.err.println("a connection to the store was lost: " + e);
    }
  }

  @Override
  public void close() throws IOException {
    door.close();
    server.close();
  }
}
