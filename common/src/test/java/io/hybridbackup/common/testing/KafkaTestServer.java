package io.hybridbackup.common.testing;

import io.hybridbackup.common.settings.Settings;
import org.springframework.kafka.test.EmbeddedKafkaKraftBroker;

/** A real Kafka broker in this process, on a port of its own on the loopback address. */
public final class KafkaTestServer implements AutoCloseable {
  private final EmbeddedKafkaKraftBroker broker;

  private KafkaTestServer(EmbeddedKafkaKraftBroker broker) {
    this.broker = broker;
  }

  /** Starts a broker without topics on a free port. The caller closes it. */
  public static KafkaTestServer start() {
    return start(0);
  }

  /** Starts a broker without topics on that port. The caller closes it. */
  public static KafkaTestServer start(int port) {
    EmbeddedKafkaKraftBroker broker = new EmbeddedKafkaKraftBroker(1, 1).kafkaPorts(port);
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

  @Override
  public void close() {
    broker.destroy();
  }
}
