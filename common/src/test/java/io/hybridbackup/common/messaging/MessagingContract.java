package io.hybridbackup.common.messaging;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.EventCodec;
import io.hybridbackup.common.event.EventSamples;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.event.Request.BackupCancelRequested;
import io.hybridbackup.common.event.Request.BackupRequested;
import io.hybridbackup.common.event.Request.RestoreRequested;
import io.hybridbackup.common.event.RunState;
import io.hybridbackup.common.event.UnreadableEventException;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.StoreException;
import io.micrometer.observation.ObservationRegistry;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What messaging does on any broker. Tests share one and tell their runs apart by fresh ids. */
@Timeout(60)
abstract class MessagingContract {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final List<AutoCloseable> opened = new ArrayList<>();
  private final String id = UUID.randomUUID().toString();

  /** The broker that the tests run on. */
  abstract Settings.Kafka kafka();

  @BeforeEach
  void provision() throws Exception {
    new TopicProvisioner(kafka()).provision(PATIENCE);
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable one : opened.reversed()) {
      one.close();
    }
  }

  @Test
  void shouldCreateEveryTopicAsTheContractSays() throws Exception {
    new TopicProvisioner(kafka()).provision(PATIENCE);

    try (Admin admin = Admin.create(KafkaClients.admin(kafka()))) {
      for (Topic topic : Topics.all()) {
        assertThat(partitions(admin, topic)).as(topic.name()).isGreaterThanOrEqualTo(3);
        topic
            .policy()
            .settings()
            .forEach((name, value) -> assertThat(setting(admin, topic, name)).isEqualTo(value));
      }
    }
  }

  @Test
  void shouldLetSeveralServicesProvisionAtOnce() throws Exception {
    try (Admin admin = Admin.create(KafkaClients.admin(kafka()));
        var services = Executors.newVirtualThreadPerTaskExecutor()) {
      admin.deleteTopics(List.of(Topics.BACKUP_STATE.name())).all().get();
      await()
          .atMost(PATIENCE)
          .until(() -> !admin.listTopics().names().get().contains(Topics.BACKUP_STATE.name()));
      Callable<Boolean> service =
          () -> {
            new TopicProvisioner(kafka()).provision(PATIENCE);
            return true;
          };

      for (Future<Boolean> done : services.invokeAll(List.of(service, service, service))) {
        assertThat(done.get()).isTrue();
      }
      assertThat(partitions(admin, Topics.BACKUP_STATE)).isEqualTo(3);
    }
  }

  @Test
  void shouldWidenTheDeadLettersWithTheirTopic() throws Exception {
    try (Admin admin = Admin.create(KafkaClients.admin(kafka()))) {
      int more = partitions(admin, Topics.RESTORE_REQUESTS) + 1;
      admin
          .createPartitions(Map.of(Topics.RESTORE_REQUESTS.name(), NewPartitions.increaseTo(more)))
          .all()
          .get();
      await().atMost(PATIENCE).until(() -> partitions(admin, Topics.RESTORE_REQUESTS) == more);

      new TopicProvisioner(kafka()).provision(PATIENCE);

      await()
          .atMost(PATIENCE)
          .until(() -> partitions(admin, Topics.RESTORE_REQUESTS.deadLetters()) == more);
    }
  }

  @Test
  void shouldRefuseATopicWhosePolicyWouldLoseEvents() throws Exception {
    try (Admin admin = Admin.create(KafkaClients.admin(kafka()))) {
      alter(admin, Topics.BACKUP_EVENTS, TopicConfig.CLEANUP_POLICY_COMPACT);
      try {
        assertThatThrownBy(() -> new TopicProvisioner(kafka()).provision(PATIENCE))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("backup.events.v1 has cleanup.policy=compact")
            .hasMessageContaining("--add-config cleanup.policy=delete");
      } finally {
        alter(admin, Topics.BACKUP_EVENTS, TopicConfig.CLEANUP_POLICY_DELETE);
      }
    }
  }

  @Test
  void shouldHearTheFactsOfARunInTheirOrder() throws Exception {
    List<Envelope> heard = hear();
    List<Fact> facts =
        EventSamples.full().stream().filter(Fact.class::isInstance).map(Fact.class::cast).toList();
    EventPublisher publisher = publisher();

    facts.forEach(fact -> publisher.publish(fact, EventSamples.TIME));

    await().atMost(PATIENCE).until(() -> ids(heard).containsAll(idsOf(facts)));
    assertThat(heard).extracting(Envelope::data).filteredOn(facts::contains).isEqualTo(facts);
  }

  @Test
  void shouldPublishAFactAgainUnderTheSameId() throws Exception {
    List<Envelope> heard = hear();
    Fact fact = EventSamples.mediaPrepared(run());

    publisher().publish(fact, EventSamples.TIME);
    publisher().publish(fact, EventSamples.TIME);

    await().atMost(PATIENCE).until(() -> of(heard, run()).size() == 2);
    assertThat(of(heard, run())).containsOnly(Envelope.of(fact, EventSamples.TIME));
  }

  @Test
  void shouldTellAFactThatIsTooLargeWithLess() throws Exception {
    List<Envelope> heard = hear();
    List<String> warnings = Collections.nCopies(2000, "a warning of kilobytes".repeat(100));
    Fact.BackupCompleted completed =
        new Fact.BackupCompleted(
            run(),
            "edms",
            new Origin(Component.PACKAGER, 1, 1, 9),
            Fact.BackupOutcome.COMPLETE_WITH_WARNINGS,
            ArchiveName.at(ZonedDateTime.of(2026, 1, 11, 2, 0, 0, 0, ZoneOffset.UTC)),
            "backups/edms/archive",
            "backups/edms/manifest",
            1,
            1L,
            null,
            0,
            1,
            Map.of(),
            warnings,
            null,
            null);

    publisher().publish(completed, EventSamples.TIME);

    await().atMost(PATIENCE).until(() -> of(heard, run()).size() == 1);
    Envelope told = of(heard, run()).getFirst();
    assertThat(told.id()).isEqualTo(Envelope.of(completed, EventSamples.TIME).id());
    assertThat(((Fact.BackupCompleted) told.data()).warnings())
        .hasSize(20)
        .allMatch(warning -> warning.length() == 1001 && warning.endsWith("…"));
  }

  @Test
  void shouldPublishProgressInTheBackground() throws Exception {
    List<Envelope> heard = hear();

    publisher().publishLater(EventSamples.mediaPrepared(run()), EventSamples.TIME);

    await().atMost(PATIENCE).until(() -> of(heard, run()).size() == 1);
  }

  @Test
  void shouldPassOverARecordThatIsNoFact() throws Exception {
    List<Envelope> heard = hear();

    send(Topics.BACKUP_EVENTS, run().value(), "noise".getBytes(StandardCharsets.UTF_8));
    publisher().publish(EventSamples.mediaPrepared(run()), EventSamples.TIME);

    await().atMost(PATIENCE).until(() -> of(heard, run()).size() == 1);
  }

  @Test
  void shouldGoOnHearingWhenAFactCouldNotBeDealtWith() throws Exception {
    AtomicInteger calls =
        hearTwo(_ -> {
          throw new IllegalStateException("on purpose");
        });

    await().atMost(PATIENCE).until(() -> calls.get() == 2);
  }

  @Test
  void shouldHearAFactAgainWhenWhatItGivesCauseForCouldNotBePublished() throws Exception {
    AtomicInteger calls =
        hearTwo(call -> {
          if (call == 1) {
            throw new PublishException("on purpose", new TimeoutException());
          }
        });

    await().atMost(PATIENCE).until(() -> calls.get() == 3);
  }

  /**
   * Publishes two facts.
   *
   * @param hearing is told the number of each call, from 1
   * @return how many calls there have been
   */
  private AtomicInteger hearTwo(IntConsumer hearing) throws InterruptedException {
    AtomicInteger calls = new AtomicInteger();
    TopicListener listener =
        open(
            TopicListener.fromNow(
                kafka(),
                Topics.BACKUP_EVENTS,
                envelope -> {
                  if (isOf(envelope, run())) {
                    hearing.accept(calls.incrementAndGet());
                  }
                }));
    listener.start();
    assertThat(listener.awaitReady(PATIENCE)).isTrue();
    publisher().publish(EventSamples.mediaPrepared(run()), EventSamples.TIME);
    publisher().publish(EventSamples.mediaPrepared(run()), EventSamples.TIME);
    return calls;
  }

  @Test
  void shouldHearWhatIsInTheTopicAlready() throws Exception {
    publisher().publish(EventSamples.mediaPrepared(run()), EventSamples.TIME);
    List<Envelope> heard = new CopyOnWriteArrayList<>();

    open(TopicListener.fromBeginning(kafka(), Topics.BACKUP_EVENTS, heard::add)).start();

    await().atMost(PATIENCE).until(() -> heard.stream().anyMatch(event -> isOf(event, run())));
  }

  @Test
  void shouldKeepTheLatestStateAndThenItsTombstone() throws Exception {
    RunState state =
        EventSamples.full().stream()
            .filter(RunState.BackupState.class::isInstance)
            .map(RunState.class::cast)
            .findFirst()
            .orElseThrow();
    EventPublisher publisher = publisher();

    publisher.publishState(state);
    publisher.tombstone(state.run());

    List<ConsumerRecord<byte[], byte[]>> records =
        readUntil(Topics.BACKUP_STATE, state.run().value(), 2);
    assertThat(EventCodec.read(records.getFirst().value(), List.of()).data()).isEqualTo(state);
    assertThat(records.getLast().value()).isNull();
  }

  @Test
  void shouldHandARequestOverWithTheRunThatItStarts() throws Exception {
    List<ReceivedRequest> received = new CopyOnWriteArrayList<>();
    listen(Topics.BACKUP_REQUESTS, received::add);

    RunId run = publisher().publishRequest(new BackupRequested("edms", null, "alice"), id, "/test");

    ReceivedRequest request = awaitRequest(received, id);
    assertThat(request.run()).isEqualTo(run).isEqualTo(RunId.ofRequest("/test", id));
    assertThat(request.request()).isEqualTo(new BackupRequested("edms", null, "alice"));
    assertThat(request.topic()).isEqualTo("backup.requests.v1");
    assertThat(request.recordTime()).isBetween(Instant.now().minus(PATIENCE), Instant.now());
  }

  @Test
  void shouldTakeALineFromAConsoleProducer() throws Exception {
    List<ReceivedRequest> received = new CopyOnWriteArrayList<>();
    listen(Topics.BACKUP_REQUESTS, received::add);

    send(Topics.BACKUP_REQUESTS, null, consoleLine(id));

    assertThat(awaitRequest(received, id).run()).isEqualTo(RunId.ofRequest("/console", id));
  }

  @Test
  void shouldTakeBinaryMode() throws Exception {
    List<ReceivedRequest> received = new CopyOnWriteArrayList<>();
    listen(Topics.BACKUP_REQUESTS, received::add);
    ProducerRecord<String, byte[]> record =
        new ProducerRecord<>(
            Topics.BACKUP_REQUESTS.name(),
            "edms",
            "{\"source\":\"edms\"}".getBytes(StandardCharsets.UTF_8));
    Map.of(
            "ce_specversion", "1.0",
            "ce_type", "io.hybridbackup.BackupRequested.v1",
            "ce_source", "/binary",
            "ce_id", id)
        .forEach(
            (name, value) -> record.headers().add(name, value.getBytes(StandardCharsets.UTF_8)));

    send(record);

    assertThat(awaitRequest(received, id).run()).isEqualTo(RunId.ofRequest("/binary", id));
  }

  @Test
  void shouldSetPoisonAsideAndHandleWhatComesAfterIt() throws Exception {
    List<ReceivedRequest> received = new CopyOnWriteArrayList<>();
    listen(Topics.BACKUP_REQUESTS, received::add);
    byte[] poison = {(byte) 0xff, 0, 1, 2};

    send(Topics.BACKUP_REQUESTS, id, poison);
    send(Topics.BACKUP_REQUESTS, id, null);
    send(Topics.BACKUP_REQUESTS, id, consoleLine(id));

    awaitRequest(received, id);
    List<ConsumerRecord<byte[], byte[]>> letters =
        readUntil(Topics.BACKUP_REQUESTS.deadLetters(), id, 2);
    assertThat(letters.getFirst().value()).isEqualTo(poison);
    assertThat(reason(letters.getFirst())).startsWith("the value is not readable JSON");
    assertThat(letters.getLast().value()).isNull();
    assertThat(reason(letters.getLast())).startsWith("the record has no value");
  }

  @Test
  void shouldSetAsideWhatIsTooLargeForAnAnswerAndHandleWhatComesAfterIt() throws Exception {
    List<ReceivedRequest> received = new CopyOnWriteArrayList<>();
    listen(Topics.BACKUP_REQUESTS, received::add);
    byte[] large = padded(consoleLine(id + "-1"), EventCodec.LARGEST_REQUEST - id.length() + 1);
    byte[] largest = padded(consoleLine(id + "-2"), EventCodec.LARGEST_REQUEST - id.length());

    send(Topics.BACKUP_REQUESTS, id, large);
    send(Topics.BACKUP_REQUESTS, id, largest);

    awaitRequest(received, id + "-2");
    List<ConsumerRecord<byte[], byte[]>> letters =
        readUntil(Topics.BACKUP_REQUESTS.deadLetters(), id, 1);
    assertThat(letters.getFirst().value()).isEqualTo(large);
    assertThat(reason(letters.getFirst()))
        .startsWith("the request has 131073 bytes; with its key and headers it may have 131072");
    assertThat(received).noneMatch(request -> (id + "-1").equals(request.envelope().id()));
  }

  @Test
  void shouldNotPublishARequestThatIsTooLargeForAnAnswer() {
    EventPublisher publisher = publisher();
    BackupRequested request = new BackupRequested("edms", null, "a".repeat(131_072));

    assertThatThrownBy(() -> publisher.publishRequest(request, id, "/test"))
        .isInstanceOf(UnreadableEventException.class)
        .hasMessageContaining("so ask for less");
  }

  @Test
  void shouldSetAsideWhereItIsWhatIsTooLargeForADeadLetter() throws Exception {
    List<ReceivedRequest> received = new CopyOnWriteArrayList<>();
    listen(Topics.BACKUP_REQUESTS, received::add);

    RecordMetadata sent =
        send(
            new ProducerRecord<>(
                Topics.BACKUP_REQUESTS.name(), id, padded(consoleLine(id + "-1"), 1_048_400)));
    send(Topics.BACKUP_REQUESTS, id, consoleLine(id + "-2"));

    awaitRequest(received, id + "-2");
    String place = "backup.requests.v1-" + sent.partition() + "@" + sent.offset();
    await()
        .atMost(PATIENCE)
        .until(() ->
            readAll(Topics.BACKUP_REQUESTS.deadLetters()).stream()
                .anyMatch(letter ->
                    letter.value() == null
                        && reason(letter).contains("1048436 bytes")
                        && header(letter, RequestListener.RECORD_HEADER).equals(place)));
  }

  @Test
  void shouldShortenTheReasonOfADeadLetter() throws Exception {
    listen(Topics.BACKUP_REQUESTS, _ -> {});
    String data = "\"" + "x".repeat(100_000) + "\"";

    send(
        Topics.BACKUP_REQUESTS,
        id,
        new String(consoleLine(id), StandardCharsets.UTF_8)
            .replace("{\"source\":\"edms\"}", data)
            .getBytes(StandardCharsets.UTF_8));

    ConsumerRecord<byte[], byte[]> letter =
        readUntil(Topics.BACKUP_REQUESTS.deadLetters(), id, 1).getFirst();
    assertThat(reason(letter)).startsWith("data must be an object").hasSize(1_001);
    assertThat(letter.headers())
        .allSatisfy(header -> assertThat(header.value()).hasSizeLessThan(1_100));
  }

  @Test
  void shouldSetAsideWhatDoesNotBelongInTheTopic() throws Exception {
    List<ReceivedRequest> received = new CopyOnWriteArrayList<>();
    listen(Topics.BACKUP_REQUESTS, received::add);
    Envelope restore =
        Envelope.of(
            new RestoreRequested("edms", "latest", "edms", null, null, null, null, null),
            id,
            "/test",
            EventSamples.TIME);

    send(Topics.BACKUP_REQUESTS, id, EventCodec.write(restore));

    List<ConsumerRecord<byte[], byte[]>> letters =
        readUntil(Topics.BACKUP_REQUESTS.deadLetters(), id, 1);
    assertThat(reason(letters.getFirst())).contains("does not belong in backup.requests.v1");
    assertThat(received).noneMatch(request -> id.equals(request.envelope().id()));
  }

  @Test
  void shouldSetAsideWhatTheHandlerRefusesForGood() throws Exception {
    AtomicInteger calls = new AtomicInteger();
    listen(
        Topics.BACKUP_REQUESTS,
        request -> {
          if (id.equals(request.envelope().id())) {
            calls.incrementAndGet();
            throw new IllegalStateException("the handler has a defect");
          }
        });

    send(Topics.BACKUP_REQUESTS, id, consoleLine(id));

    List<ConsumerRecord<byte[], byte[]>> letters =
        readUntil(Topics.BACKUP_REQUESTS.deadLetters(), id, 1);
    assertThat(reason(letters.getFirst())).isEqualTo("the handler has a defect");
    assertThat(calls).hasValue(1);
  }

  @Test
  void shouldTryAgainForAsLongAsTheStoreIsUnavailable() throws Exception {
    AtomicInteger calls = new AtomicInteger();
    List<String> handled = new CopyOnWriteArrayList<>();
    String next = id + "-next";
    // With one reader no partition changes hands, which lets a request come again.
    listen(
        Topics.BACKUP_REQUESTS,
        "group-" + id,
        1,
        request -> {
          String requestId = request.envelope().id();
          if (id.equals(requestId) && calls.incrementAndGet() < 4) {
            throw new StoreException.Unavailable("the store is away", null);
          }
          if (requestId != null && requestId.startsWith(id)) {
            handled.add(requestId);
          }
        });

    send(Topics.BACKUP_REQUESTS, id, consoleLine(id));
    send(Topics.BACKUP_REQUESTS, id, consoleLine(next));

    await()
        .atMost(PATIENCE)
        .untilAsserted(() -> assertThat(handled).containsExactlyInAnyOrder(id, next));
    assertThat(calls).hasValue(4);
    assertThat(readAll(Topics.BACKUP_REQUESTS.deadLetters(), id)).isEmpty();
  }

  @Test
  void shouldHandleBackupRequestsTogetherAndOthersAfterThem() throws Exception {
    List<ReceivedRequest> handled = new CopyOnWriteArrayList<>();
    CountDownLatch together = new CountDownLatch(2);
    Envelope cancellation =
        Envelope.of(
            new BackupCancelRequested(run(), "edms", null, null),
            id + "-3",
            "/test",
            EventSamples.TIME);
    send(Topics.BACKUP_REQUESTS, id, consoleLine(id + "-1"));
    send(Topics.BACKUP_REQUESTS, id, consoleLine(id + "-2"));
    send(Topics.BACKUP_REQUESTS, id, EventCodec.write(cancellation));
    listen(
        Topics.BACKUP_REQUESTS,
        request -> {
          if (String.valueOf(request.envelope().id()).startsWith(id)) {
            if (request.request() instanceof BackupRequested) {
              together.countDown();
              awaitOthers(together);
            }
            handled.add(request);
          }
        });

    await().atMost(PATIENCE).until(() -> handled.size() == 3);
    assertThat(handled.getLast().request()).isInstanceOf(BackupCancelRequested.class);
    assertThat(handled.stream().sorted(Comparator.comparing(ReceivedRequest::receivedAt)))
        .extracting(request -> request.envelope().id())
        .containsExactly(id + "-1", id + "-2", id + "-3");
  }

  private static void awaitOthers(CountDownLatch others) {
    try {
      assertThat(others.await(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void shouldNotDeliverAgainWhatWasHandledOrSetAside() throws Exception {
    String group = "group-" + id;
    List<ReceivedRequest> first = new CopyOnWriteArrayList<>();
    RequestListener listener = listen(Topics.BACKUP_REQUESTS, group, first::add);
    send(Topics.BACKUP_REQUESTS, id, consoleLine(id + "-1"));
    send(Topics.BACKUP_REQUESTS, id, "poison".getBytes(StandardCharsets.UTF_8));
    awaitRequest(first, id + "-1");
    readUntil(Topics.BACKUP_REQUESTS.deadLetters(), id, 1);
    listener.stop();

    List<ReceivedRequest> second = new CopyOnWriteArrayList<>();
    listen(Topics.BACKUP_REQUESTS, group, second::add);
    send(Topics.BACKUP_REQUESTS, id, consoleLine(id + "-2"));

    awaitRequest(second, id + "-2");
    assertThat(second).noneMatch(request -> (id + "-1").equals(request.envelope().id()));
    assertThat(readAll(Topics.BACKUP_REQUESTS.deadLetters(), id)).hasSize(1);
  }

  @Test
  void shouldStopWithinTwoSecondsWhileARequestWaits() throws Exception {
    AtomicInteger calls = new AtomicInteger();
    RequestListener listener =
        listen(
            Topics.BACKUP_REQUESTS,
            request -> {
              calls.incrementAndGet();
              throw new StoreException.Unavailable("the store is away", null);
            });
    send(Topics.BACKUP_REQUESTS, id, consoleLine(id));
    await().atMost(PATIENCE).until(() -> calls.get() >= 2);

    Instant begun = Instant.now();
    listener.stop();

    assertThat(Duration.between(begun, Instant.now())).isLessThan(Duration.ofSeconds(2));
    assertThat(listener.isRunning()).isFalse();
  }

  private RunId run() {
    return RunId.ofRequest("/test", id);
  }

  private EventPublisher publisher() {
    EventPublisher publisher = new EventPublisher(kafka());
    opened.add(publisher);
    return publisher;
  }

  private List<Envelope> hear() throws InterruptedException {
    List<Envelope> heard = new CopyOnWriteArrayList<>();
    TopicListener listener = open(TopicListener.fromNow(kafka(), Topics.BACKUP_EVENTS, heard::add));
    listener.start();
    assertThat(listener.awaitReady(PATIENCE)).isTrue();
    return heard;
  }

  private TopicListener open(TopicListener listener) {
    opened.add(listener::stop);
    return listener;
  }

  private RequestListener listen(Topic topic, RequestHandler handler) {
    return listen(topic, "group-" + id, handler);
  }

  private RequestListener listen(Topic topic, String group, RequestHandler handler) {
    return listen(topic, group, 2, handler);
  }

  private RequestListener listen(
      Topic topic, String group, int concurrency, RequestHandler handler) {
    RequestListener listener =
        new RequestListener(kafka(), topic, group, concurrency, ObservationRegistry.NOOP, handler);
    opened.add(listener::stop);
    listener.start();
    return listener;
  }

  private static ReceivedRequest awaitRequest(List<ReceivedRequest> received, String id) {
    return await()
        .atMost(PATIENCE)
        .until(
            () ->
                received.stream().filter(request -> id.equals(request.envelope().id())).findFirst(),
            Optional::isPresent)
        .orElseThrow();
  }

  private void send(Topic topic, @Nullable String key, byte @Nullable [] value) throws Exception {
    send(new ProducerRecord<>(topic.name(), key, value));
  }

  private RecordMetadata send(ProducerRecord<String, byte[]> record) throws Exception {
    try (KafkaProducer<String, byte[]> producer =
        new KafkaProducer<>(KafkaClients.producer(kafka(), PATIENCE))) {
      return producer.send(record).get();
    }
  }

  private static byte[] padded(byte[] json, int size) {
    byte[] padded = Arrays.copyOf(json, size);
    Arrays.fill(padded, json.length, size, (byte) ' ');
    return padded;
  }

  private static byte[] consoleLine(String id) {
    return """
    {"specversion":"1.0","type":"io.hybridbackup.BackupRequested.v1",\
    "source":"/console","id":"%s","data":{"source":"edms"}}\
    """
        .formatted(id)
        .getBytes(StandardCharsets.UTF_8);
  }

  private List<ConsumerRecord<byte[], byte[]>> readUntil(Topic topic, String key, int count) {
    return await()
        .atMost(PATIENCE)
        .until(() -> readAll(topic, key), found -> found.size() >= count);
  }

  /** What the topic holds at the moment under that key. */
  private List<ConsumerRecord<byte[], byte[]>> readAll(Topic topic, String key) {
    return readAll(topic).stream()
        .filter(record ->
            record.key() != null && new String(record.key(), StandardCharsets.UTF_8).equals(key))
        .toList();
  }

  private List<ConsumerRecord<byte[], byte[]>> readAll(Topic topic) {
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(KafkaClients.loneConsumer(kafka()))) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(topic.name()).stream()
              .map(found -> new TopicPartition(found.topic(), found.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      List<ConsumerRecord<byte[], byte[]>> found = new ArrayList<>();
      while (ends.entrySet().stream()
          .anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
        consumer.poll(Duration.ofMillis(100)).forEach(found::add);
      }
      return found;
    }
  }

  private static String reason(ConsumerRecord<?, ?> record) {
    return header(record, RequestListener.REASON_HEADER);
  }

  private static String header(ConsumerRecord<?, ?> record, String name) {
    return new String(record.headers().lastHeader(name).value(), StandardCharsets.UTF_8);
  }

  private static List<Envelope> of(List<Envelope> heard, RunId run) {
    return heard.stream().filter(envelope -> isOf(envelope, run)).toList();
  }

  private static boolean isOf(Envelope envelope, RunId run) {
    return envelope.data() instanceof Fact fact && fact.run().equals(run);
  }

  private static List<String> ids(List<Envelope> envelopes) {
    return envelopes.stream().flatMap(envelope -> Stream.ofNullable(envelope.id())).toList();
  }

  private static List<String> idsOf(List<Fact> facts) {
    return ids(facts.stream().map(fact -> Envelope.of(fact, EventSamples.TIME)).toList());
  }

  private static int partitions(Admin admin, Topic topic) throws Exception {
    return requireNonNull(
            admin.describeTopics(List.of(topic.name())).allTopicNames().get().get(topic.name()))
        .partitions()
        .size();
  }

  private static String setting(Admin admin, Topic topic, String name) {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic.name());
    try {
      return requireNonNull(admin.describeConfigs(List.of(resource)).all().get().get(resource))
          .get(name)
          .value();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static void alter(Admin admin, Topic topic, String policy) throws Exception {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic.name());
    AlterConfigOp set =
        new AlterConfigOp(
            new ConfigEntry(TopicConfig.CLEANUP_POLICY_CONFIG, policy), AlterConfigOp.OpType.SET);
    admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all().get();
    await()
        .atMost(PATIENCE)
        .until(() -> setting(admin, topic, TopicConfig.CLEANUP_POLICY_CONFIG).equals(policy));
  }
}
