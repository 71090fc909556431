package io.hybridbackup.common.messaging;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.EventCodec;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Request;
import io.hybridbackup.common.event.RunState;
import io.hybridbackup.common.event.UnreadableEventException;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.settings.Settings;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Publishes events to the topics that they belong to. Safe for use by many threads.
 *
 * <p>A publishing method returns when the broker has the event for good, or throws {@link
 * PublishException}, after half a minute at most; only {@link #publishLater} does not wait.
 */
public final class EventPublisher implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(EventPublisher.class);
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final Duration IMPATIENCE = Duration.ofMillis(500);
  private static final Duration FAREWELL = Duration.ofSeconds(2);

  private final Producer<String, byte[]> producer;

  // A send waits for the broker's metadata before it returns, and how long is a producer's setting.
  private final Producer<String, byte[]> hastyProducer;

  public EventPublisher(Settings.Kafka kafka) {
    this(
        new KafkaProducer<>(KafkaClients.producer(kafka, PATIENCE)),
        new KafkaProducer<>(KafkaClients.producer(kafka, IMPATIENCE)));
  }

  EventPublisher(Producer<String, byte[]> producer, Producer<String, byte[]> hastyProducer) {
    this.producer = producer;
    this.hastyProducer = hastyProducer;
  }

  /**
   * @param time when it happened; the same again when it is published again
   * @throws PublishException if the broker did not confirm it
   */
  public void publish(Fact fact, Instant time) {
    publish(Envelope.of(fact, time));
  }

  /**
   * Publishes an event as it is, such as one that was kept in a record. A fact that is too large
   * for the broker it publishes as {@link EventCodec#writeBrief} makes it, as nobody waiting for it
   * would be helped by none.
   *
   * @throws PublishException if the broker did not confirm it
   * @throws UnreadableEventException if it is a request that is too large for an answer
   */
  public void publish(Envelope envelope) {
    ProducerRecord<String, byte[]> record = record(envelope);
    try {
      send(record, envelope.type().name());
    } catch (PublishException e) {
      if (!(envelope.data() instanceof Fact && e.getCause() instanceof RecordTooLargeException)) {
        throw e;
      }
      log.atError()
          .addKeyValue("event", envelope.id())
          .addKeyValue("bytes", record.value().length)
          .log("A fact is too large for the broker and is published with less in its lists");
      send(record(envelope, EventCodec.writeBrief(envelope)), envelope.type().name());
    }
  }

  /**
   * Publishes progress: returns within half a second whether or not the broker is there. What does
   * not arrive is logged, and nothing else comes of it.
   */
  public void publishLater(Fact fact, Instant time) {
    Envelope envelope = Envelope.of(fact, time);
    try {
      Future<RecordMetadata> _ =
          hastyProducer.send(
              record(envelope),
              (_, failure) -> {
                if (failure != null) {
                  logLost(envelope, failure);
                }
              });
    } catch (KafkaException | IllegalStateException e) {
      logLost(envelope, e);
    }
  }

  /**
   * @throws PublishException if the broker did not confirm it
   */
  public void publishState(RunState state) {
    publish(Envelope.of(state));
  }

  /**
   * Removes the state of a run from the topic of states.
   *
   * @throws PublishException if the broker did not confirm it
   */
  public void tombstone(RunId run) {
    send(record(Topics.BACKUP_STATE, run.value(), null), "the tombstone of " + run);
  }

  /**
   * @param id of the request; published twice with the same id and source it is one run
   * @param source URI reference of who asks, such as {@code /hybrid-backup/cli}
   * @return the run that the request starts
   * @throws PublishException if the broker did not confirm it
   */
  public RunId publishRequest(Request request, String id, String source) {
    publish(Envelope.of(request, id, source, Instant.now()));
    return RunId.ofRequest(source, id);
  }

  /** Waits a moment for progress that is still on its way. */
  @Override
  public void close() {
    hastyProducer.close(FAREWELL);
    producer.close(FAREWELL);
  }

  private void send(ProducerRecord<String, byte[]> record, String what) {
    try {
      producer.send(record).get();
    } catch (ExecutionException e) {
      throw failed(record, what, e.getCause() == null ? e : e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw failed(record, what, e);
    } catch (KafkaException | IllegalStateException e) {
      throw failed(record, what, e);
    }
  }

  private static PublishException failed(
      ProducerRecord<String, byte[]> record, String what, Throwable cause) {
    return new PublishException(
        "could not publish " + what + " to " + record.topic() + ": " + cause.getMessage(), cause);
  }

  private static void logLost(Envelope envelope, Exception failure) {
    log.atWarn()
        .addKeyValue("event", envelope.id())
        .addKeyValue("reason", failure.getMessage())
        .log("Progress was not published");
  }

  private static ProducerRecord<String, byte[]> record(Envelope envelope) {
    return record(envelope, EventCodec.write(envelope));
  }

  private static ProducerRecord<String, byte[]> record(Envelope envelope, byte[] value) {
    ProducerRecord<String, byte[]> record =
        record(Topics.of(envelope.data()), Topics.keyOf(envelope.data()), value);
    record.headers().add("content-type", EventCodec.CONTENT_TYPE.getBytes(StandardCharsets.UTF_8));
    if (envelope.data() instanceof Request) {
      EventCodec.requireRoomForAnswer(
          record.key().getBytes(StandardCharsets.UTF_8), record.value(), record.headers());
    }
    return record;
  }

  private static ProducerRecord<String, byte[]> record(
      Topic topic, String key, byte @Nullable [] value) {
    return new ProducerRecord<>(topic.name(), key, value);
  }
}
