package io.hybridbackup.deploy.broker;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.metadata.storage.Formatter;
import org.apache.kafka.server.common.MetadataVersion;

/**
 * Broker and controller of a Kafka that consists of this process alone. What is published stays in
 * its folder over a stop, and over a kill as well.
 */
public final class EmbeddedBroker implements AutoCloseable {
  private static final int NODE = 1;
  private static final String CONTROLLER = "CONTROLLER";

  private final DirectoryLock lock;
  private final KafkaRaftServer server;

  private EmbeddedBroker(DirectoryLock lock, KafkaRaftServer server) {
    this.lock = lock;
    this.server = server;
  }

  /**
   * Returns when the broker answers.
   *
   * @param directory of the broker's own; made if it does not exist
   * @param bootstrapServers one loopback address, {@code host:port}
   */
  public static EmbeddedBroker start(Path directory, String bootstrapServers)
      throws BrokerException {
    ListenAddress address = ListenAddress.of(bootstrapServers);
    try {
      Files.createDirectories(directory);
      DirectoryLock lock = DirectoryLock.take(directory);
      try {
        address.requireFree();
        return new EmbeddedBroker(lock, start(directory.resolve("log"), address));
      } catch (BrokerException | IOException | RuntimeException e) {
        lock.close();
        throw e;
      }
    } catch (IOException e) {
      throw new BrokerException(
          "the folder "
              + directory
              + " cannot be used for the embedded broker ("
              + e
              + "); make it writable for this user, or name another with --data",
          e);
    }
  }

  private static KafkaRaftServer start(Path logs, ListenAddress address)
      throws BrokerException, IOException {
    Files.createDirectories(logs);
    if (!Files.exists(logs.resolve("meta.properties"))) {
      format(logs);
    }
    KafkaRaftServer server =
        new KafkaRaftServer(new KafkaConfig(configuration(logs, address), false), Time.SYSTEM);
    try {
      server.startup();
      return server;
    } catch (RuntimeException e) {
      server.shutdown();
      throw new BrokerException(
          "the embedded broker does not start: "
              + e.getMessage()
              + "; if this stays so, its folder "
              + logs
              + " can be moved away: backups are not in it, requests and their history are",
          e);
    }
  }

  private static void format(Path logs) throws BrokerException {
    try {
      new Formatter()
          .setPrintStream(
              new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8))
          .setNodeId(NODE)
          .setClusterId(Uuid.randomUuid().toString())
          .setReleaseVersion(MetadataVersion.latestProduction())
          .setControllerListenerName(CONTROLLER)
          .setMetadataLogDirectory(logs.toString())
          .addDirectory(logs.toString())
          // A kill may have left it half done.
          .setIgnoreFormatted(true)
          .run();
    } catch (Exception e) {
      throw new BrokerException(
          "the folder " + logs + " cannot be prepared for the embedded broker: " + e.getMessage(),
          e);
    }
  }

  private static Map<String, String> configuration(Path logs, ListenAddress address)
      throws IOException {
    String controller = "127.0.0.1:" + freePort();
    return Map.ofEntries(
        Map.entry("process.roles", "broker,controller"),
        Map.entry("node.id", Integer.toString(NODE)),
        Map.entry("controller.quorum.voters", NODE + "@" + controller),
        Map.entry("controller.listener.names", CONTROLLER),
        Map.entry("inter.broker.listener.name", "CLIENTS"),
        Map.entry("listeners", "CLIENTS://" + address + "," + CONTROLLER + "://" + controller),
        Map.entry("advertised.listeners", "CLIENTS://" + address),
        Map.entry(
            "listener.security.protocol.map", "CLIENTS:PLAINTEXT," + CONTROLLER + ":PLAINTEXT"),
        Map.entry("log.dirs", logs.toString()),
        Map.entry("auto.create.topics.enable", "false"),
        Map.entry("default.replication.factor", "1"),
        Map.entry("min.insync.replicas", "1"),
        Map.entry("offsets.topic.replication.factor", "1"),
        Map.entry("offsets.topic.num.partitions", "1"),
        // Longer than the topics live: a machine that was off for weeks must not read them again.
        Map.entry("offsets.retention.minutes", "86400"),
        Map.entry("transaction.state.log.replication.factor", "1"),
        Map.entry("transaction.state.log.min.isr", "1"),
        Map.entry("transaction.state.log.num.partitions", "1"),
        Map.entry("share.coordinator.state.topic.replication.factor", "1"),
        Map.entry("share.coordinator.state.topic.min.isr", "1"),
        Map.entry("share.coordinator.state.topic.num.partitions", "1"),
        Map.entry("group.initial.rebalance.delay.ms", "0"),
        Map.entry("log.cleaner.dedupe.buffer.size", "2097152"),
        Map.entry("log.index.size.max.bytes", "1048576"),
        // After a kill the controller waits for the session of the dead broker to run out.
        Map.entry("broker.session.timeout.ms", "2000"),
        Map.entry("broker.heartbeat.interval.ms", "500"));
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  /** Stops and flushes; the topics stay. */
  @Override
  public void close() throws IOException {
    server.shutdown();
    server.awaitShutdown();
    lock.close();
  }
}
