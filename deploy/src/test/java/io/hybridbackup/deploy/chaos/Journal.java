package io.hybridbackup.deploy.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.EventCodec;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.RunState;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.messaging.KafkaClients;
import io.hybridbackup.common.messaging.Topic;
import io.hybridbackup.common.messaging.Topics;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.JsonSchemas;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import tools.jackson.databind.JsonNode;

/**
 * Publishes requests, reads every fact and state, and notes what contradicts what was read before.
 */
final class Journal implements AutoCloseable {
  private static final String SOURCE = "/chaos";
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final int OLD_ONES = 30;
  private static final List<Topic> READ =
      List.of(
          Topics.BACKUP_EVENTS,
          Topics.BACKUP_STATE,
          Topics.BACKUP_REQUESTS.deadLetters(),
          Topics.RESTORE_REQUESTS.deadLetters(),
          Topics.BACKUP_EVENTS.deadLetters());

  private record Line(String topic, String key, String value) {}

  private final KafkaProducer<String, byte[]> producer;
  private final KafkaConsumer<byte[], byte[]> consumer;
  private final Thread reader = Thread.ofPlatform().name("journal").daemon().unstarted(this::read);
  private final List<Line> asked = new CopyOnWriteArrayList<>();
  private final Map<RunId, String> sources = new ConcurrentHashMap<>();
  private final Map<String, JsonNode> events = new ConcurrentHashMap<>();
  private final Map<RunId, Set<Class<?>>> told = new ConcurrentHashMap<>();
  private final Map<RunId, Envelope> ends = new ConcurrentHashMap<>();
  private final Map<RunId, RunState> states = new ConcurrentHashMap<>();
  private final List<String> problems = new CopyOnWriteArrayList<>();
  private final AtomicInteger read = new AtomicInteger();
  private volatile boolean closed;

  /** Reads from the beginning on. The topics have to be there. */
  Journal(Settings.Kafka kafka) {
    producer = new KafkaProducer<>(KafkaClients.producer(kafka, PATIENCE));
    consumer = new KafkaConsumer<>(KafkaClients.loneConsumer(kafka));
    List<TopicPartition> partitions =
        READ.stream()
            .flatMap(topic -> consumer.partitionsFor(topic.name()).stream())
            .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
            .toList();
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
    reader.start();
  }

  RunId backup(String source) {
    RunId run =
        ask(Topics.BACKUP_REQUESTS, source, "BackupRequested", "{\"source\":\"" + source + "\"}");
    sources.put(run, source);
    return run;
  }

  RunId restore(String source, String archive, String target, boolean replace) {
    return ask(
        Topics.RESTORE_REQUESTS,
        target,
        "RestoreRequested",
        "{\"source\":\"%s\",\"archive\":\"%s\",\"target\":\"%s\",\"options\":{\"replace\":%b}}"
            .formatted(source, archive, target, replace));
  }

  /** Asks for the end of a backup that was asked for here; does not wait for the broker. */
  void cancel(RunId run) {
    String source = Optional.ofNullable(sources.get(run)).orElseThrow();
    Line line =
        line(
            Topics.BACKUP_REQUESTS,
            source,
            "BackupCancelRequested",
            UUID.randomUUID().toString(),
            "{\"backupId\":\"%s\",\"source\":\"%s\",\"reason\":\"chaos\"}".formatted(run, source));
    asked.add(line);
    send(line);
  }

  /** Publishes the last requests twice more, and older ones in another order. */
  void repeat(Random random) {
    List<Line> again = new ArrayList<>(asked);
    List<Line> last = List.copyOf(again.subList(Math.max(0, again.size() - 2), again.size()));
    again.addAll(last);
    Collections.shuffle(again, random);
    again.stream().limit(OLD_ONES).forEach(this::send);
    last.forEach(this::send);
  }

  private RunId ask(Topic topic, String key, String type, String data) {
    String id = UUID.randomUUID().toString();
    Line line = line(topic, key, type, id, data);
    asked.add(line);
    try {
      producer.send(record(line)).get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    } catch (ExecutionException | TimeoutException e) {
      throw new AssertionError("a request could not be published", e);
    }
    return RunId.ofRequest(SOURCE, id);
  }

  private static Line line(Topic topic, String key, String type, String id, String data) {
    return new Line(
        topic.name(),
        key,
        """
        {"specversion":"1.0","type":"io.hybridbackup.%s.v1","source":"%s","id":"%s","data":%s}\
        """
            .formatted(type, SOURCE, id, data));
  }

  private void send(Line line) {
    Future<RecordMetadata> _ =
        producer.send(
            record(line),
            (_, failure) -> {
              if (failure != null) {
                problems.add("a request could not be published: " + failure);
              }
            });
  }

  private static ProducerRecord<String, byte[]> record(Line line) {
    return new ProducerRecord<>(line.topic(), line.key(), line.value().getBytes(UTF_8));
  }

