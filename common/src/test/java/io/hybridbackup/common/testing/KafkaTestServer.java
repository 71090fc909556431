package io.hybridbackup.common.testing;

import static java.util.Objects.requireNonNull;

import io.hybridbackup.common.settings.Settings;
import kafka.server.BrokerServer;
import org.springframework.kafka.test.EmbeddedKafkaKraftBroker;

/** A real Kafka broker in this process, on a port of its own on the loopback address. */
public final class KafkaTestServer implements AutoCloseable {
  private final EmbeddedKafkaKraftBroker broker;

  private KafkaTestServer(EmbeddedKafkaKraftBroker broker) {
    this.broker = broker;
  }

  /** Starts a broker without topics. The caller closes it. */
  public static KafkaTestServer start() {
    EmbeddedKafkaKraftBroker broker = new EmbeddedKafkaKraftBroker(1, 1);
    broker.brokerProperty("auto.create.topics.enable", "false");
    broker.brokerProperty("group.initial.rebalance.delay.ms", "0");
    broker.brokerProperty("offsets.topic.num.partitions", "1");
    broker.brokerProperty("log.cleaner.dedupe.buffer.size", "2097152");
    broker.afterPropertiesSet();
    return new KafkaTestServer(broker);
  }

  public String bootstrapServers() {
    return broker.getBrokersAsString();
  }

  /** How a program is told to use this broker, with three partitions a topic. */
  public Settings.Kafka settings() {
    return new Settings.Kafka(bootstrapServers(), 3, (short) 1);
  }

  /** Stops answering; topics are kept. */
  public void interrupt() {
    requireNonNull(broker.getCluster()).brokers().values().forEach(BrokerServer::shutdown);
  }

  /** Answers again after {@link #interrupt}, on the same port. */
  public void resume() {
    requireNonNull(broker.getCluster()).brokers().values().forEach(BrokerServer::startup);
  }

  @Override
  public void close() {
    broker.destroy();
  }
}
