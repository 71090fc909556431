package io.hybridbackup.common.messaging;

import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.EnabledWhereDockerAnswers;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.testcontainers.kafka.KafkaContainer;
import org.testcontainers.utility.DockerImageName;

/** Messaging on a broker in a container, as it is in production. */
@EnabledWhereDockerAnswers
class MessagingOnContainersIT extends MessagingContract {
  private static final DockerImageName IMAGE =
      DockerImageName.parse(
              System.getProperty("hybrid-backup.test.kafka-image", "apache/kafka-native:4.2.1"))
          .asCompatibleSubstituteFor("apache/kafka");

  private static KafkaContainer container;

  @BeforeAll
  static void start() {
    container = new KafkaContainer(IMAGE);
    container.start();
  }

  @AfterAll
  static void stop() {
    container.close();
  }

  @Override
  Settings.Kafka kafka() {
    return new Settings.Kafka(container.getBootstrapServers(), 3, (short) 1);
  }
}
