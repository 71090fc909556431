package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.hybridbackup.common.event.Fact.BackupCancelled;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupFailed;
import io.hybridbackup.common.event.Fact.BackupRejected;
import io.hybridbackup.common.event.Fact.BackupStarted;
import io.hybridbackup.common.event.Fact.ComponentFailed;
import io.hybridbackup.common.event.Fact.DatabaseSnapshotTaken;
import io.hybridbackup.common.event.Fact.MediaSyncCompleted;
import io.hybridbackup.common.event.Fact.RestoreFailed;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.deploy.Installation.Misbehaviour;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Disks that are full, time that has run out, and sources whose turn it is not. */
@Timeout(120)
class LimitsIT {
  private static final Duration DEADLINE = Duration.ofSeconds(15);

  /** Megabytes that are left. */
  private static final int STORE = 24;

  private static final int STAGING = 12;

  @TempDir private static Path folder;

  private static PostgresTestServer postgres;
  private static Installation installation;
  private static Optional<SmallDisk> store = Optional.empty();
  private static Optional<SmallDisk> data = Optional.empty();

  @BeforeAll
  static void start() throws Exception {
    postgres = PostgresTestServer.start();
    Sample.createDatabase(postgres, "edms");
    if (Commands.root()) {
      store = Optional.of(SmallDisk.mount(folder.resolve("store")));
      data = Optional.of(SmallDisk.mount(folder.resolve("data")));
    }
    Files.createFile(Files.createDirectory(folder.resolve("empty-file")).resolve("empty"));
    Files.createDirectory(folder.resolve("many"));
    for (String name : List.of("files", "growing", "changing", "storage")) {
      Files.createDirectory(folder.resolve(name));
      Path _ = grow(name, "note", 1);
    }
    Settings.Media storage = media("storage");
    installation =
        Installation.start(
            folder,
            postgres,
            new Settings.Jobs(
                Duration.ofSeconds(3),
                Duration.ofMillis(300),
                DEADLINE,
                2,
                Duration.ofSeconds(5),
                4,
                Settings.WhenBusy.REJECT,
                Duration.ofHours(1),
                true,
                5),
            Map.of(
                new SourceName("edms"),
                new Settings.Source(postgres.settings("edms"), storage, null),
                new SourceName("files"),
                new Settings.Source(postgres.settings("edms"), media("files"), null),
                new SourceName("growing"),
                new Settings.Source(null, media("growing"), null),
                new SourceName("changing"),
                new Settings.Source(null, media("changing"), null),
                new SourceName("many"),
                new Settings.Source(null, media("many"), null),
                new SourceName("empty-file"),
                new Settings.Source(null, media("empty-file"), null)),
            Map.of(
                new TargetName("standby"),
                new Settings.Target(postgres.settings("standby"), media("standby"))));
  }

  @AfterAll
  static void stop() {
    installation.close();
    store.ifPresent(SmallDisk::close);
    data.ifPresent(SmallDisk::close);
    postgres.close();
  }

  @AfterEach
  void shouldGoOnWithTheNextRequest() throws IOException {
    installation.pgDump(Misbehaviour.NONE);
    installation.pgRestore(Misbehaviour.NONE);
    store.ifPresent(SmallDisk::enlarge);
    data.ifPresent(SmallDisk::enlarge);
    installation.console.awaitEnd(installation.console.backup("edms"), BackupCompleted.class);
    installation.assertTidy();
  }

