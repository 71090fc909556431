package io.hybridbackup.deploy.chaos;

import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;

import io.hybridbackup.common.testing.Commands;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.util.FileSystemUtils;

/**
 * Some rounds of chaos. {@code deploy/chaos} plays as many as are asked for.
 *
 * <p>Logs, a line for each round and the report are left in {@code target/chaos}.
 */
class ChaosIT {
  private static final int ROUNDS = Integer.getInteger("hybrid-backup.chaos.rounds", 6);
  private static final long SEED = Long.getLong("hybrid-backup.chaos.seed", 1);

  /** A round that is played again, {@link #ROUNDS} times, with these cards; 0 is none. */
  private static final int AGAIN = Integer.getInteger("hybrid-backup.chaos.round", 0);

  private static final List<Card> CARDS =
      Stream.of(System.getProperty("hybrid-backup.chaos.faults", "").split(","))
          .filter(card -> !card.isEmpty())
          .map(Card::parse)
          .toList();

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
      IntFunction<Round> rounds =
          number ->
              new Round(site, application, journal, faults, inspection, number, random(number));
      if (AGAIN > 1) {
        // In calm, so that there is a base, and something to restore.
        List<Card> _ = rounds.apply(0).play(List.of());
      }
      for (int earlier = 1; earlier < AGAIN; earlier++) {
        application.change(random(earlier));
      }
      try {
        for (int n = 1; n <= ROUNDS; n++) {
          int number = AGAIN == 0 ? n : AGAIN;
          List<Card> cards = AGAIN == 0 ? deck.deal() : CARDS;
          Round round = rounds.apply(number);
          String again = again(number, cards);
          try {
            deck.putBack(round.play(cards));
          } catch (Throwable e) {
            note("round %d FAILED: %s; %s".formatted(number, round, again));
            throw new AssertionError("round %d failed; %s".formatted(number, again), e);
          }
          report.add(round);
          note("round %d (%s)  %s; %s".formatted(number, round.times(), round, again));
        }
      } finally {
        String text =
            report.text(
                faults,
                takeovers.durations(),
                journal.size(),
                Duration.ofNanos(System.nanoTime() - begun));
        System.out.println(text);
        Files.writeString(left.resolve("report.md"), text);
      }
    }
  }

  private static Random random(int round) {
    return new Random(SEED + round * 1_000_003L);
  }

  /** How to play a round again. */
  private static String again(int number, List<Card> cards) {
    return "again: deploy/chaos --seed %d --round %d --faults %s"
        .formatted(
            SEED, number, cards.stream().map(Card::toString).collect(Collectors.joining(",")));
  }

  private void note(String line) throws IOException {
    System.out.println(line);
    Files.writeString(left.resolve("rounds.txt"), line + "\n", CREATE, APPEND);
  }
}
