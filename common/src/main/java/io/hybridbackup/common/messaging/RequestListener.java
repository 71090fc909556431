package io.hybridbackup.common.messaging;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.EventCodec;
import io.hybridbackup.common.event.Request;
import io.hybridbackup.common.event.Request.BackupRequested;
import io.hybridbackup.common.event.UnreadableEventException;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.StoreException;
import io.micrometer.observation.ObservationRegistry;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.kafka.KafkaException;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.listener.BatchListenerFailedException;
import org.springframework.kafka.listener.BatchMessageListener;
import org.springframework.kafka.listener.ConcurrentMessageListenerContainer;
import org.springframework.kafka.listener.ConsumerAwareRebalanceListener;
import org.springframework.kafka.listener.ContainerProperties;
import org.springframework.kafka.listener.DefaultErrorHandler;
import org.springframework.kafka.listener.ListenerExecutionFailedException;
import org.springframework.util.backoff.ExponentialBackOff;
import org.springframework.util.backoff.FixedBackOff;

/**
 * Hears one topic of requests as a member of a consumer group.
 *
 * <p>Each request goes to the handler and is acknowledged when that has returned for it and for
 * those before it. Backup requests that follow each other are handled at the same time, any other
 * one alone. What cannot be read, does not belong in the topic, or fails for good goes to the
 * topic's dead letters at once, with the same key and value and the reason in {@link
 * #REASON_HEADER}; then the next one has its turn. A dead letter that is too large for its topic
 * has no content, and {@link #RECORD_HEADER} says where it is to be found. A request whose
 * {@linkplain EventCodec#LARGEST_REQUEST size} would not leave room for an answer is a dead letter
 * too. While the handler says that a retry may help, the request is tried again, for ever, every
 * ten seconds in the end, and later ones of its partition are acknowledged only after it.
 */
public final class RequestListener implements SmartLifecycle {
  /** Why a record is a dead letter, for people. */
  public static final String REASON_HEADER = "hybrid-backup-reason";

  /** Where a dead letter was: topic, partition and offset, as {@code topic-0@12}. */
  public static final String RECORD_HEADER = "hybrid-backup-record";

  private static final Logger log = LoggerFactory.getLogger(RequestListener.class);
  private static final Duration FIRST_RETRY = Duration.ofMillis(200);
  private static final Duration LAST_RETRY = Duration.ofSeconds(10);

  /** More would only wait for each other's connections to the store. */
  private static final int TOGETHER = 16;

  /** Characters: what it quotes may be as long as the record. */
  private static final int LONGEST_REASON = 1_000;

  private static final Duration SEND = Duration.ofSeconds(10);

  private final Topic topic;
  private final RequestHandler handler;
  private final DefaultKafkaProducerFactory<byte[], byte[]> deadLetters;
  private final ConcurrentMessageListenerContainer<byte[], byte[]> container;

  /**
   * Offsets of records that were handled and cannot be acknowledged yet, since one before them has
   * failed; as long as their partition is read here.
   */
  private final Map<TopicPartition, Set<Long>> ahead = new ConcurrentHashMap<>();