  /** More than there is room for; and what there is room for, but not for an archive as well. */
  @ParameterizedTest
  @ValueSource(ints = {2 * STORE, STORE * 2 / 3})
  void shouldFailWhenTheStoreIsFullAndSucceedWhenThereIsRoomAgain(int megabytes)
      throws IOException {
    SmallDisk disk = store.orElse(null);
    assumeTrue(disk != null, "only root can mount a small disk");
    // given
    int before = installation.backups("files").size();
    Path scan = grow("files", "scan", megabytes);
    disk.leave(STORE);

    // when
    RunId run = installation.console.backup("files");

    // then
    BackupFailed failed = installation.console.awaitEnd(run, BackupFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.STORE_REFUSED);
    assertThat(failed.message()).contains(installation.store().toString(), "make room there");
    installation.assertTidy();
    assertThat(installation.backups("files")).hasSize(before);

    // when
    disk.enlarge();
    RunId next = installation.console.backup("files");

    // then
    installation.console.awaitEnd(next, BackupCompleted.class);
    assertThat(installation.backups("files")).hasSize(before + 2);
    Files.delete(scan);
  }

  @Test
  void shouldFailWhenTheStagingDiskIsFullAndSucceedWhenTheSourceHasShrunkOrThereIsRoomAgain()
      throws IOException {
    SmallDisk disk = data.orElse(null);
    assumeTrue(disk != null, "only root can mount a small disk");
    // given
    for (int n = 1; n <= 6; n++) {
      Path _ = grow("growing", n + ".scan", STAGING / 3);
    }
    disk.leave(STAGING);

    // when
    RunId run = installation.console.backup("growing");

    // then
    assertStagingIsFull(run, "growing");
    assertThat(folder.resolve("data/staging/growing/tree")).isEmptyDirectory();

    // when
    for (int n = 1; n <= 4; n++) {
      Files.delete(folder.resolve("growing/" + n + ".scan"));
    }
    RunId shrunk = installation.console.backup("growing");

    // then
    installation.console.awaitEnd(shrunk, BackupCompleted.class);

    // when
    Path _ = grow("growing", "0.scan", 1);
    Path _ = grow("growing", "7.scan", STAGING);
    RunId grown = installation.console.backup("growing");

    // then
    assertStagingIsFull(grown, "growing");
    assertThat(folder.resolve("data/staging/growing/tree").toFile().list())
        .containsExactlyInAnyOrder("5.scan", "6.scan", "note");

    // when
    disk.enlarge();
    RunId next = installation.console.backup("growing");

    // then
    installation.console.awaitEnd(next, BackupCompleted.class);
    assertThat(installation.backups("growing")).hasSize(4);
  }

  @Test
  void shouldBringACopyUpToDateThatHasNoRoomForASecondOne() throws IOException {
    SmallDisk disk = data.orElse(null);
    assumeTrue(disk != null, "only root can mount a small disk");
    // given
    for (int n = 1; n <= 6; n++) {
      Path _ = grow("changing", n + ".scan", STAGING / 3);
    }
    Files.createLink(folder.resolve("changing/7.scan"), folder.resolve("changing/6.scan"));
    installation.console.awaitEnd(installation.console.backup("changing"), BackupCompleted.class);
    disk.leave(STAGING / 2);
    for (int n = 1; n <= 5; n++) {
      Path scan = folder.resolve("changing").resolve(n + ".scan");
      byte[] content = Files.readAllBytes(scan);
      content[0]++;
      Files.write(scan, content);
    }

    // when
    RunId run = installation.console.backup("changing");

    // then
    installation.console.awaitEnd(run, BackupCompleted.class);
  }

  @Test
  void shouldNotBeginAFirstCopyThatHasTooFewInodes() throws IOException {
    SmallDisk disk = data.orElse(null);
    assumeTrue(disk != null, "only root can mount a small disk");
    // given
    for (int n = 0; n < 300; n++) {
      Files.createFile(folder.resolve("many/" + n));
    }
    disk.leaveInodes(250);

    // when
    RunId run = installation.console.backup("many");

    // then
    assertStagingIsFull(run, "many");
    assertThat(installation.console.awaitEnd(run, BackupFailed.class).message())
        .contains("300 inodes");
    assertThat(folder.resolve("data/staging/many/tree")).isEmptyDirectory();
    disk.enlarge();
    installation.console.awaitEnd(installation.console.backup("many"), BackupCompleted.class);
  }

