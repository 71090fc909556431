package io.hybridbackup.common.event;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.networknt.schema.Schema;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.messaging.Topic;
import io.hybridbackup.common.messaging.Topics;
import io.hybridbackup.common.testing.JsonSchemas;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.common.config.TopicConfig;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/** Holds the code to the written contract: the JSON Schemas and the AsyncAPI document. */
class ContractTest {
  private static final String CONTRACT = "/io/hybridbackup/contract/";

  static List<EventType> everyType() {
    return EventType.all();
  }

  static List<Event> everyEvent() {
    return EventSamples.all();
  }

  @Test
  void shouldHaveTwoSamplesOfEveryType() {
    Map<EventType, Long> samples =
        EventSamples.all().stream()
            .collect(Collectors.groupingBy(EventType::of, Collectors.counting()));

    assertThat(samples).containsOnlyKeys(EventType.all());
    assertThat(samples.values()).containsOnly(2L);
  }

  @ParameterizedTest
  @MethodSource("everyEvent")
  void shouldPublishOnlyWhatTheSchemaAllows(Event event) {
    Envelope envelope = EventSamples.envelope(event);
    String json = Json.mapper().writeValueAsString(envelope.toJson());

    assertThat(JsonSchemas.load(CONTRACT + "CloudEvent.v1.json").validate(envelope.toJson()))
        .as(json)
        .isEmpty();
    assertThat(schema(envelope.type()).validate(envelope.toJson().get("data"))).as(json).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("everyType")
  void shouldHaveTheFieldsOfTheSchemaAndNoOthers(EventType type) {
    JsonNode schema = schema(type).getSchemaNode();

    assertThat(schema.get("properties").propertyNames())
        .containsExactlyElementsOf(fields(type).map(JsonName::of).toList());
    assertThat(schema.get("required").valueStream().map(JsonNode::stringValue))
        .containsExactlyElementsOf(
            fields(type)
                .filter(field -> !field.getAnnotatedType().isAnnotationPresent(Nullable.class))
                .map(JsonName::of)
                .toList());
  }

  @ParameterizedTest
  @MethodSource("everyType")
  void shouldRefuseDataThatLacksAnything(EventType type) {
    Envelope envelope =
        EventSamples.spare().stream()
            .map(EventSamples::envelope)
            .filter(one -> one.type().equals(type))
            .findFirst()
            .orElseThrow();
    JsonNode data = envelope.toJson().get("data");

    for (String field : List.copyOf(data.propertyNames())) {
      JsonNode lacking = ((ObjectNode) data.deepCopy()).remove(List.of(field));
      assertThat(schema(type).validate(lacking)).as("without " + field).isNotEmpty();
    }
  }

  @Test
  void shouldHoldFieldsToTheTypesThatTheyShare() {
    ObjectNode data = Json.mapper().valueToTree(EventSamples.mediaPrepared(EventSamples.RUN));
    EventType type = EventType.of(EventSamples.mediaPrepared(EventSamples.RUN));

    assertThat(schema(type).validate(data)).isEmpty();
    assertThat(schema(type).validate(data.deepCopy().put("backupId", "7"))).isNotEmpty();
    assertThat(schema(type).validate(data.deepCopy().put("origin", "media"))).isNotEmpty();
  }

  @Test
  void shouldRefuseAFactWithoutAnIdAndTakeARequestWithoutOne() {
    Schema envelope = JsonSchemas.load(CONTRACT + "CloudEvent.v1.json");

    assertThat(
            envelope.validate(
                json(
                    "{'specversion':'1.0','type':'io.hybridbackup."
                        + "BackupRequested.v1','data':{'source':'edms'}}")))
        .isEmpty();
    assertThat(envelope.validate(withoutId(EventSamples.mediaPrepared(EventSamples.RUN))))
        .isNotEmpty();
  }

  @Test
  void shouldNameEveryFailureInTheSchema() {
    JsonNode codes = read("types.v1.json").at("/$defs/failureCode/enum");

    assertThat(codes.valueStream().map(JsonNode::stringValue))
        .containsExactlyElementsOf(Arrays.stream(FailureCode.values()).map(Enum::name).toList());
  }

  @Test
  void shouldDescribeEveryTopicInAsyncApi() {
    Map<String, Map<String, String>> described = new TreeMap<>();
    for (JsonNode channel : asyncApi().get("channels")) {
      JsonNode settings = channel.at("/bindings/kafka/topicConfiguration");
      Map<String, String> values = new TreeMap<>();
      values.put(TopicConfig.CLEANUP_POLICY_CONFIG, settings.at("/cleanup.policy/0").stringValue());
      if (settings.has(TopicConfig.RETENTION_MS_CONFIG)) {
        values.put(
            TopicConfig.RETENTION_MS_CONFIG,
            Long.toString(settings.get(TopicConfig.RETENTION_MS_CONFIG).longValue()));
      }
      described.put(channel.get("address").stringValue(), values);
    }

    assertThat(described)
        .isEqualTo(
            Topics.all().stream()
                .collect(Collectors.toMap(Topic::name, topic -> topic.policy().settings())));
  }

  @Test
  void shouldDescribeEveryTypeInTheChannelThatItTravels() {
    JsonNode api = asyncApi();
    for (Event event : EventSamples.full()) {
      EventType type = EventType.of(event);
      String name = type.data().getSimpleName();
      JsonNode message = api.at("/components/messages/" + name);
      Set<String> channels =
          api.get("channels")
              .valueStream()
              .filter(channel -> channel.get("messages").has(name))
              .map(channel -> channel.get("address").stringValue())
              .collect(Collectors.toSet());

      assertThat(message.path("name").stringValue("")).isEqualTo(type.name());
      assertThat(message.at("/payload/schema/allOf/1/properties/data/$ref").stringValue(""))
          .isEqualTo("./" + name + ".v1.json");
      assertThat(channels).containsExactly(Topics.of(event).name());
    }
  }

  @Test
  void shouldReferToNothingThatIsNotThereInAsyncApi() {
    JsonNode api = asyncApi();

    assertThat(api.get("asyncapi").stringValue()).isEqualTo("3.0.0");
    for (JsonNode reference : api.findValues("$ref")) {
      String to = reference.stringValue();
      if (to.startsWith("#")) {
        assertThat(api.at(to.substring(1)).isMissingNode()).as(to).isFalse();
      } else {
        assertThat(getClass().getResource(CONTRACT + to.substring(2))).as(to).isNotNull();
      }
    }
  }

  private static Stream<RecordComponent> fields(EventType type) {
    return Arrays.stream(type.data().getRecordComponents());
  }

  private static Schema schema(EventType type) {
    return JsonSchemas.load(CONTRACT + type.data().getSimpleName() + ".v1.json");
  }

  private static JsonNode withoutId(Event event) {
    JsonNode json = EventSamples.envelope(event).toJson();
    ((ObjectNode) json).remove("id");
    return json;
  }

  private static JsonNode json(String text) {
    return Json.mapper().readTree(text.replace('\'', '"'));
  }

  private static JsonNode read(String name) {
    try (InputStream in = open(name)) {
      return Json.mapper().readTree(in);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static JsonNode asyncApi() {
    try (InputStream in = open("asyncapi.yaml")) {
      return YAMLMapper.builder().build().readTree(in);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static InputStream open(String name) {
    return requireNonNull(ContractTest.class.getResourceAsStream(CONTRACT + name));
  }
}
