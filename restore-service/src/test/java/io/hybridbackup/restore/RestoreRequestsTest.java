package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.Event;
import io.hybridbackup.common.event.EventCodec;
import io.hybridbackup.common.event.Fact.RestoreFailed;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Request.RestoreRequested;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.messaging.ReceivedRequest;
import io.hybridbackup.common.messaging.TestPublisher;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.InMemoryObjectStore;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RestoreRequestsTest {
  private static final Instant NOW = Instant.parse("2026-01-11T02:00:00Z");

  @TempDir private Path folder;
  private final Runs runs = new Runs(new InMemoryObjectStore(InstantSource.fixed(NOW), true));
  private final List<Event> published = new ArrayList<>();

  @ParameterizedTest
  @CsvSource({
    "PT-1M, , UNKNOWN_TARGET",
    "PT-1M, PT-1M, UNKNOWN_TARGET",
    "PT-61M, , STALE_REQUEST",
    "PT-61M, PT-1M, STALE_REQUEST",
    "PT-1M, PT-61M, STALE_REQUEST",
    "PT-1M, PT48H, UNKNOWN_TARGET"
  })
  void shouldRefuseWhatIsOldByItsRecordOrByItself(
      Duration record, @Nullable Duration own, FailureCode code) {
    // when
    handle(
        new RestoreRequested("edms", "latest", "standby", null, null, null, null, null),
        NOW.plus(record),
        own == null ? null : NOW.plus(own));

    // then
    assertThat(published)
        .singleElement()
        .isInstanceOfSatisfying(
            RestoreFailed.class, failed -> assertThat(failed.code()).isEqualTo(code));
  }

  private void handle(RestoreRequested request, Instant record, @Nullable Instant own) {
    new RestoreRequests(
            settings(),
            runs,
            TestPublisher.to(
                answer -> published.add(EventCodec.read(answer.value(), answer.headers()).data())),
            Clock.fixed(NOW, ZoneOffset.UTC),
            _ -> {})
        .handle(
            new ReceivedRequest(
                new Envelope("1", "/test", own, null, request),
                request,
                RunId.ofRequest("/test", "1"),
                "restore.requests.v1",
                0,
                0,
                record,
                NOW));
  }

  private Settings settings() {
    return TestSettings.of(folder, Duration.ofSeconds(10), TestSettings.TOOLS, Map.of());
  }
}
