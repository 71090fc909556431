package io.hybridbackup.common.messaging;

import java.time.Duration;
import java.util.Map;
import org.apache.kafka.common.config.TopicConfig;

/** A topic and how long it keeps its records. */
public record Topic(String name, Policy policy) {
  private static final String DEAD_LETTERS = "-dlt";

  /** What becomes of old records. */
  public sealed interface Policy {
    /** The topic's settings in Kafka. */
    Map<String, String> settings();
  }

  /** Records are deleted at that age. */
  public record Retention(Duration age) implements Policy {
    @Override
    public Map<String, String> settings() {
      return Map.of(
          TopicConfig.CLEANUP_POLICY_CONFIG,
          TopicConfig.CLEANUP_POLICY_DELETE,
          TopicConfig.RETENTION_MS_CONFIG,
          Long.toString(age.toMillis()));
    }
  }

  /** The newest record of each key is kept. */
  public record Compaction() implements Policy {
    @Override
    public Map<String, String> settings() {
      return Map.of(TopicConfig.CLEANUP_POLICY_CONFIG, TopicConfig.CLEANUP_POLICY_COMPACT);
    }
  }

  /**
   * Where records of this topic go that cannot be read or handled; it has as many partitions, for a
   * record goes to its own partition's number.
   */
  public Topic deadLetters() {
    return new Topic(name + DEAD_LETTERS, new Retention(Duration.ofDays(30)));
  }

  @Override
  public String toString() {
    return name;
  }
}