  /**
   * @param topic one of the two topics of requests
   * @param group whose members share the topic
   * @param concurrency how many partitions may be read at the same time
   */
  public RequestListener(
      Settings.Kafka kafka,
      Topic topic,
      String group,
      int concurrency,
      ObservationRegistry observations,
      RequestHandler handler) {
    this.topic = topic;
    this.handler = handler;
    deadLetters =
        new DefaultKafkaProducerFactory<>(
            KafkaClients.producer(kafka, SEND),
            new ByteArraySerializer(),
            new ByteArraySerializer());
    ContainerProperties properties = new ContainerProperties(topic.name());
    properties.setMessageListener((BatchMessageListener<byte[], byte[]>) this::onRecords);
    properties.setAckMode(ContainerProperties.AckMode.BATCH);
    properties.setStopImmediate(true);
    properties.setConsumerRebalanceListener(
        new ConsumerAwareRebalanceListener() {
          @Override
          public void onPartitionsRevokedAfterCommit(
              Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {
            partitions.forEach(ahead::remove);
          }

          @Override
          public void onPartitionsLost(
              Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {
            partitions.forEach(ahead::remove);
          }
        });
    properties.setObservationEnabled(true);
    properties.setObservationRegistry(observations);
    // Without it the listener would stop for good at the first refusal of its credentials.
    properties.setAuthExceptionRetryInterval(LAST_RETRY);
    container =
        new ConcurrentMessageListenerContainer<>(
            new DefaultKafkaConsumerFactory<>(KafkaClients.groupConsumer(kafka, group)),
            properties);
    container.setBeanName(group + "-" + topic);
    container.setConcurrency(concurrency);
    container.setCommonErrorHandler(errorHandler());
  }

  @Override
  public void start() {
    container.start();
  }

  @Override
  public void stop() {
    container.stop();
    deadLetters.reset();
  }

  @Override
  public boolean isRunning() {
    return container.isRunning();
  }

  /**
   * Backup requests that follow each other are handled together, as each is about a run of its own.
   * Any other request may be about what those before it have begun, and waits for them.
   */
  private void onRecords(List<ConsumerRecord<byte[], byte[]>> records) {
    List<Future<?>> underWay = new ArrayList<>();
    try (ExecutorService threads =
        Executors.newFixedThreadPool(TOGETHER, Thread.ofVirtual().factory())) {
      handle(records, underWay, threads);
    } catch (BatchListenerFailedException e) {
      for (int index = e.getIndex() + 1; index < underWay.size(); index++) {
        if (underWay.get(index).state() == Future.State.SUCCESS) {
          ConsumerRecord<byte[], byte[]> record = records.get(index);
          ahead
              .computeIfAbsent(partition(record), _ -> ConcurrentHashMap.newKeySet())
              .add(record.offset());
        }
      }
      throw e;
    }
  }

  private void handle(
      List<ConsumerRecord<byte[], byte[]>> records,
      List<Future<?>> underWay,
      ExecutorService threads) {
    Instant latest = Instant.MIN;
    for (ConsumerRecord<byte[], byte[]> record : records) {
      if (ahead.getOrDefault(partition(record), Set.of()).contains(record.offset())) {
        underWay.add(CompletableFuture.completedFuture(null));
        continue;
      }
      latest = later(latest);
      ReceivedRequest received;
      try {
        received = read(record, latest);
      } catch (UnreadableEventException e) {
        underWay.add(CompletableFuture.failedFuture(e));
        break;
      }
      boolean alone = !(received.request() instanceof BackupRequested);
      if (alone) {
        awaitAll(underWay);
      }
      underWay.add(threads.submit(() -> handler.handle(received)));
      if (alone) {
        awaitAll(underWay);
      }
    }
    awaitAll(underWay);
    for (ConsumerRecord<byte[], byte[]> record : records) {
      Set<Long> offsets = ahead.get(partition(record));
      if (offsets != null) {
        offsets.remove(record.offset());
      }
    }
  }

  private static TopicPartition partition(ConsumerRecord<?, ?> record) {
    return new TopicPartition(record.topic(), record.partition());
  }

  private static Instant later(Instant than) {
    Instant now = Instant.now();
    return now.isAfter(than) ? now : than.plusNanos(1);
  }

  /** Fails with the first that has failed: all before it are acknowledged. */
  private static void awaitAll(List<Future<?>> underWay) {
    for (int index = 0; index < underWay.size(); index++) {
      try {
        underWay.get(index).get();
      } catch (ExecutionException e) {
        throw new BatchListenerFailedException("a request could not be handled", e, index);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new BatchListenerFailedException("the listener is stopped", e, index);
      }
    }
  }

  private ReceivedRequest read(ConsumerRecord<byte[], byte[]> record, Instant receivedAt) {
    EventCodec.requireRoomForAnswer(record.key(), record.value(), record.headers());
    Envelope envelope = EventCodec.read(record.value(), record.headers());
    if (!(envelope.data() instanceof Request request)
        || !Topics.of(envelope.data()).equals(topic)) {
      throw new UnreadableEventException(
          envelope.type()
              + " does not belong in "
              + topic
              + " but in "
              + Topics.of(envelope.data()));
    }
    return new ReceivedRequest(
        envelope,
        request,
        envelope.runOfRequest(record.topic(), record.partition(), record.offset()),
        record.topic(),
        record.partition(),
        record.offset(),
        Instant.ofEpochMilli(record.timestamp()),
        receivedAt);
  }

  private DefaultErrorHandler errorHandler() {
    DefaultErrorHandler errors = new DefaultErrorHandler(this::setAside);
    // It is said by the retry listener, or when a record becomes a dead letter.
    errors.setLogLevel(KafkaException.Level.DEBUG);
    errors.setClassifications(Map.of(), true);
    errors.setBackOffFunction(
        (_, failure) -> retryHelps(failure) ? forEver() : new FixedBackOff(0, 0));
    errors.setRetryListeners((record, failure, attempt) -> {
      if (failure != null && retryHelps(failure)) {
        logRetry(record, failure, attempt);
      }
    });
    return errors;
  }

  private void setAside(ConsumerRecord<?, ?> record, Exception failure) {
    String reason = reason(failure);
    log.atError()
        .addKeyValue("record", place(record))
        .addKeyValue("reason", reason)
        .log("A request goes to the dead letters");
    try {
      sendDeadLetter(
          record, (byte[]) record.key(), (byte[]) record.value(), record.headers(), reason);
    } catch (RecordTooLargeException e) {
      String tooLarge = "it is too large to be kept here; find it where it was: " + reason;
      sendDeadLetter(record, null, null, new RecordHeaders(), tooLarge);
    }
  }

  private void sendDeadLetter(
      ConsumerRecord<?, ?> record,
      byte @Nullable [] key,
      byte @Nullable [] value,
      Headers headers,
      String reason) {
    ProducerRecord<byte[], byte[]> letter =
        new ProducerRecord<>(topic.deadLetters().name(), record.partition(), key, value, headers);
    letter.headers().add(REASON_HEADER, reason.getBytes(StandardCharsets.UTF_8));
    letter.headers().add(RECORD_HEADER, place(record).getBytes(StandardCharsets.UTF_8));
    try {
      deadLetters.createProducer().send(letter).get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof RecordTooLargeException tooLarge
          ? tooLarge
          : new PublishException("could not publish a dead letter: " + e.getCause(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new PublishException("stopped while a dead letter was published", e);
    }
  }

  private static ExponentialBackOff forEver() {
    ExponentialBackOff backOff = new ExponentialBackOff(FIRST_RETRY.toMillis(), 2);
    backOff.setMaxInterval(LAST_RETRY.toMillis());
    return backOff;
  }

  private static void logRetry(ConsumerRecord<?, ?> record, Exception failure, int attempt) {
    log.atWarn()
        .addKeyValue("record", place(record))
        .addKeyValue("attempt", attempt)
        .addKeyValue("reason", reason(failure))
        .log("A request has to wait and will be tried again");
  }

  private static String place(ConsumerRecord<?, ?> record) {
    return record.topic() + "-" + record.partition() + "@" + record.offset();
  }

  private static String reason(Exception failure) {
    Throwable said = failure;
    while (said.getCause() != null
        && (said instanceof ListenerExecutionFailedException
            || said instanceof BatchListenerFailedException
            || said instanceof ExecutionException)) {
      said = said.getCause();
    }
    String message = Objects.requireNonNullElseGet(said.getMessage(), said::toString);
    return message.length() <= LONGEST_REASON
        ? message
        : message.substring(0, LONGEST_REASON) + "…";
  }

  private static boolean retryHelps(@Nullable Throwable failure) {
    return switch (failure) {
      case null -> false;
      case StoreException store -> store.retryable();
      case PublishException publish -> publish.retryable();
      case RetriableException _, InterruptedException _ -> true;
      default -> retryHelps(failure.getCause());
    };
  }
}
