package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.event.Fact.TerminalFact;
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
import io.hybridbackup.restore.Journal.Preparing;
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
    Journal theirs = journal(UNDONE, 1);
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
                        : new Settings.Media(folder.resolve(media), List.of(), false)),
                1))
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

  /** With no folder before the restore that is undone, or one; and killed once on its way. */
  @ParameterizedTest
  @CsvSource({"false, false", "true, false", "true, true"})
  void shouldWaitForADiskThatIsAway(boolean existed, boolean killed) throws Exception {
    // given
    Path disk = Files.createDirectory(folder.toRealPath().resolve("disk"));
    Path target = Files.createDirectory(disk.resolve("target"));
    Path kept = disk.resolve("kept");
    if (existed) {
      Files.writeString(Files.createDirectory(kept).resolve("mine"), "mine");
    }
    Exchange.Folders folders =
        new Exchange.Folders(target.toString(), false, existed, kept.toString(), null, false);
    Journal theirs = journal(UNDONE, 1);
    assertThat(
            theirs.append(
                new Begun(1, new Exchange(null, folders), null, null, null, Map.of(), List.of())))
        .isTrue();
    if (killed) {
      Exchange.Folders undoing = MediaTarget.planUndoing(UNDO, folders);
      assertThat(journal(UNDO, 1).append(new Preparing(1, undoing))).isTrue();
      Path gate = Files.createDirectory(disk.resolve(".target.restore-" + UNDO + "-1"));
      Files.move(kept, gate.resolve("next"));
    }
    Files.move(disk, folder.resolve("away"));
    Files.createDirectory(disk);
    Settings.Target configured =
        new Settings.Target(null, new Settings.Media(target, List.of(), false));

    // when
    assertThatThrownBy(() -> undo(configured, 2))
        // then
        .isInstanceOfSatisfying(
            ComponentFailure.class,
            failure -> {
              assertThat(failure.code()).isEqualTo(FailureCode.MEDIA_MISSING);
              assertThat(failure.retryable()).isTrue();
            });
    assertThat(disk).isEmptyDirectory();

    // when
    Files.delete(disk);
    Files.move(folder.resolve("away"), disk);
    TerminalFact end = undo(configured, 3);

    // then
    assertThat(end).isInstanceOf(RestoreCompleted.class);
    if (existed) {
      assertThat(target.resolve("mine")).hasContent("mine");
    } else {
      assertThat(target).doesNotExist();
    }
  }

  private Journal journal(RunId run, int epoch) throws InterruptedException {
    Journal journal =
        new Journal(runs.decisions(), run, TestWork.on(run, Component.RESTORE, epoch));
    journal.take();
    return journal;
  }

  private TerminalFact undo(Settings.Target target, int epoch)
      throws ComponentFailure, InterruptedException {
    Settings settings =
        TestSettings.of(
            folder,
            Duration.ofSeconds(10),
            TestSettings.TOOLS,
            Map.of(new TargetName("standby"), target));
    try (NativeTools tools = new NativeTools()) {
      return new Restoration(settings, runs, TestPublisher.to(_ -> {}), tools, Clock.systemUTC())
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
              TestWork.on(UNDO, Component.RESTORE, epoch));
    }
  }
}
