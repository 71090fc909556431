package io.hybridbackup.deploy.chaos;

import io.hybridbackup.common.testing.Commands;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.util.FileSystemUtils;

/**
 * Some rounds of chaos. {@code deploy/chaos} plays as many as are asked for.
 *
 * <p>Logs and the report are left in {@code target/chaos}.
 */
class ChaosIT {
  private static final int ROUNDS = Integer.getInteger("hybrid-backup.chaos.rounds", 6);
  private static final long SEED = Long.getLong("hybrid-backup.chaos.seed", 1);

  /** Without root there are no small disks. */
  private static final List<Aim> AIMS =
      Aim.all().stream()
          .filter(aim ->
              Commands.root()
                  || (aim.fault() != Fault.STORE_FULL && aim.fault() != Fault.DISK_FULL))
          .toList();

  private final Path left = Path.of("target/chaos").toAbsolutePath();

  @TempDir private Path folder;

  @Test
  @Timeout(value = 12, unit = TimeUnit.HOURS)
  void shouldLoseNothing() throws Exception {
    FileSystemUtils.deleteRecursively(left);
    Files.createDirectories(left);
    Takeovers takeovers = new Takeovers();
    Faults faults = new Faults(takeovers);
    Report report = new Report(SEED, AIMS);
    Deck deck = new Deck(AIMS, SEED);
    long begun = System.nanoTime();
    try (Site site = Site.start(folder, left, faults);
        Journal journal = new Journal(site.kafka());
        Inspection inspection = new Inspection(site)) {
      Application application = new Application(site);
      application.plant();
      faults.on(site, journal);
      System.out.printf("seed %d, %d rounds; logs are in %s%n", SEED, ROUNDS, left);
      try {
        for (int number = 1; number <= ROUNDS; number++) {
          Random random = new Random(SEED + number * 1_000_003L);
          Round round = new Round(site, application, journal, faults, inspection, number, random);
          List<Aim> aims = deck.deal();
          try {
            deck.putBack(round.play(aims));
          } catch (Throwable e) {
            System.out.printf(
                "round %d of seed %d FAILED: %s; aimed at %s%n", number, SEED, round, aims);
            throw e;
          }
          report.add(round);
          System.out.printf("round %d (%s)  %s%n", number, round.times(), round);
        }
      } finally {
        write(
            report.text(
                faults,
                takeovers.durations(),
                journal.size(),
                Duration.ofNanos(System.nanoTime() - begun)));
      }
    }
  }

  private void write(String text) throws IOException {
    System.out.println(text);
    Files.writeString(left.resolve("report.md"), text);
  }
}
