package io.hybridbackup.deploy;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.EventCodec;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.event.Request;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.messaging.KafkaClients;
import io.hybridbackup.common.messaging.Topics;
import io.hybridbackup.common.settings.Settings;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.KafkaConsumer;

/** Answers requests as the services would; what it answers depends on the source's name. */
final class Responder implements AutoCloseable {
  static final ArchiveName ARCHIVE = new ArchiveName("backup_20260111_020000");

  private final Settings.Kafka kafka;
  private final List<Request> received = new CopyOnWriteArrayList<>();
  private final AtomicLong sequence = new AtomicLong();
  private final Thread thread = Thread.ofPlatform().name("responder").unstarted(this::run);
  private volatile boolean closed;

  Responder(Settings.Kafka kafka) {
    this.kafka = kafka;
    thread.start();
  }

  List<Request> received() {
    return received;
  }

  private void run() {
    Map<String, Object> config = KafkaClients.groupConsumer(kafka, "responder");
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(config);
        EventPublisher publisher = new EventPublisher(kafka)) {
      consumer.subscribe(List.of(Topics.BACKUP_REQUESTS.name(), Topics.RESTORE_REQUESTS.name()));
      while (!closed) {
        consumer
            .poll(Duration.ofMillis(50))
            .forEach(record -> {
              Envelope envelope = EventCodec.read(record.value(), record.headers());
              Request request = (Request) envelope.data();
              received.add(request);
              answer(
                      request,
                      envelope.runOfRequest(record.topic(), record.partition(), record.offset()))
                  .forEach(fact -> publisher.publish(fact, Instant.now()));
            });
      }
    }
  }

  private List<Fact> answer(Request request, RunId run) {
    return switch (request) {
      case Request.BackupRequested it -> answer(it, run);
      case Request.BackupCancelRequested it ->
          List.of(
              new Fact.BackupCancelled(
                  it.backupId(), it.source(), origin(), it.reason(), it.requestedBy()));
      case Request.RestoreRequested it -> answer(it, run);
      case Request.VerificationRequested it -> List.of();
    };
  }

  private List<Fact> answer(Request.BackupRequested request, RunId run) {
    String source = request.source();
    Fact accepted =
        new Fact.BackupAccepted(
            run,
            source,
            origin(),
            Component.parts(),
            Instant.now(),
            Instant.now(),
            request.requestedBy());
    Fact started = new Fact.BackupStarted(run, source, origin(), ARCHIVE, Component.parts());
    return switch (source) {
      case "unknown" ->
          List.of(
              new Fact.BackupRejected(
                  run, source, origin(), FailureCode.UNKNOWN_SOURCE, "no such source", null));
      case "failing" ->
          List.of(
              accepted,
              new Fact.BackupFailed(
                  run,
                  source,
                  origin(),
                  FailureCode.DATABASE_AUTHENTICATION,
                  "the password is wrong; correct password-file",
                  Set.of(Component.DATABASE),
                  null));
      case "endless" -> List.of(accepted, started);
      default ->
          List.of(
              accepted,
              started,
              new Fact.ComponentProgressed(
                  run, source, origin(), "dumping", 1_500_000, 3_000_000L, null, null),
              new Fact.BackupCompleted(
                  run,
                  source,
                  origin(),
                  Fact.BackupOutcome.COMPLETE,
                  ARCHIVE,
                  "backups/" + source + "/" + ARCHIVE + ".tar.gz",
                  "backups/" + source + "/" + ARCHIVE + ".manifest.json",
                  1000,
                  2000L,
                  3000L,
                  400,
                  600,
                  Map.of(),
                  List.of(),
                  null,
                  request.requestedBy()));
    };
  }

  private List<Fact> answer(Request.RestoreRequested request, RunId run) {
    if (request.target().equals("unknown")) {
      return List.of(
          new Fact.RestoreFailed(
              run,
              request.source(),
              request.target(),
              new Origin(Component.RESTORE, 0, 0, 1),
              FailureCode.UNKNOWN_TARGET,
              "no such target",
              true,
              null));
    }
    return List.of(
        new Fact.RestoreCompleted(
            run,
            request.source(),
            request.target(),
            origin(),
            ARCHIVE,
            Component.parts(),
            1L,
            2L,
            3L,
            Map.of(),
            List.of(),
            null,
            null,
            null,
            null,
            null));
  }

  private Origin origin() {
    return new Origin(Component.PACKAGER, 1, 1, sequence.incrementAndGet());
  }

  @Override
  public void close() throws IOException {
    closed = true;
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    }
  }
}
