package io.hybridbackup.common.messaging;

import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.KafkaTestServer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** Messaging on a broker in this process. */
class MessagingIT extends MessagingContract {
  private static KafkaTestServer server;

  @BeforeAll
  static void start() {
    server = KafkaTestServer.start();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @Override
  Settings.Kafka kafka() {
    return server.settings();
  }
}
