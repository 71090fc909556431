package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.Fact.BackupAccepted;
import io.hybridbackup.common.event.Fact.BackupCancelled;
import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupFailed;
import io.hybridbackup.common.event.Fact.TerminalFact;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.deploy.Installation.Misbehaviour;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Sources whose disk or server is slow or does not answer. */
@Timeout(180)
class StuckSourcesIT {
  private static final Logger LOG = LoggerFactory.getLogger(StuckSourcesIT.class);
  private static final Duration LEASE = Duration.ofSeconds(2);
  private static final Duration SWEEP = Duration.ofMillis(300);

  /** A run that is over has been looked at by then, and all that it has started is gone. */
  private static final Duration SOON = Duration.ofSeconds(5);

  /** Far less than a place takes to get free that something stuck holds. */
  private static final Duration HARDLY = Duration.ofSeconds(2);

  private static final List<String> MEDIA = List.of("note", "hangs", "hangs-too", "crawls");

  @TempDir private static Path sources;

  @TempDir private Path folder;

  private static PostgresTestServer postgres;

  @BeforeAll
  static void start() throws IOException {
    postgres = PostgresTestServer.start();
    postgres.createDatabase("tiny");
    for (String media : MEDIA) {
      Path file = Files.createDirectory(sources.resolve(media)).resolve("file");
      Files.write(file, new byte[1 << 20]);
    }
  }

  @AfterAll
  static void stop() {
    postgres.close();
  }

  @Test
  void shouldEndRsyncAtTheDeadlineAndWhenTheBackupIsCancelled() throws IOException {
    try (Installation installation = install(Duration.ofSeconds(6), 4, Map.of())) {
      // given
      installation.rsync(Misbehaviour.CRAWLS);
      RunId crawls = installation.console.backup("crawls");
      List<ProcessHandle> crawling =
          await()
              .pollInterval(Duration.ofMillis(20))
              .until(() -> rsyncsAt("crawls"), found -> found.size() > 1);
      installation.rsync(Misbehaviour.FREEZES);
      RunId hangs = installation.console.backup("hangs");
      ProcessHandle hanging = installation.awaitFrozen("rsync", 1).getLast();
      RunId cancelled = installation.console.backup("hangs-too");
      ProcessHandle unwanted = installation.awaitFrozen("rsync", 2).getLast();

      // when
      cancel(installation, cancelled, "hangs-too");

      // then
      installation.console.awaitEnd(cancelled, BackupCancelled.class);
      awaitGone(Stream.of(unwanted));
      assertFailedAtItsDeadline(installation, crawls);
      assertFailedAtItsDeadline(installation, hangs);
      awaitGone(Stream.concat(crawling.stream(), Stream.of(hanging)));
      installation.assertTidy();

      // when
      installation.rsync(Misbehaviour.NONE);
      List<RunId> next =
          Stream.of("crawls", "hangs", "hangs-too").map(installation.console::backup).toList();

      // then
      for (RunId run : next) {
        installation.console.awaitEnd(run, BackupCompleted.class);
      }
    }
  }