  @Test
  void shouldSayThatTheStagingDiskIsFullThoughAllThereIsToStageIsAnEmptyFile() throws IOException {
    SmallDisk disk = data.orElse(null);
    assumeTrue(disk != null, "only root can mount a small disk");
    // given
    disk.leave(STAGING);
    Path other = folder.resolve("data/other");
    assertThatThrownBy(() -> Files.write(other, new byte[(2 * STAGING) << 20]))
        .hasMessageContaining("No space left");

    // when
    RunId run = installation.console.backup("empty-file");

    // then
    assertStagingIsFull(run, "empty-file");
    Files.delete(other);
    installation.console.awaitEnd(installation.console.backup("empty-file"), BackupCompleted.class);
  }

  @Test
  void shouldFailAtItsDeadlineAndSayWhatIsMissing() throws IOException {
    // given
    installation.pgDump(Misbehaviour.STALLS);
    int before = installation.backups("edms").size();

    // when
    RunId run = installation.console.backup("edms");

    // then
    installation.console.await(run, MediaSyncCompleted.class);
    BackupFailed failed = installation.console.awaitEnd(run, BackupFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.DEADLINE);
    assertThat(failed.missing()).containsExactly(Component.DATABASE);
    installation.assertTidy();
    assertThat(installation.backups("edms")).hasSize(before);
  }

  @Test
  void shouldNotTouchTheTargetWhenARestoreMissesItsDeadline() throws IOException {
    // given
    String archive =
        installation
            .console
            .awaitEnd(installation.console.backup("edms"), BackupCompleted.class)
            .archive()
            .value();
    installation.pgRestore(Misbehaviour.STALLS);

    // when
    RunId run = installation.console.restore("edms", archive, "standby");

    // then
    RestoreFailed failed = installation.console.awaitEnd(run, RestoreFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.DEADLINE);
    assertThat(failed.rolledBack()).isTrue();
    installation.assertTidy();
    installation.assertUntouched(postgres, "standby");
    assertThat(folder.resolve("standby")).doesNotExist();
  }

  @Test
  void shouldRejectABackupOfASourceThatIsBusyWhenToldTo() throws IOException {
    // given
    installation.pgDump(Misbehaviour.STALLS);
    RunId first = installation.console.backup("edms");
    installation.console.await(first, DatabaseSnapshotTaken.class);

    // when
    RunId second = installation.console.backup("edms");

    // then
    BackupRejected rejected = installation.console.awaitEnd(second, BackupRejected.class);
    assertThat(rejected.code()).isEqualTo(FailureCode.BUSY);
    assertThat(rejected.reason()).contains("'edms'", "ask again later");
    assertThat(installation.console.facts(second, BackupStarted.class)).isEmpty();
    installation.console.request(
        "BackupCancelRequested", "{\"backupId\":\"%s\",\"source\":\"edms\"}".formatted(first));
    installation.console.awaitEnd(first, BackupCancelled.class);
  }

  private static void assertStagingIsFull(RunId run, String media) {
    BackupFailed failed = installation.console.awaitEnd(run, BackupFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.DISK_FULL);
    assertThat(failed.message()).contains(folder.resolve(media).toString(), "data-directory");
    assertThat(installation.console.facts(run, ComponentFailed.class))
        .singleElement()
        .satisfies(component -> {
          assertThat(component.code()).isEqualTo(FailureCode.DISK_FULL);
          assertThat(component.willRetry()).isFalse();
        });
    installation.assertTidy();
  }

  private static Settings.Media media(String name) {
    return new Settings.Media(folder.resolve(name), List.of(), false);
  }

  /** A new file that does not compress. */
  private static Path grow(String media, String name, int megabytes) throws IOException {
    byte[] content = new byte[megabytes << 20];
    new Random(megabytes).nextBytes(content);
    return Files.write(folder.resolve(media).resolve(name), content);
  }
}
