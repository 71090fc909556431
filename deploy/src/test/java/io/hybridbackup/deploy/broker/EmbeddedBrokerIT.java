package io.hybridbackup.deploy.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class EmbeddedBrokerIT {
  @TempDir Path folder;
  private String address = "";

  @BeforeEach
  void findPort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      address = "127.0.0.1:" + socket.getLocalPort();
    }
  }

  @Test
  void shouldKeepItsTopicsOverAStop() throws Exception {
    // given
    try (EmbeddedBroker broker = EmbeddedBroker.start(folder, address)) {
      assertThat(broker).isNotNull();
      createTopic();
      publish("first");
    }

    // when
    try (EmbeddedBroker broker = EmbeddedBroker.start(folder, address)) {
      assertThat(broker).isNotNull();
      publish("second");

      // then
      assertThat(consume(2)).containsExactly("first", "second");
    }
  }

  @Test
  void shouldKeepItsTopicsOverAKillAndStartAgainSoon() throws Exception {
    // given
    Process killed = startProcess();
    createTopic();
    publish("first");
    killed.destroyForcibly();
    assertThat(killed.waitFor(10, TimeUnit.SECONDS)).isTrue();

    // when
    Instant start = Instant.now();
    try (EmbeddedBroker broker = EmbeddedBroker.start(folder, address)) {
      assertThat(broker).isNotNull();
      Duration taken = Duration.between(start, Instant.now());

      // then
      assertThat(consume(1)).containsExactly("first");
      assertThat(taken).isLessThan(Duration.ofSeconds(10));
    }
  }

  @Test
  void shouldRefuseAFolderThatAnotherInstanceUses() throws Exception {
    // given
    Process other = startProcess();

    // then
    try {
      assertThatThrownBy(() -> EmbeddedBroker.start(folder, "127.0.0.1:1"))
          .isInstanceOf(BrokerException.class)
          .hasMessageContaining("in use by another instance, process " + other.pid())
          .hasMessageContaining("--data");
    } finally {
      other.destroyForcibly();
    }
  }

  @Test
  void shouldSayWhoHoldsThePort() throws Exception {
    // given
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      String taken = "localhost:" + socket.getLocalPort();

      // then
      assertThatThrownBy(() -> EmbeddedBroker.start(folder, taken))
          .isInstanceOf(BrokerException.class)
          .hasMessageContaining("is taken by process " + ProcessHandle.current().pid() + " (")
          .hasMessageContaining("write another port in hybrid-backup.kafka.bootstrap-servers");
    }
  }

  @Test
  void shouldFinishAFormatThatAKillInterrupted() throws Exception {
    // given
    try (EmbeddedBroker broker = EmbeddedBroker.start(folder, address)) {
      assertThat(broker).isNotNull();
    }
    Files.delete(folder.resolve("log/meta.properties"));

    // when
    try (EmbeddedBroker broker = EmbeddedBroker.start(folder, address)) {
      assertThat(broker).isNotNull();

      // then
      createTopic();
    }
  }

  private Process startProcess() throws IOException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                BrokerProcess.class.getName(),
                folder.toString(),
                address)
            .redirectErrorStream(true)
            .start();
    BufferedReader output = process.inputReader(StandardCharsets.UTF_8);
    Optional<String> ready = output.lines().filter(BrokerProcess.READY::equals).findFirst();
    assertThat(ready).isPresent();
    return process;
  }

  private void createTopic() throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", address))) {
      admin
          .createTopics(List.of(new NewTopic("notes", Optional.of(1), Optional.empty())))
          .all()
          .get(20, TimeUnit.SECONDS);
    }
  }

  private void publish(String note) throws Exception {
    try (var producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", address), new StringSerializer(), new StringSerializer())) {
      producer.send(new ProducerRecord<>("notes", note)).get(20, TimeUnit.SECONDS);
    }
  }

  private List<String> consume(int count) {
    try (var consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", address, "auto.offset.reset", "earliest"),
            new StringDeserializer(),
            new StringDeserializer())) {
      consumer.assign(List.of(new TopicPartition("notes", 0)));
      List<String> notes = new ArrayList<>();
      while (notes.size() < count) {
        for (ConsumerRecord<String, String> note : consumer.poll(Duration.ofSeconds(1))) {
          notes.add(note.value());
        }
      }
      return notes;
    }
  }
}
