package io.hybridbackup.common.testing;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.EventCodec;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.messaging.Topics;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;

/**
 * A console producer and a console consumer: lines go in as bare values, and every fact and dead
 * letter since the beginning is seen.
 */
public final class TopicConsole implements AutoCloseable {
  /** The CloudEvents source of the requests. */
  public static final String SOURCE = "/console";

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** A broker that has been stopped or killed never hears the goodbye. */
  private static final Duration FAREWELL = Duration.ofSeconds(1);

  private final KafkaProducer<String, String> producer;
  private final String bootstrapServers;
  private final List<ConsumerRecord<byte[], byte[]>> records = new CopyOnWriteArrayList<>();
  private final Map<RunId, List<Published>> published = new ConcurrentHashMap<>();
  private final Thread thread = Thread.ofPlatform().name("console").daemon().unstarted(this::run);
  private volatile boolean closed;

  public TopicConsole(String bootstrapServers) {
    this.bootstrapServers = bootstrapServers;
    producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", bootstrapServers),
            new StringSerializer(),
            new StringSerializer());
    thread.start();
  }

  /**
   * Writes a request as one line of JSON.
   *
   * @param type such as {@code BackupRequested}
   * @param data JSON
   * @return the run that it starts
   */
  public RunId request(String type, String data) {
    return request(type, data, UUID.randomUUID().toString(), null);
  }

  /**
   * As {@link #request(String, String)}.
   *
   * @param id of the event
   * @param at the record's time; null is now
   */
  public RunId request(String type, String data, String id, @Nullable Instant at) {
    String topic =
        type.startsWith("Restore") ? Topics.RESTORE_REQUESTS.name() : Topics.BACKUP_REQUESTS.name();
    String line =
        """
        {"specversion":"1.0","type":"io.hybridbackup.%s.v1","source":"%s","id":"%s","data":%s}\
        """
            .formatted(type, SOURCE, id, data);
    send(new ProducerRecord<>(topic, null, at == null ? null : at.toEpochMilli(), null, line));
    return RunId.ofRequest(SOURCE, id);
  }

  public RunId backup(String source) {
    return request("BackupRequested", "{\"source\":\"" + source + "\"}");
  }

  public RunId restore(String source, String archive, String target) {
    return request(
        "RestoreRequested",
        "{\"source\":\"%s\",\"archive\":\"%s\",\"target\":\"%s\"}"
            .formatted(source, archive, target));
  }

  /** Writes any line to any topic. */
  public void write(String topic, String line) {
    send(new ProducerRecord<>(topic, line));
  }

  /** Every record that has been seen in a topic. */
  public List<ConsumerRecord<byte[], byte[]>> records(String topic) {
    return records.stream().filter(record -> record.topic().equals(topic)).toList();
  }

  /** Every event of a run in the order of publication, repeated ones repeatedly. */
  public List<Envelope> events(RunId run) {
    return published(run).stream().map(Published::event).toList();
  }

  /** When the run's first fact of that type was handed to the broker, by its publisher's clock. */
  public Optional<Instant> publishedAt(RunId run, Class<? extends Fact> type) {
    return published(run).stream()
        .filter(one -> type.isInstance(one.event().data()))
        .map(Published::at)
        .findFirst();
  }

  /** The values of a run's facts, as text. */
  public List<String> lines(RunId run) {
    return records(Topics.BACKUP_EVENTS.name()).stream()
        .map(record -> new String(record.value(), StandardCharsets.UTF_8))
        .filter(line -> line.contains('"' + run.value() + '"'))
        .toList();
  }

  /** The run's facts of one type, repeated ones once. */
  public <F extends Fact> List<F> facts(RunId run, Class<F> type) {
    return events(run).stream()
        .map(Envelope::data)
        .filter(type::isInstance)
        .map(type::cast)
        .distinct()
        .toList();
  }

  /** Waits for the run's first fact of that type. */
  public <F extends Fact> F await(RunId run, Class<F> type) {
    return await(run, type, PATIENCE);
  }

  private <F extends Fact> F await(RunId run, Class<F> type, Duration patience) {
    return Awaitility.await(type.getSimpleName() + " of " + run)
        .atMost(patience)
        .pollInterval(Duration.ofMillis(20))
        .until(() -> facts(run, type).stream().findFirst(), Optional::isPresent)
        .orElseThrow(() -> new AssertionError(type.getSimpleName()));
  }

  /** Waits for the fact that ends the run, which must be of that type. */
  public <F extends Fact.TerminalFact> F awaitEnd(RunId run, Class<F> type) {
    return awaitEnd(run, type, PATIENCE);
  }

  /** As {@link #awaitEnd(RunId, Class)}, for so long. */
  public <F extends Fact.TerminalFact> F awaitEnd(RunId run, Class<F> type, Duration patience) {
    Fact.TerminalFact end = await(run, Fact.TerminalFact.class, patience);
    if (!type.isInstance(end)) {
      throw new AssertionError("the run ended otherwise: " + String.join("\n", lines(run)));
    }
    return type.cast(end);
  }

  @Override
  public void close() {
    closed = true;
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    producer.close(FAREWELL);
  }

  private List<Published> published(RunId run) {
    return published.getOrDefault(run, List.of());
  }

  private void add(ConsumerRecord<byte[], byte[]> record) {
    records.add(record);
    if (record.topic().equals(Topics.BACKUP_EVENTS.name())) {
      Envelope event = EventCodec.read(record.value(), record.headers());
      if (event.data() instanceof Fact fact) {
        published
            .computeIfAbsent(fact.run(), _ -> new CopyOnWriteArrayList<>())
            .add(new Published(event, Instant.ofEpochMilli(record.timestamp())));
      }
    }
  }

  private void send(ProducerRecord<String, String> record) {
    try {
      producer.send(record).get();
    } catch (ExecutionException e) {
      throw new AssertionError("could not be sent: " + record, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  private void run() {
    KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of(
                "bootstrap.servers",
                bootstrapServers,
                "group.id",
                "console-" + UUID.randomUUID(),
                "auto.offset.reset",
                "earliest",
                "allow.auto.create.topics",
                "false",
                "metadata.max.age.ms",
                "500"),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer());
    try {
      consumer.subscribe(Pattern.compile(Pattern.quote(Topics.BACKUP_EVENTS.name()) + "|.*-dlt"));
      while (!closed) {
        consumer.poll(Duration.ofMillis(50)).forEach(this::add);
      }
    } finally {
      consumer.close(CloseOptions.timeout(FAREWELL));
    }
  }

  private record Published(Envelope event, Instant at) {}
}
