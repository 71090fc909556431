package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.Claim;
import io.hybridbackup.common.job.Outcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.TestWork;
import io.hybridbackup.common.messaging.TestPublisher;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.restore.Journal.Begun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a restore of eight days ago has replaced is removed after seven. */
class KeptRemovalTest {
  private static final RunId RUN = RunId.ofRequest("/test", "restore");
  private static final Origin ORIGIN = new Origin(Component.RESTORE, 0, 1, 1);
  private static final ArchiveName ARCHIVE = new ArchiveName("backup_20260111_020000");
  private static final Instant ENDED = Instant.parse("2026-01-11T03:00:00Z");

  @TempDir private Path folder;
  private final NativeTools tools = new NativeTools();
  private final Runs runs = new Runs(new InMemoryObjectStore(InstantSource.system(), true));
  private Path disk;
  private Path kept;

  @BeforeEach
  void plant() throws IOException {
    disk = Files.createDirectory(folder.toRealPath().resolve("disk"));
    Files.createDirectory(disk.resolve("storage"));
    kept = Files.createDirectory(disk.resolve("storage_before_" + RUN));
    Files.writeString(kept.resolve("mine"), "mine");
  }

  @AfterEach
  void closeTools() {
    tools.close();
  }

  @Test
  void shouldNotTakeWhatCannotBeSeenForRemoved() throws Exception {
    // given
    end(null);
    KeptRemoval removal = removal();
    Files.move(disk, folder.resolve("away"));
    Files.createDirectory(disk);

    // when
    removal.removeAll();

    // then
    assertThat(isKept()).isTrue();

    // when
    Files.delete(disk);
    Files.move(folder.resolve("away"), disk);
    removal.removeAll();

    // then
    assertThat(kept).doesNotExist();
    assertThat(disk.resolve("storage")).isDirectory();
    assertThat(isKept()).isFalse();
  }

  @Test
  void shouldForgetWhatHasBeenRemovedByHand() throws Exception {
    // given
    end(null);
    Files.delete(kept.resolve("mine"));
    Files.delete(kept);

    // when
    removal().removeAll();

    // then
    assertThat(isKept()).isFalse();
  }

  @Test
  void shouldWaitForTheDatabaseThatTheConfigurationDoesNotNameAnyMore() throws Exception {
    // given
    end(new Exchange.Databases("edms", 1L, "edms_before", 2L, "scratch", false));

    // when
    removal().removeAll();

    // then
    assertThat(isKept()).isTrue();
    assertThat(kept).isDirectory();
  }

  private boolean isKept() {
    return runs.store().find(RunKeys.kept(RUN)).isPresent();
  }

  private void end(Exchange.@Nullable Databases databases) throws InterruptedException {
    Set<Component> components = Set.of(Component.DATABASE, Component.MEDIA);
    Claim _ =
        runs.answer(
            RUN,
            new Claim(
                new Announcement(
                    new RestoreStarted(
                        RUN, "edms", "standby", ORIGIN, ARCHIVE, components, null, null, null),
                    ENDED),
                ENDED));
    Journal journal = new Journal(runs.decisions(), RUN, TestWork.on(RUN, Component.RESTORE, 1));
    journal.take();
    Exchange.Folders folders =
        new Exchange.Folders(
            disk.resolve("storage").toString(), false, true, kept.toString(), null, false);
    assertThat(
            journal.append(
                new Begun(
                    1, new Exchange(databases, folders), null, null, null, Map.of(), List.of())))
        .isTrue();
    assertThat(runs.store().create(RunKeys.kept(RUN), new byte[0])).isTrue();
    RestoreCompleted completed =
        new RestoreCompleted(
            RUN,
            "edms",
            "standby",
            ORIGIN,
            ARCHIVE,
            components,
            null,
            null,
            null,
            Map.of(),
            List.of(),
            null,
            kept.toString(),
            null,
            null,
            null);
    Outcome _ =
        runs.decisions()
            .decide(RunKeys.outcome(RUN), new Outcome(new Announcement(completed, ENDED), 0));
  }

  private KeptRemoval removal() {
    Settings settings =
        TestSettings.of(
            folder,
            Duration.ofSeconds(10),
            TestSettings.TOOLS,
            Map.of(
                new TargetName("standby"),
                new Settings.Target(
                    null, new Settings.Media(disk.resolve("storage"), List.of(), false))));
    return new KeptRemoval(
        runs,
        new Restoration(settings, runs, TestPublisher.to(_ -> {}), tools, Clock.systemUTC()),
        settings,
        Clock.fixed(ENDED.plus(Duration.ofDays(8)), ZoneOffset.UTC));
  }
}
