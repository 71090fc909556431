package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.archive.PartObjects;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupStarted;
import io.hybridbackup.common.event.Fact.TerminalFact;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.PartOutcome;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.settings.ServiceProgram;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.settings.SettingsFile;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.ObjectStores;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.KafkaTestServer;
import io.hybridbackup.common.testing.TopicConsole;
import io.hybridbackup.mediasync.MediaSyncConfiguration;
import io.hybridbackup.packager.PackagerConfiguration;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.context.ConfigurableApplicationContext;

/** A service that is killed in the middle of packing, and another that goes on from there. */
@Timeout(180)
class ResumedPackingIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir private Path folder;

  @Test
  void shouldGoOnFromTheLastWholeObjectOfAServiceThatWasKilled() throws Exception {
    plant(folder.resolve("storage"));
    try (KafkaTestServer kafka = KafkaTestServer.start();
        TopicConsole console = new TopicConsole(kafka.bootstrapServers())) {
      Path config = Files.writeString(folder.resolve("hybrid-backup.yaml"), settings(kafka));
      Settings settings = SettingsFile.read(config);
      try (ObjectStore store = ObjectStores.open(settings.objectStore());
          ConfigurableApplicationContext _ = run(settings, PackagerConfiguration.class);
          RunningProgram killed =
              RunningProgram.service("media-sync", config, folder.resolve("media-sync.log"))
                  .awaitReady()) {
        Runs runs = new Runs(store);

        // given
        RunId run = console.backup("edms");
        ObjectKey first = RunKeys.work(run, 1, Component.MEDIA, 1);
        await()
            .atMost(PATIENCE)
            .pollInterval(Duration.ofMillis(5))
            .until(() -> PartObjects.lastCheckpoint(store, first).isPresent());

        // when
        killed.kill();
        List<StoredObject> whole =
            store.list(first.value()).stream()
                .filter(object -> object.key().name().startsWith("part-"))
                .toList();
        assertThat(whole).as("it is killed before it has packed all").hasSize(1);
        assertThat(runs.decisions().isMade(RunKeys.part(run, 1, Component.MEDIA))).isFalse();
        try (ConfigurableApplicationContext _ = run(settings, MediaSyncConfiguration.class)) {

          // then
          BackupCompleted completed = console.awaitEnd(run, BackupCompleted.class, PATIENCE);
          PartOutcome.Committed part =
              (PartOutcome.Committed)
                  runs.decisions().find(RunKeys.part(run, 1, Component.MEDIA)).orElseThrow();
          assertThat(part.epoch()).isEqualTo(2);
          List<Slice> content = part.inventory().content();
          assertThat(content)
              .filteredOn(slice -> slice.object().equals(whole.getFirst().key()))
              .singleElement()
              .satisfies(slice -> {
                assertThat(slice.etag()).isEqualTo(whole.getFirst().etag());
                assertThat(slice.bytes()).isEqualTo(whole.getFirst().bytes());
              });
          String second = RunKeys.work(run, 1, Component.MEDIA, 2).value() + "/";
          long all = content.stream().mapToLong(Slice::bytes).sum();
          assertThat(
                  content.stream()
                      .filter(slice -> slice.object().value().startsWith(second))
                      .mapToLong(Slice::bytes)
                      .sum())
              .as("what was uploaded again or anew")
              .isEqualTo(all - whole.getFirst().bytes());
          assertThat(console.facts(run, BackupStarted.class)).hasSize(1);
          assertThat(console.facts(run, TerminalFact.class)).hasSize(1);
          assertRestorable(folder.resolve("store").resolve(completed.archiveKey()));
        }
      }
    }
  }

  private void assertRestorable(Path archive) throws IOException {
    Path unpacked = Files.createDirectory(folder.resolve("unpacked"));
    Commands.run("tar", "-xpzf", archive.toString(), "-C", unpacked.toString());
    Commands.run(
        "diff", "-r", folder.resolve("storage").toString(), unpacked.resolve("storage").toString());
  }

  private static ConfigurableApplicationContext run(Settings settings, Class<?> configuration) {
    return ServiceProgram.application(settings, configuration).registerShutdownHook(false).run();
  }

  /** Files that do not compress: one object of a part and a half. */
  private static void plant(Path media) throws IOException {
    Files.createDirectory(media);
    Random random = new Random(1);
    byte[] content = new byte[(int) (PartObjects.DEFAULT_OBJECT_BYTES / 8)];
    for (int scan = 0; scan < 12; scan++) {
      random.nextBytes(content);
      Files.write(media.resolve("scan-%02d".formatted(scan)), content);
    }
  }

  private String settings(KafkaTestServer kafka) {
    return """
    hybrid-backup:
      kafka: { bootstrap-servers: "%1$s", partitions: 1, replication-factor: 1 }
      data-directory: "%2$s/data"
      object-store: { type: filesystem, directory: "%2$s/store" }
      jobs: { lease: 2s, sweep: 300ms, deadline: 2m }
      sources:
        edms:
          media: { location: "%2$s/storage" }
    """
        .formatted(kafka.bootstrapServers(), folder);
  }
}
