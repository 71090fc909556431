package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.TestWork;
import io.hybridbackup.common.messaging.TestPublisher;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.restore.Journal.Begun;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class UndoTest {
  private static final RunId UNDONE = RunId.ofRequest("/test", "undone");
  private static final RunId UNDO = RunId.ofRequest("/test", "undo");

  @TempDir private Path folder;
  private final Runs runs = new Runs(new InMemoryObjectStore(InstantSource.system(), true));

  @ParameterizedTest
  @CsvSource({
    "standby, elsewhere, elsewhere in the configuration",
    "standby, , none in the configuration",
    "other, target, other in the configuration",
    ", target, none in the configuration"
  })
  void shouldTouchNothingThatTheConfigurationDoesNotNameAnyMore(
      @Nullable String database, @Nullable String media, String says) throws Exception {
    // given
    Path target = Files.createDirectory(folder.resolve("target"));
    Path kept = Files.createDirectory(folder.resolve("kept"));
    Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
    Journal theirs =
        new Journal(runs.decisions(), UNDONE, TestWork.on(UNDONE, Component.RESTORE, 1));
    theirs.take();
    Exchange exchange =
        new Exchange(
            new Exchange.Databases("standby", 1L, "kept", 2L, "scratch", false),
            new Exchange.Folders(
                target.toRealPath().toString(), false, true, kept.toString(), null, false));
    assertThat(theirs.append(new Begun(1, exchange, null, null, null, Map.of(), List.of())))
        .isTrue();

    // when
    assertThatThrownBy(() ->
            undo(
                new Settings.Target(
                    database == null
                        ? null
                        : new Settings.Database("127.0.0.1", 1, database, "nobody", null),
                    media == null
                        ? null
                        : new Settings.Media(folder.resolve(media), List.of(), false))))
        // then
        .isInstanceOfSatisfying(
            ComponentFailure.class,
            failure -> {
              assertThat(failure.code()).isEqualTo(FailureCode.INVALID_REQUEST);
              assertThat(failure.retryable()).isFalse();
            })
        .hasMessageContaining(says)
        .hasMessageContaining("configure it as it was");
    assertThat(List.of(target, kept, elsewhere)).allMatch(Files::isDirectory);
    try (var all = Files.newDirectoryStream(folder, "[!d]*")) {
      assertThat(all).containsExactlyInAnyOrder(target, kept, elsewhere);
    }
  }

  private void undo(Settings.Target target) throws ComponentFailure, InterruptedException {
    Settings settings =
        TestSettings.of(
            folder,
            Duration.ofSeconds(10),
            TestSettings.TOOLS,
            Map.of(new TargetName("standby"), target));
    try (NativeTools tools = new NativeTools()) {
      var _ =
          new Restoration(settings, runs, TestPublisher.to(_ -> {}), tools, Clock.systemUTC())
              .restore(
                  new RestoreStarted(
                      UNDO,
                      "edms",
                      "standby",
                      new Origin(Component.RESTORE, 0, 0, 1),
                      new ArchiveName("backup_20260111_020000"),
                      EnumSet.of(Component.DATABASE, Component.MEDIA),
                      null,
                      UNDONE,
                      null),
                  Instant.now().plusSeconds(60),
                  TestWork.on(UNDO, Component.RESTORE, 1));
    }
  }
}
