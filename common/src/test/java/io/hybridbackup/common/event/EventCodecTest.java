package io.hybridbackup.common.event;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Request.BackupRequested;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.json.Json;
import java.nio.charset.StandardCharsets;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

class EventCodecTest {
  private static final String CONSOLE_LINE =
      "{'specversion':'1.0','type':'io.hybridbackup.BackupRequested.v1','source':'/console',"
          + "'id':'1','data':{'source':'edms'}}";

  static List<Event> everyEvent() {
    return EventSamples.all();
  }

  @ParameterizedTest
  @MethodSource("everyEvent")
  void shouldReadWhatItHasWritten(Event event) {
    Envelope envelope = EventSamples.envelope(event);

    assertThat(EventCodec.read(EventCodec.write(envelope), List.of())).isEqualTo(envelope);
  }

  @ParameterizedTest
  @MethodSource("everyEvent")
  void shouldKeepAnEnvelopeByteForByteWithinAnotherRecord(Event event) {
    record Stored(Envelope announced) {}
    Stored stored = new Stored(EventSamples.envelope(event));

    Stored found = Json.read(Json.write(stored), Stored.class);

    assertThat(EventCodec.write(found.announced())).isEqualTo(EventCodec.write(stored.announced()));
  }

  @Test
  void shouldReadALineFromAConsoleProducer() {
    Envelope envelope = read(CONSOLE_LINE);

    assertThat(envelope)
        .isEqualTo(
            new Envelope("1", "/console", null, null, new BackupRequested("edms", null, null)));
    assertThat(envelope.runOfRequest("t", 0, 7)).isEqualTo(RunId.ofRequest("/console", "1"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {"'id':'1',|", "'id':'1'|'id':' '", "'id':'1'|'id':null", "'source':'/console',|"})
  void shouldNameTheRunByItsPlaceInKafkaWhenTheRequestHasNoUsableId(String is, String becomes) {
    String line = CONSOLE_LINE.replace(is, becomes == null ? "" : becomes);

    assertThat(read(line).runOfRequest("t", 0, 7)).isEqualTo(RunId.ofRecord("t", 0, 7));
  }

  @Test
  void shouldReadBinaryMode() {
    List<Header> headers =
        List.of(
            header("ce_specversion", "1.0"),
            header("ce_type", "io.hybridbackup.BackupRequested.v1"),
            header("ce_id", "1"),
            header("ce_source", "/cron"),
            header("ce_time", "2026-01-11T04:00:00.125+02:00"),
            header("content-type", "application/json; charset=utf-8"));
    byte[] value = json("{'source':'edms','components':['media'],'later':1}");

    assertThat(EventCodec.read(value, headers))
        .isEqualTo(
            new Envelope(
                "1",
                "/cron",
                EventSamples.TIME,
                null,
                new BackupRequested("edms", Set.of(Component.MEDIA), null)));
  }

  @Test
  void shouldReadStructuredModeByItsContentType() {
    List<Header> headers =
        List.of(header("content-type", "application/cloudevents+json; charset=UTF-8"));

    assertThat(EventCodec.read(json(CONSOLE_LINE), headers).source()).isEqualTo("/console");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "'specversion':'1.0',       | |                        attribute 'specversion' is missing",
        "'1.0'                      | '0.3'                  | specversion '0.3' is not understood",
        "BackupRequested            | BackupWished           | BackupWished.v1' is not known",
        "'id':'1'                   | 'id':1                 | 'id' must be a text in quotes, not 1",
        "'id':'1'                   | 'id':'1','time':'noon' | time 'noon' must be an ISO 8601 time",
        "'data':{'source':'edms'}   | 'x':0                  | data is missing",
        "{'source':'edms'}          | []                     | data must be an object",
        "'source':'edms'            | 'sauce':'edms'         | data.source is missing; it must be",
        "'edms'                     | 5                      | data.source must be a text in quotes",
        "'edms'                     | 'e','components':'all' | data.components must be a list of",
        "'edms'                     | 'e','components':['x'] | data.components[0]: 'x' is not a comp",
        "'edms'                     | 'e','components':['packager'] | use \"database\" and \"media\"",
        "'data':                    | 'data_base64':'','x':  | data_base64 is not understood",
        "'id':'1'                   | 'id':'1','id':'2'      | Duplicate property",
        "'id':'1'                   | 'id':'1','datacontenttype':'text/xml' | 'text/xml' is not",
      })
  void shouldSayWhatIsWrong(String is, String becomes, String reason) {
    String line = CONSOLE_LINE.replace(is, becomes == null ? "" : becomes);

    assertThatThrownBy(() -> read(line))
        .isInstanceOf(UnreadableEventException.class)
        .hasMessageContaining(reason);
  }

  @Test
  void shouldSayThatBytesAreNotJson() {
    assertThatThrownBy(() -> EventCodec.read(new byte[] {0, 1, 2}, List.of()))
        .isInstanceOf(UnreadableEventException.class)
        .hasMessageContaining("the value is not readable JSON");
    assertThatThrownBy(() -> EventCodec.read(new byte[0], List.of()))
        .isInstanceOf(UnreadableEventException.class);
    assertThatThrownBy(() -> EventCodec.read(null, List.of()))
        .isInstanceOf(UnreadableEventException.class)
        .hasMessageContaining("has no value");
  }

  @Test
  void shouldNotTakeAFactWithoutAnId() {
    String fact = new String(EventCodec.write(completed()), StandardCharsets.UTF_8);

    assertThatThrownBy(() -> read(fact.replaceFirst("\"id\":\"[^\"]*\",", "")))
        .isInstanceOf(UnreadableEventException.class)
        .hasMessageContaining("'id' is missing");
  }

  @Test
  void shouldNotTakeAFactThatLacksANumber() {
    String fact = new String(EventCodec.write(completed()), StandardCharsets.UTF_8);

    assertThatThrownBy(() -> read(fact.replace("\"sequence\":3", "\"sequel\":3")))
        .isInstanceOf(UnreadableEventException.class)
        .hasMessageContaining("data.origin.sequence is missing; it must be a whole number");
  }

  @Test
  void shouldGiveAFactTheSameIdEveryTime() {
    Envelope envelope = completed();

    assertThat(envelope.id())
        .isEqualTo(EventSamples.RUN + ".1.packager.2.3.BackupCompleted")
        .isEqualTo(completed().id());
    assertThat(envelope.source()).isEqualTo("/hybrid-backup/packager");
    assertThat(envelope.subject()).isEqualTo("edms");
  }

  @Test
  void shouldWriteDataThatEveryLanguageReads() {
    JsonNode data = completed().toJson().get("data");

    assertThat(data.get("durationSeconds").toString()).isEqualTo("{\"dump\":12.482}");
    assertThat(data.get("backupId").stringValue()).isEqualTo(EventSamples.RUN.value());
    assertThat(data.has("run")).isFalse();
    assertThat(data.get("archiveBytes").isIntegralNumber()).isTrue();
  }

  @Test
  void shouldWriteComponentsInOneOrder() {
    Set<Component> backwards = EnumSet.of(Component.MEDIA, Component.DATABASE);

    JsonNode data =
        Json.mapper().valueToTree(new BackupRequested("edms", Set.copyOf(backwards), null));

    assertThat(data.get("components").toString()).isEqualTo("[\"database\",\"media\"]");
  }

  private static Envelope completed() {
    return EventSamples.full().stream()
        .filter(BackupCompleted.class::isInstance)
        .map(EventSamples::envelope)
        .findFirst()
        .orElseThrow();
  }

  private static Envelope read(String line) {
    return EventCodec.read(json(line), List.of());
  }

  private static byte[] json(String text) {
    return text.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
  }

  private static Header header(String name, String value) {
    return new RecordHeader(name, value.getBytes(StandardCharsets.UTF_8));
  }
}
