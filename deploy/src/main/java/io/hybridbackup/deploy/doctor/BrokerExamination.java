package io.hybridbackup.deploy.doctor;

import io.hybridbackup.common.messaging.KafkaClients;
import io.hybridbackup.common.messaging.Topic;
import io.hybridbackup.common.messaging.Topics;
import io.hybridbackup.common.settings.Settings;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.GroupIdNotFoundException;

/**
 * Is the broker there, has it the topics as the contract wants them, and does anybody read them?
 */
final class BrokerExamination implements Examination {
  private static final int PATIENCE_MILLIS = 5_000;

  private final Settings.Kafka kafka;

  BrokerExamination(Settings.Kafka kafka) {
    this.kafka = kafka;
  }

  @Override
  public String area() {
    return "broker";
  }

  @Override
  public void examine(Findings findings) throws InterruptedException {
    Map<String, Object> settings = new HashMap<>(KafkaClients.admin(kafka));
    settings.put(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, PATIENCE_MILLIS);
    settings.put(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, PATIENCE_MILLIS);
    try (Admin admin = Admin.create(settings)) {
      int nodes = answer(admin.describeCluster().nodes()).size();
      findings.ok(
          area(), kafka.bootstrapServers() + " answers, " + count(nodes, "broker") + " in all");
      topics(admin, nodes, findings);
      readers(admin, Topics.BACKUP_REQUESTS, Topics.PACKAGER_GROUP, "packager", findings);
      readers(admin, Topics.RESTORE_REQUESTS, Topics.RESTORE_GROUP, "restore", findings);
    } catch (KafkaException e) {
      findings.problem(
          area(),
          kafka.bootstrapServers() + " cannot be asked: " + e.getMessage(),
          "start the broker (standalone brings its own), or correct"
              + " hybrid-backup.kafka.bootstrap-servers");
    }
  }

  private void topics(Admin admin, int nodes, Findings findings) throws InterruptedException {
    Set<String> existing = answer(admin.listTopics().names());
    List<Topic> present = new ArrayList<>();
    for (Topic topic : Topics.all()) {
      if (existing.contains(topic.name())) {
        present.add(topic);
      } else {
        findings.warning(
            "topics", topic + " is not there", "any service makes it when it starts; start one");
      }
    }
    Map<String, TopicDescription> described =
        answer(admin.describeTopics(present.stream().map(Topic::name).toList()).allTopicNames());
    Map<ConfigResource, Config> configured =
        answer(
            admin
                .describeConfigs(present.stream().map(BrokerExamination::resource).toList())
                .all());
    for (Topic topic : present) {
      examine(
          topic,
          Objects.requireNonNull(described.get(topic.name())),
          Objects.requireNonNull(configured.get(resource(topic))),
          nodes,
          findings);
    }
  }

  private static void examine(
      Topic topic, TopicDescription description, Config config, int nodes, Findings findings) {
    List<TopicPartitionInfo> partitions = description.partitions();
    boolean fine = true;
    for (var wanted : topic.policy().settings().entrySet()) {
      String found = config.get(wanted.getKey()).value();
      if (found.equals(wanted.getValue())) {
        continue;
      }
      fine = false;
      String text =
          "%s has %s=%s, the contract says %s"
              .formatted(topic, wanted.getKey(), found, wanted.getValue());
      String cure =
          "kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config %s=%s"
              .formatted(topic, wanted.getKey(), wanted.getValue());
      if (wanted.getKey().equals(TopicConfig.CLEANUP_POLICY_CONFIG)) {
        findings.problem("topics", text + ": events would be lost", cure);
      } else {
        findings.warning("topics", text, cure);
      }
    }
    if (partitions.stream().anyMatch(one -> one.leader() == null)) {
      fine = false;
      findings.problem(
          "topics", topic + " has partitions without a leader", "bring their brokers back");
    } else if (partitions.stream().anyMatch(one -> one.isr().size() < one.replicas().size())) {
      fine = false;
      findings.warning(
          "topics", topic + " has replicas that are behind", "see to the brokers that hold them");
    }
    int replicas = partitions.stream().mapToInt(one -> one.replicas().size()).min().orElse(0);
    if (nodes > 1 && replicas < 2) {
      fine = false;
      findings.warning(
          "topics",
          topic + " is kept by one broker alone",
          "kafka-reassign-partitions.sh gives it more replicas");
    }
    if (fine) {
      findings.ok(
          "topics",
          "%s: %s, %s, %s"
              .formatted(
                  topic,
                  count(partitions.size(), "partition"),
                  count(replicas, "replica"),
                  policy(topic.policy())));
    }
  }

  private static String policy(Topic.Policy policy) {
    return switch (policy) {
      case Topic.Retention retention -> "kept for " + retention.age().toDays() + " days";
      case Topic.Compaction _ -> "compacted";
    };
  }

  /** Only these services read as a group; the others leave no trace at the broker. */
  private static void readers(
      Admin admin, Topic topic, String group, String service, Findings findings)
      throws InterruptedException {
    Map<TopicPartition, OffsetAndMetadata> read =
        answer(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata());
    int members = members(admin, group);
    if (members == 0) {
      findings.warning(
          "services",
          "no " + service + " service reads " + topic,
          "start one; requests are kept until then");
    } else {
      findings.ok("services", count(members, service + " service") + " at " + topic);
    }
    Map<TopicPartition, OffsetSpec> ends =
        read.entrySet().stream()
            .filter(entry -> entry.getValue() != null)
            .collect(Collectors.toMap(Map.Entry::getKey, _ -> OffsetSpec.latest()));
    long waiting = 0;
    for (var end : answer(admin.listOffsets(ends).all()).entrySet()) {
      waiting += end.getValue().offset() - Objects.requireNonNull(read.get(end.getKey())).offset();
    }
    if (waiting > 0) {
      findings.warning(
          "services",
          count(waiting, "request") + " in " + topic + " not read yet",
          "look again; if it is still so, see the " + service + " service's log");
    }
  }

  private static int members(Admin admin, String group) throws InterruptedException {
    try {
      return answer(admin.describeConsumerGroups(List.of(group)).all()).values().stream()
          .mapToInt(description -> description.members().size())
          .sum();
    } catch (GroupIdNotFoundException e) {
      return 0;
    }
  }

  private static ConfigResource resource(Topic topic) {
    return new ConfigResource(ConfigResource.Type.TOPIC, topic.name());
  }

  private static String count(long count, String what) {
    return count + " " + what + (count == 1 ? "" : "s");
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
