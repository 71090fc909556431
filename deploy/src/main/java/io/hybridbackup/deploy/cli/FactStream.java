package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.EventCodec;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.UnreadableEventException;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.messaging.KafkaClients;
import io.hybridbackup.common.messaging.Topics;
import io.hybridbackup.common.settings.Settings;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/** The facts as they go past, of one run or of all. Those of one run come in their order. */
final class FactStream implements AutoCloseable {
  static final Duration PATIENCE = Duration.ofSeconds(5);

  /**
   * @param time when the fact happened
   */
  record Heard(Instant time, Fact fact) {}

  private final KafkaConsumer<byte[], byte[]> consumer;
  private final byte @Nullable [] key;
  private final Map<TopicPartition, Long> endAtFirst;

  private FactStream(
      KafkaConsumer<byte[], byte[]> consumer,
      byte @Nullable [] key,
      Map<TopicPartition, Long> endAtFirst) {
    this.consumer = consumer;
    this.key = key;
    this.endAtFirst = endAtFirst;
  }

  /** Every fact that is published after this call has returned. */
  static FactStream fromNow(Settings.Kafka kafka) {
    return open(kafka, null);
  }

  /** The facts of one run, those of the past too as far as the topic keeps them. */
  static FactStream ofRun(Settings.Kafka kafka, RunId run) {
    return open(kafka, run);
  }

  private static FactStream open(Settings.Kafka kafka, @Nullable RunId run) {
    KafkaConsumer<byte[], byte[]> consumer = null;
    try {
      consumer = new KafkaConsumer<>(KafkaClients.loneConsumer(kafka));
      String topic = Topics.BACKUP_EVENTS.name();
      List<TopicPartition> partitions =
          consumer.partitionsFor(topic, PATIENCE).stream()
              .map(partition -> new TopicPartition(topic, partition.partition()))
              .toList();
      if (partitions.isEmpty()) {
        throw new CommandException(
            ExitCode.UNREACHABLE,
            "the broker at "
                + kafka.bootstrapServers()
                + " has no topic "
                + topic
                + "; start a service, which makes it, or check that this is the right broker");
      }
      consumer.assign(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions, PATIENCE);
      if (run == null) {
        ends.forEach(consumer::seek);
        return new FactStream(consumer, null, ends);
      }
      consumer.seekToBeginning(partitions);
      return new FactStream(consumer, run.value().getBytes(StandardCharsets.UTF_8), ends);
    } catch (CommandException e) {
      close(consumer);
      throw e;
    } catch (KafkaException e) {
      close(consumer);
      throw unreachable(kafka, e);
    }
  }

  static CommandException unreachable(Settings.Kafka kafka, Exception cause) {
    return new CommandException(
        ExitCode.UNREACHABLE,
        "no Kafka broker answers at "
            + kafka.bootstrapServers()
            + "; check that standalone or your Kafka is running and that"
            + " hybrid-backup.kafka.bootstrap-servers is its address",
        cause);
  }

  private static void close(@Nullable KafkaConsumer<byte[], byte[]> consumer) {
    if (consumer != null) {
      consumer.close();
    }
  }

  /** What has come meanwhile; waits for something to come, but no longer than this. */
  List<Heard> poll(Duration patience) {
    List<Heard> heard = new ArrayList<>();
    for (ConsumerRecord<byte[], byte[]> record : consumer.poll(patience)) {
      if (key == null || Arrays.equals(key, record.key())) {
        read(record, heard);
      }
    }
    return heard;
  }

  private static void read(ConsumerRecord<byte[], byte[]> record, List<Heard> heard) {
    try {
      Envelope envelope = EventCodec.read(record.value(), record.headers());
      if (envelope.data() instanceof Fact fact) {
        Instant time =
            envelope.time() == null ? Instant.ofEpochMilli(record.timestamp()) : envelope.time();
        heard.add(new Heard(time, fact));
      }
    } catch (UnreadableEventException e) {
      // A newer version may publish what this one does not know.
      return;
    }
  }

  /** Whether all that had been published before the stream was opened has been read. */
  boolean caughtUp() {
    return endAtFirst.entrySet().stream()
        .allMatch(end -> consumer.position(end.getKey(), PATIENCE) >= end.getValue());
  }

  @Override
  public void close() {
    consumer.close();
  }
}
