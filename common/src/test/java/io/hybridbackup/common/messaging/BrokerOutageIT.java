package io.hybridbackup.common.messaging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.EventSamples;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Request.BackupRequested;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.KafkaTestServer;
import io.micrometer.observation.ObservationRegistry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What messaging does while there is no broker, and when it comes back. */
@Timeout(120)
class BrokerOutageIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Fact FACT = EventSamples.mediaPrepared(EventSamples.RUN);

  private final int port = freePort();
  private final Settings.Kafka kafka = new Settings.Kafka("localhost:" + port, 2, (short) 1);

  @Test
  void shouldSayThatNoBrokerAnswers() {
    assertThatThrownBy(() -> new TopicProvisioner(kafka).provision(Duration.ofMillis(1)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("no Kafka broker answers at localhost:" + port);
  }

  @Test
  void shouldTakeANameThatIsNotInTheDnsYetForABrokerThatIsNotUpYet() {
    Settings.Kafka unknown = new Settings.Kafka("kafka.invalid:9092", 2, (short) 1);

    assertThatThrownBy(() -> new TopicProvisioner(unknown).provision(Duration.ofMillis(1)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("no Kafka broker answers at kafka.invalid:9092");
  }

  @Test
  void shouldNotHoldProgressUpWhileTheBrokerIsAway() {
    try (EventPublisher publisher = new EventPublisher(kafka)) {
      Instant begun = Instant.now();

      publisher.publishLater(FACT, EventSamples.TIME);

      assertThat(Duration.between(begun, Instant.now())).isLessThan(Duration.ofSeconds(2));
    }
  }

  @Test
  void shouldSayThatPublishingAgainMayHelp() {
    try (EventPublisher publisher = new EventPublisher(kafka)) {
      assertThatThrownBy(() -> publisher.publish(FACT, EventSamples.TIME))
          .isInstanceOfSatisfying(
              PublishException.class, failure -> assertThat(failure.retryable()).isTrue())
          .hasMessageContaining("io.hybridbackup.MediaPrepared.v1 to backup.events.v1");
    }
  }

  @Test
  void shouldNotLoseTimeOverTopicsThatABrokerIsStillMaking() throws Exception {
    try (KafkaTestServer server = KafkaTestServer.start()) {
      Instant begun = Instant.now();

      new TopicProvisioner(server.settings()).provision(PATIENCE);

      assertThat(Duration.between(begun, Instant.now())).isLessThan(Duration.ofSeconds(2));
    }
  }

  @Test
  void shouldWaitForTheBrokerAndGoOnWhenItComesBack() throws Exception {
    List<Envelope> heard = new CopyOnWriteArrayList<>();
    List<ReceivedRequest> received = new CopyOnWriteArrayList<>();
    try (KafkaTestServer server = KafkaTestServer.start();
        EventPublisher publisher = new EventPublisher(server.settings());
        var service = Executors.newVirtualThreadPerTaskExecutor()) {
      TopicListener facts =
          TopicListener.fromNow(server.settings(), Topics.BACKUP_EVENTS, heard::add);
      RequestListener requests =
          new RequestListener(
              server.settings(),
              Topics.BACKUP_REQUESTS,
              "group",
              1,
              ObservationRegistry.NOOP,
              received::add);
      server.interrupt();
      facts.start();
      requests.start();
      Future<?> provisioned =
          service.submit(() -> {
            new TopicProvisioner(server.settings()).provision(PATIENCE);
            return true;
          });
      server.resume();
      provisioned.get();
      assertThat(facts.awaitReady(PATIENCE)).isTrue();
      publishUntilHeard(publisher, heard, received);

      server.interrupt();
      server.resume();
      heard.clear();
      received.clear();

      publishUntilHeard(publisher, heard, received);
      facts.stop();
      requests.stop();
    }
  }

  private static void publishUntilHeard(
      EventPublisher publisher, List<Envelope> heard, List<ReceivedRequest> received) {
    await()
        .atMost(PATIENCE)
        .pollInterval(Duration.ofMillis(500))
        .ignoreExceptionsInstanceOf(PublishException.class)
        .until(() -> {
          publisher.publish(FACT, EventSamples.TIME);
          publisher.publishRequest(new BackupRequested("edms", null, null), "1", "/test");
          return !heard.isEmpty() && !received.isEmpty();
        });
  }

  private static int freePort() {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
