package io.hybridbackup.common.messaging;

import io.hybridbackup.common.settings.Settings;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** How this product's Kafka clients are configured: every one of them, in this one place. */
public final class KafkaClients {
  private static final Duration REQUEST = Duration.ofSeconds(10);
  private static final Duration DELIVERY = Duration.ofSeconds(20);
  private static final Duration SESSION = Duration.ofSeconds(15);

  /** Requests; those of one poll are handled before the next. */
  private static final int POLLED = 128;

  private static final Duration METADATA = Duration.ofSeconds(30);

  private KafkaClients() {}

  /**
   * Loses nothing that it has acknowledged and writes nothing twice: texts as keys, bytes as
   * values.
   *
   * @param block how long {@code send} may hold its caller up while the broker is away
   */
  public static Map<String, Object> producer(Settings.Kafka kafka, Duration block) {
    Map<String, Object> config = common(kafka);
    config.put(ProducerConfig.ACKS_CONFIG, "all");
    config.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
    config.put(ProducerConfig.LINGER_MS_CONFIG, 0);
    config.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, block.toMillis());
    config.put(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, (int) DELIVERY.toMillis());
    config.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, StringSerializer.class);
    config.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
    return config;
  }

  /** Shares a topic with the other members of its group, and at first begins at the beginning. */
  public static Map<String, Object> groupConsumer(Settings.Kafka kafka, String group) {
    Map<String, Object> config = consumer(kafka);
    config.put(ConsumerConfig.GROUP_ID_CONFIG, group);
    config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    config.put(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, (int) SESSION.toMillis());
    // While the store hangs, more might not be given up before the broker takes the member for
    // dead.
    config.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, POLLED);
    return config;
  }

  /** Has a topic to itself, remembers no offsets, and begins at the end. */
  public static Map<String, Object> loneConsumer(Settings.Kafka kafka) {
    Map<String, Object> config = consumer(kafka);
    config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "latest");
    return config;
  }

  public static Map<String, Object> admin(Settings.Kafka kafka) {
    Map<String, Object> config = common(kafka);
    config.put(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, (int) REQUEST.toMillis());
    return config;
  }

  private static Map<String, Object> consumer(Settings.Kafka kafka) {
    Map<String, Object> config = common(kafka);
    config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    // A topic that a consumer brought into being would have the broker's policy, not the
    // contract's.
    config.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
    config.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    config.put(ConsumerConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, (int) REQUEST.toMillis());
    config.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    config.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    return config;
  }

  private static Map<String, Object> common(Settings.Kafka kafka) {
    Map<String, Object> config = new HashMap<>();
    config.put(CommonClientConfigs.BOOTSTRAP_SERVERS_CONFIG, kafka.bootstrapServers());
    config.put(CommonClientConfigs.REQUEST_TIMEOUT_MS_CONFIG, (int) REQUEST.toMillis());
    config.put(CommonClientConfigs.METADATA_MAX_AGE_CONFIG, METADATA.toMillis());
    config.put(CommonClientConfigs.RECONNECT_BACKOFF_MAX_MS_CONFIG, 2_000L);
    return config;
  }
}
