package io.hybridbackup.common.messaging;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.EventCodec;
import io.hybridbackup.common.event.UnreadableEventException;
import io.hybridbackup.common.settings.Settings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.WakeupException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;

/**
 * Hears every event of one topic. Each instance hears all of them: it is in no group and remembers
 * no offsets, for events only wake people up and the truth is in the records. A broker that goes
 * away and comes back is waited for.
 */
public final class TopicListener implements SmartLifecycle {
  private static final Logger log = LoggerFactory.getLogger(TopicListener.class);
  private static final Duration POLL = Duration.ofSeconds(1);
  private static final Duration NEW_PARTITIONS = Duration.ofSeconds(30);
  private static final Duration RETRY = Duration.ofSeconds(1);
  private static final Duration STOP = Duration.ofSeconds(5);

  private final Settings.Kafka kafka;
  private final Topic topic;
  private final boolean fromBeginning;
  private final java.util.function.Consumer<Envelope> heard;
  private @Nullable Session session;

  private TopicListener(
      Settings.Kafka kafka,
      Topic topic,
      boolean fromBeginning,
      java.util.function.Consumer<Envelope> heard) {
    this.kafka = kafka;
    this.topic = topic;
    this.fromBeginning = fromBeginning;
    this.heard = heard;
  }

  /**
   * Hears what is published from now on.
   *
   * @param heard is called for one event after the other. When it could not {@linkplain
   *     PublishException#retryable publish}, it is called again for the same event; anything else
   *     that it throws is logged, and the next event has its turn.
   */
  public static TopicListener fromNow(
      Settings.Kafka kafka, Topic topic, java.util.function.Consumer<Envelope> heard) {
    return new TopicListener(kafka, topic, false, heard);
  }

  /** As {@link #fromNow}, and hears first what is in the topic already. */
  public static TopicListener fromBeginning(
      Settings.Kafka kafka, Topic topic, java.util.function.Consumer<Envelope> heard) {
    return new TopicListener(kafka, topic, true, heard);
  }

  @Override
  public synchronized void start() {
    if (session == null) {
      session = new Session();
      session.thread.start();
    }
  }

  @Override
  public synchronized void stop() {
    if (session != null) {
      session.stop();
      session = null;
    }
  }

  @Override
  public synchronized boolean isRunning() {
    return session != null;
  }

  /**
   * Waits until every event that is published from now on will be heard.
   *
   * @return false if the time ran out, or the listener is not running
   */
  public boolean awaitReady(Duration time) throws InterruptedException {
    Session current;
    synchronized (this) {
      current = session;
    }
    return current != null && current.ready.await(time.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** From one start to the next stop. */
  private final class Session {
    private final CountDownLatch ready = new CountDownLatch(1);
    private final CountDownLatch stopped = new CountDownLatch(1);
    private final Thread thread =
        Thread.ofPlatform().name("listener of " + topic).daemon().unstarted(this::run);
    private volatile @Nullable Consumer<byte[], byte[]> consumer;
    private final Set<TopicPartition> partitions = new HashSet<>();
    private long partitionsSeen;

    void stop() {
      stopped.countDown();
      Consumer<byte[], byte[]> current = consumer;
      if (current != null) {
        current.wakeup();
      }
      try {
        thread.join(STOP);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    private void run() {
      while (!isStopped()) {
        try (Consumer<byte[], byte[]> current =
            new KafkaConsumer<>(KafkaClients.loneConsumer(kafka))) {
          consumer = current;
          listen(current);
        } catch (RuntimeException e) {
          log.atWarn()
              .addKeyValue("reason", e.toString())
              .log("Kafka cannot be listened to; trying again");
          pause();
        }
      }
    }

    private void listen(Consumer<byte[], byte[]> current) {
      partitions.clear();
      while (!isStopped()) {
        try {
          takePartitions(current);
          if (partitions.isEmpty()) {
            pause();
          } else {
            hear(current);
          }
        } catch (WakeupException | InterruptException e) {
          return;
        } catch (RuntimeException e) {
          log.atWarn()
              .addKeyValue("reason", e.toString())
              .addKeyValue("topic", topic)
              .log("Nothing is heard at the moment; trying again");
          pause();
        }
      }
    }

    private void takePartitions(Consumer<byte[], byte[]> current) {
      if (!partitions.isEmpty() && System.nanoTime() - partitionsSeen < NEW_PARTITIONS.toNanos()) {
        return;
      }
      List<TopicPartition> added = new ArrayList<>();
      current.partitionsFor(topic.name()).stream()
          .map(found -> new TopicPartition(found.topic(), found.partition()))
          .filter(found -> !partitions.contains(found))
          .forEach(added::add);
      partitionsSeen = System.nanoTime();
      if (added.isEmpty()) {
        return;
      }
      boolean fromNow = !fromBeginning && partitions.isEmpty();
      partitions.addAll(added);
      current.assign(partitions);
      if (fromNow) {
        current.seekToEnd(added);
      } else {
        current.seekToBeginning(added);
      }
      // A seek takes place at the next poll; asking for the position makes it happen now.
      added.forEach(current::position);
      ready.countDown();
    }

    private void hear(Consumer<byte[], byte[]> current) {
      ConsumerRecords<byte[], byte[]> records = current.poll(POLL);
      boolean again = false;
      for (TopicPartition partition : records.partitions()) {
        for (ConsumerRecord<byte[], byte[]> record : records.records(partition)) {
          if (!dealWith(record)) {
            current.seek(partition, record.offset());
            again = true;
            break;
          }
        }
      }
      if (again) {
        pause();
      }
    }

    /** False if it is to be heard again. */
    private boolean dealWith(ConsumerRecord<byte[], byte[]> record) {
      if (record.value() == null) {
        return true; // a tombstone
      }
      try {
        heard.accept(EventCodec.read(record.value(), record.headers()));
      } catch (UnreadableEventException e) {
        log.atWarn()
            .addKeyValue(
                "record", record.topic() + "-" + record.partition() + "@" + record.offset())
            .addKeyValue("reason", e.getMessage())
            .log("A record that is no event is passed over");
      } catch (PublishException e) {
        log.atWarn()
            .addKeyValue("reason", e.getMessage())
            .addKeyValue("again", e.retryable())
            .log("What an event gives cause for could not be published");
        return !e.retryable();
      } catch (RuntimeException e) {
        log.atError().setCause(e).log("An event was heard but could not be dealt with");
      }
      return true;
    }

    private boolean isStopped() {
      return stopped.getCount() == 0;
    }

    private void pause() {
      try {
        boolean _ = stopped.await(RETRY.toMillis(), TimeUnit.MILLISECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