  /** As many of them as a service works on at a time. */
  @Test
  void shouldNotDelayAnotherSource() throws Exception {
    try (ServerSocket silentServer = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        Installation installation =
            install(
                Duration.ofHours(1),
                2,
                Map.of(
                    new SourceName("silent"),
                    source(
                        new Settings.Database(
                            PostgresTestServer.HOST,
                            silentServer.getLocalPort(),
                            "tiny",
                            PostgresTestServer.USER,
                            null),
                        null)))) {
      Duration alone = fastestOfThree(installation);

      // given
      Map<String, RunId> stuck = new LinkedHashMap<>();
      installation.pgDump(Misbehaviour.FREEZES);
      stuck.put("dump", installation.console.backup("dump"));
      installation.awaitFrozen("pg_dump", 1);
      installation.pgDump(Misbehaviour.NONE);
      installation.rsync(Misbehaviour.FREEZES);
      stuck.put("hangs", installation.console.backup("hangs"));
      installation.awaitFrozen("rsync", 1);
      stuck.put("hangs-too", installation.console.backup("hangs-too"));
      installation.awaitFrozen("rsync", 2);
      installation.rsync(Misbehaviour.NONE);
      stuck.put("silent", installation.console.backup("silent"));
      try (Socket _ = silentServer.accept()) {

        // when
        Duration first = timed(installation);
        Duration then = fastestOfThree(installation);

        // then
        LOG.info(
            "A backup takes {} ms alone, {} ms when others have just got stuck, {} ms later",
            alone.toMillis(),
            first.toMillis(),
            then.toMillis());
        assertThat(first).isLessThan(alone.plus(LEASE.multipliedBy(2)).plus(SWEEP).plus(HARDLY));
        assertThat(then).isLessThan(alone.plus(HARDLY));
        stuck.forEach((source, run) -> {
          assertThat(installation.console.facts(run, TerminalFact.class)).isEmpty();
          cancel(installation, run, source);
        });
        for (RunId run : stuck.values()) {
          installation.console.awaitEnd(run, BackupCancelled.class);
        }
        // No service can break off connecting; it would be waited for when they are stopped.
        silentServer.close();
      }
    }
  }

  private static Duration fastestOfThree(Installation installation) {
    return Stream.generate(() -> timed(installation))
        .limit(3)
        .min(Duration::compareTo)
        .orElseThrow();
  }

  private static Duration timed(Installation installation) {
    long begun = System.nanoTime();
    installation.console.awaitEnd(installation.console.backup("tiny"), BackupCompleted.class);
    return Duration.ofNanos(System.nanoTime() - begun);
  }

  private static void cancel(Installation installation, RunId run, String source) {
    installation.console.request(
        "BackupCancelRequested", "{\"backupId\":\"%s\",\"source\":\"%s\"}".formatted(run, source));
  }

  private static void assertFailedAtItsDeadline(Installation installation, RunId run) {
    BackupFailed failed = installation.console.awaitEnd(run, BackupFailed.class);
    assertThat(failed.code()).isEqualTo(FailureCode.DEADLINE);
    assertThat(failed.missing()).containsExactly(Component.MEDIA);
    Instant deadline = installation.console.await(run, BackupAccepted.class).deadline();
    assertThat(installation.console.events(run))
        .filteredOn(event -> event.data().equals(failed))
        .extracting(Envelope::time)
        .allSatisfy(time -> assertThat(time).isBetween(deadline, deadline.plus(SOON)));
  }

  private static void awaitGone(Stream<ProcessHandle> processes) {
    List<ProcessHandle> all = processes.toList();
    await().atMost(SOON).until(() -> all.stream().noneMatch(ProcessHandle::isAlive));
  }

  /** A copy on one machine takes three of them. */
  private static List<ProcessHandle> rsyncsAt(String media) {
    String location = sources.resolve(media) + "/";
    return ProcessHandle.current()
        .descendants()
        .filter(child -> child.info().command().orElse("").endsWith("/rsync"))
        .filter(child -> List.of(child.info().arguments().orElse(new String[0])).contains(location))
        .toList();
  }

  private Installation install(
      Duration deadline, int parallelRuns, Map<SourceName, Settings.Source> more)
      throws IOException {
    Map<SourceName, Settings.Source> all = new LinkedHashMap<>(more);
    for (String media : MEDIA) {
      all.put(new SourceName(media), source(null, media));
    }
    all.put(new SourceName("tiny"), source(postgres.settings("tiny"), "note"));
    all.put(new SourceName("dump"), source(postgres.settings("tiny"), null));
    return Installation.start(
        folder,
        postgres,
        new Settings.Jobs(
            LEASE,
            SWEEP,
            deadline,
            9,
            Duration.ofSeconds(30),
            parallelRuns,
            Settings.WhenBusy.WAIT,
            Duration.ofHours(1),
            true,
            0),
        all,
        Map.of());
  }

  private static Settings.Source source(
      Settings.@Nullable Database database, @Nullable String media) {
    return new Settings.Source(
        database,
        media == null ? null : new Settings.Media(sources.resolve(media), List.of(), false),
        null);
  }
}