  /** The fact that ended a run. */
  Optional<Fact.TerminalFact> end(RunId run) {
    return Optional.ofNullable(ends.get(run)).map(end -> (Fact.TerminalFact) end.data());
  }

  /** What has been told of a run, by type. */
  Set<Class<?>> told(RunId run) {
    return Set.copyOf(told.getOrDefault(run, Set.of()));
  }

  /**
   * States that are the last of their run in the topic, and not what its last fact says. None may
   * be left when no run is open.
   */
  List<String> wrongStates() {
    List<String> wrong = new ArrayList<>();
    ends.forEach((run, end) -> {
      RunState state = states.get(run);
      if (state == null || !agree((Fact.TerminalFact) end.data(), state)) {
        wrong.add(state + " is the last state of what ended with " + end.data());
      }
    });
    states.forEach((run, state) -> {
      if (!ends.containsKey(run)) {
        wrong.add(state + " is the last state of a run without an end");
      }
    });
    return wrong;
  }

  private static boolean agree(Fact.TerminalFact end, RunState state) {
    return switch (state) {
      case RunState.BackupState backup ->
          switch (end) {
            case Fact.BackupCompleted completed ->
                backup.state().name().equals(completed.state().name())
                    && completed.archive().equals(backup.archive())
                    && Set.of("completed").containsAll(backup.components().values());
            case Fact.BackupFailed failed ->
                backup.state() == RunState.Phase.FAILED && backup.code() == failed.code();
            case Fact.BackupCancelled _ -> backup.state() == RunState.Phase.CANCELLED;
            default -> false;
          };
      case RunState.RestoreState restore ->
          switch (end) {
            case Fact.RestoreCompleted completed ->
                restore.state()
                        == (completed.warnings().isEmpty()
                            ? RunState.Phase.COMPLETE
                            : RunState.Phase.COMPLETE_WITH_WARNINGS)
                    && completed.archive().equals(restore.archive());
            case Fact.RestoreFailed failed ->
                restore.state() == RunState.Phase.FAILED && restore.code() == failed.code();
            default -> false;
          };
    };
  }

  boolean isBackup(RunId run) {
    return sources.containsKey(run);
  }

  /** How many events have been read. */
  int size() {
    return read.get();
  }

  /** What should not have been read; each once. */
  List<String> takeProblems() {
    List<String> found = List.copyOf(problems);
    problems.removeAll(found);
    return found;
  }

  private void read() {
    try (consumer) {
      while (!closed) {
        try {
          consumer.poll(Duration.ofMillis(100)).forEach(this::note);
        } catch (KafkaException e) {
          // The broker is away now and then.
          if (!(e instanceof RetriableException)) {
            problems.add("the journal cannot be read: " + e);
            return;
          }
        }
      }
    }
  }

  private void note(ConsumerRecord<byte[], byte[]> record) {
    boolean stating = record.topic().equals(Topics.BACKUP_STATE.name());
    if (record.value() == null) {
      problems.add("a tombstone in " + record.topic() + ": " + new String(record.key(), UTF_8));
      return;
    }
    if (!stating && !record.topic().equals(Topics.BACKUP_EVENTS.name())) {
      problems.add("a dead letter in " + record.topic() + ": " + new String(record.value(), UTF_8));
      return;
    }
    Envelope event = EventCodec.read(record.value(), record.headers());
    JsonNode json = event.toJson();
    JsonNode earlier = events.putIfAbsent(String.valueOf(event.id()), json);
    if (earlier == null) {
      validate(event, json);
    } else if (!earlier.equals(json)) {
      problems.add("two events with the same id: " + earlier + " and " + json);
    }
    if (event.data() instanceof RunState state) {
      states.put(state.run(), state);
    }
    if (event.data() instanceof Fact fact) {
      told.computeIfAbsent(fact.run(), _ -> ConcurrentHashMap.newKeySet()).add(fact.getClass());
    }
    if (event.data() instanceof Fact.TerminalFact fact) {
      Envelope end = ends.putIfAbsent(fact.run(), event);
      if (end != null && !end.toJson().equals(json)) {
        problems.add("a run ended twice: " + end.toJson() + " and " + json);
      }
    }
    read.incrementAndGet();
  }

  private void validate(Envelope event, JsonNode json) {
    for (String found :
        List.of(
            JsonSchemas.load("/io/hybridbackup/contract/CloudEvent.v1.json")
                .validate(json)
                .toString(),
            JsonSchemas.load(
                    "/io/hybridbackup/contract/%s.v1.json"
                        .formatted(event.data().getClass().getSimpleName()))
                .validate(json.get("data"))
                .toString())) {
      if (!found.equals("[]")) {
        problems.add("not as the contract says: " + json + ": " + found);
      }
    }
  }

  @Override
  public void close() {
    closed = true;
    try {
      reader.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    producer.close(Duration.ofSeconds(1));
  }
}
