package io.hybridbackup.common.messaging;

import static java.util.Objects.requireNonNull;

import io.hybridbackup.common.settings.Settings;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Sees to it that the topics exist before anybody uses them. Several services may do so at once.
 * Topics that exist keep their partitions and their retention; only dead letters get as many
 * partitions as the topic that they come from.
 */
public final class TopicProvisioner {
  private static final Logger log = LoggerFactory.getLogger(TopicProvisioner.class);

  /** Topics that were made just now are there almost at once; a broker that starts takes longer. */
  private static final Duration FIRST_PAUSE = Duration.ofMillis(100);

  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(2);

  private final Settings.Kafka kafka;

  public TopicProvisioner(Settings.Kafka kafka) {
    this.kafka = kafka;
  }

  /**
   * Creates the topics that are missing, and checks the others.
   *
   * @param patience how long a broker that is not up yet is waited for
   * @throws IllegalStateException if the broker was not up in time, refuses, or has a topic whose
   *     cleanup policy would lose events; the message says what to do
   */
  public void provision(Duration patience) throws InterruptedException {
    long begun = System.nanoTime();
    for (Duration pause = FIRST_PAUSE; ; pause = longer(pause)) {
      try {
        provisionOnce();
        return;
      } catch (KafkaException e) {
        if (!isPassing(e)) {
          throw new IllegalStateException(
              "the broker at "
                  + kafka.bootstrapServers()
                  + " refuses to set up the topics ("
                  + e.getMessage()
                  + "); allow it, or create these topics by hand: "
                  + Topics.all(),
              e);
        }
        if (System.nanoTime() - begun > patience.toNanos()) {
          throw new IllegalStateException(
              "no Kafka broker answers at "
                  + kafka.bootstrapServers()
                  + " ("
                  + e.getMessage()
                  + "); start it, or correct kafka.bootstrap-servers",
              e);
        }
        log.atLevel(pause.equals(FIRST_PAUSE) ? Level.DEBUG : Level.WARN)
            .addKeyValue("bootstrapServers", kafka.bootstrapServers())
            .addKeyValue("reason", e.toString())
            .log("Waiting for Kafka");
        boolean _ = new CountDownLatch(1).await(pause.toMillis(), TimeUnit.MILLISECONDS);
      }
    }
  }

  private static Duration longer(Duration pause) {
    Duration doubled = pause.multipliedBy(2);
    return doubled.compareTo(LONGEST_PAUSE) < 0 ? doubled : LONGEST_PAUSE;
  }

  private void provisionOnce() throws InterruptedException {
    try (Admin admin = Admin.create(KafkaClients.admin(kafka))) {
      Set<String> existing = answer(admin.listTopics().names());
      for (Topic topic : Topics.all()) {
        if (!existing.contains(topic.name())) {
          create(admin, topic);
        }
      }
      checkPolicies(admin);
      widenDeadLetters(admin);
    }
  }

  private void create(Admin admin, Topic topic) throws InterruptedException {
    NewTopic wanted =
        new NewTopic(topic.name(), kafka.partitions(), kafka.replicationFactor())
            .configs(topic.policy().settings());
    try {
      answer(admin.createTopics(List.of(wanted)).all());
      log.atInfo()
          .addKeyValue("topic", topic.name())
          .addKeyValue("partitions", kafka.partitions())
          .log("Topic created");
    } catch (TopicExistsException e) {
      log.atDebug().addKeyValue("topic", topic.name()).log("Another service created the topic");
    }
  }

  private static void checkPolicies(Admin admin) throws InterruptedException {
    Map<ConfigResource, Topic> resources =
        Topics.all().stream()
            .collect(
                Collectors.toMap(
                    topic -> new ConfigResource(ConfigResource.Type.TOPIC, topic.name()),
                    topic -> topic));
    var settings = answer(admin.describeConfigs(resources.keySet()).all());
    resources.forEach((resource, topic) -> {
      String wanted = topic.policy().settings().get(TopicConfig.CLEANUP_POLICY_CONFIG);
      String found =
          requireNonNull(settings.get(resource)).get(TopicConfig.CLEANUP_POLICY_CONFIG).value();
      if (!found.equals(wanted)) {
        throw new IllegalStateException(
            "the topic %1$s has cleanup.policy=%2$s, which would lose events; it must be %3$s:"
                    .formatted(topic, found, wanted)
                + " kafka-configs.sh --alter --entity-type topics --entity-name "
                + topic
                + " --add-config cleanup.policy="
                + wanted);
      }
    });
  }

  private static void widenDeadLetters(Admin admin) throws InterruptedException {
    List<String> names = Topics.all().stream().map(Topic::name).toList();
    Map<String, TopicDescription> found = answer(admin.describeTopics(names).allTopicNames());
    Map<String, NewPartitions> wider = new HashMap<>();
    for (Topic topic : Topics.all()) {
      TopicDescription letters = found.get(topic.deadLetters().name());
      int partitions = partitions(found, topic);
      if (letters != null && letters.partitions().size() < partitions) {
        wider.put(letters.name(), NewPartitions.increaseTo(partitions));
      }
    }
    try {
      answer(admin.createPartitions(wider).all());
    } catch (InvalidPartitionsException e) {
      log.debug("Another service has widened the topics of dead letters", e);
    }
  }

  private static int partitions(Map<String, TopicDescription> found, Topic topic) {
    TopicDescription description = found.get(topic.name());
    return description == null ? 0 : description.partitions().size();
  }

  /** A broker that is away, starting or busy; also one whose name is not in the DNS yet. */
  private static boolean isPassing(KafkaException failure) {
    return failure instanceof RetriableException
        || failure.getCause() instanceof ConfigException
        || failure.getCause() instanceof RetriableException;
  }

  private static <T> T answer(KafkaFuture<T> future) throws InterruptedException {
    try {
      return future.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof KafkaException failure) {
        throw failure;
      }
      throw new KafkaException(e);
    }
  }
}
