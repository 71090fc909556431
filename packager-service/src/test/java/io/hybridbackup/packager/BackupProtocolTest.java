package io.hybridbackup.packager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.hybridbackup.common.archive.Compressor;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings.WhenBusy;
import io.hybridbackup.packager.History.Incident;
import io.hybridbackup.packager.History.What;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.function.IntFunction;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Shrinkable;
import net.jqwik.api.Tuple;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/**
 * The same histories each time, so that a build fails by its own change alone. {@code
 * -Djqwik.tries.default=10000} goes on with further ones, and another seed tries others.
 */
class BackupProtocolTest {
  private static final int HISTORIES_OF_BROKEN_RULES = 400;
  private static final Duration MINUTE = Duration.ofMinutes(1);

  @SuppressWarnings("NullAway.Init") // these by open()
  private static Compressor compressor;

  @SuppressWarnings("NullAway.Init")
  private static NativeTools tools;

  @SuppressWarnings("NullAway.Init")
  private static Path folder;

  private static @Nullable Level level;

  @BeforeContainer
  static void open() throws IOException {
    compressor = Compressor.open(1);
    tools = new NativeTools();
    folder = Files.createTempDirectory("backup-protocol");
    // What befalls the replicas is no news.
    level = log().getLevel();
    log().setLevel(Level.OFF);
  }

  @AfterContainer
  static void close() throws IOException {
    log().setLevel(level);
    Files.delete(folder);
    tools.close();
    compressor.close();
  }

  @Property(edgeCases = EdgeCasesMode.NONE, seed = "20261122")
  void shouldKeepAllPromisesWhateverHappens(@ForAll("histories") History history) {
    try (BackupProtocol protocol = protocol(history, Rules.AS_THEY_ARE)) {
      assertThat(protocol.play()).as(() -> history + "\n" + protocol.trace()).isEmpty();
    }
  }

  @Example
  void shouldMakeTwoBackupsWhenNothingHappens() {
    History history =
        new History(
            1,
            Duration.ZERO,
            MINUTE.multipliedBy(10),
            MINUTE.multipliedBy(5),
            WhenBusy.WAIT,
            List.of());
    try (BackupProtocol protocol = protocol(history, Rules.AS_THEY_ARE)) {
      assertThat(protocol.play()).isEmpty();
      assertThat(protocol.archives()).isEqualTo(2);
    }
  }

  @Example
  void shouldSurviveALostAnswerAtAnyStep() {
    playWithEach(What.ANSWER_LOST, Duration.ZERO);
  }

  @Example
  void shouldSurviveADelayedChangeAtAnyStep() {
    playWithEach(What.DELAYED, BackupProtocol.LEASE.multipliedBy(4));
  }

  @Example
  void shouldSurviveACrashBeforeAnyStep() {
    playWithEach(What.CRASH_BEFORE, BackupProtocol.LEASE);
  }

  @Example
  void shouldSurviveACrashAfterAnyStep() {
    playWithEach(What.CRASH_AFTER, BackupProtocol.LEASE);
  }

  @Example
  void shouldSurviveAReplicaThatIsFrozenForLongerThanItsLeaseBeforeAnyStep() {
    playWithEach(What.FREEZE_BEFORE, BackupProtocol.LEASE.multipliedBy(4));
  }

  @Example
  void shouldLetNothingComeBackThatRetentionHasRemoved() {
    playWithEach(
        0,
        step ->
            List.of(
                new Incident(0, What.EXPIRE, Duration.ZERO),
                new Incident(step, What.DELAYED, BackupProtocol.LEASE)));
  }

  @Example
  void shouldGoOnByThePlanOfAPackagerThatWasKilledBeforeItsVerdict() {
    boolean killedBetween = false;
    for (int step = 0; !killedBetween; step++) {
      assertThat(step).as("steps of a backup").isLessThan(80);
      try (BackupProtocol protocol =
          protocol(
              one(step, List.of(new Incident(step, What.CRASH_AFTER, BackupProtocol.LEASE))),
              Rules.AS_THEY_ARE)) {
        assertThat(protocol.play()).isEmpty();
        killedBetween = protocol.isTakenOverBetweenPlanAndVerdict();
        if (killedBetween) {
          assertThat(protocol.archives()).isEqualTo(1);
          assertThat(protocol.attempts()).isEqualTo(1);
        }
      }
    }
  }

  @Example
  void shouldBreakPromisesOnAStoreThatOverwrites() {
    assertBroken(Rules.NO_WRITE_ONCE, "ends");
  }

  @Example
  void shouldBreakPromisesWhereATakeoverIsNoNewEpoch() {
    assertBroken(Rules.NO_EPOCHS, "two events have the id");
  }

  @Example
  void shouldPlayTheSameHistoryTheSameWay() {
    History history = samples(7).getFirst();

    assertThat(played(history)).isEqualTo(played(history));
  }

  @Provide
  Arbitrary<History> histories() {
    return Combinators.combine(
            Arbitraries.longs(),
            Arbitraries.integers().between(0, 40).map(Duration::ofSeconds).injectNull(0.2),
            Arbitraries.frequencyOf(
                Tuple.of(3, Arbitraries.just(MINUTE.multipliedBy(10))),
                Tuple.of(1, Arbitraries.integers().between(1, 30).map(Duration::ofSeconds))),
            Arbitraries.frequency(
                Tuple.of(3, MINUTE.multipliedBy(5)), Tuple.of(1, Duration.ofSeconds(1))),
            Arbitraries.frequency(Tuple.of(3, WhenBusy.WAIT), Tuple.of(1, WhenBusy.REJECT)),
            incidents().list().ofMaxSize(8))
        .as(History::new);
  }

  private static Arbitrary<Incident> incidents() {
    return Combinators.combine(
            Arbitraries.frequencyOf(
                Tuple.of(1, Arbitraries.integers().between(0, 12)),
                Tuple.of(1, Arbitraries.integers().between(0, 50))),
            Arbitraries.of(What.class),
            Arbitraries.of(1, 4, 12, 25, 70, 400).map(Duration::ofSeconds))
        .as(Incident::new);
  }

  private List<History> samples(long seed) {
    return histories().generator(HISTORIES_OF_BROKEN_RULES).stream(new Random(seed))
        .limit(HISTORIES_OF_BROKEN_RULES)
        .map(Shrinkable::value)
        .toList();
  }

  private static BackupProtocol protocol(History history, Rules rules) {
    return new BackupProtocol(history, rules, compressor, tools, folder);
  }

  private static String played(History history) {
    try (BackupProtocol protocol = protocol(history, Rules.AS_THEY_ARE)) {
      return protocol.play() + protocol.trace();
    }
  }

  private static void playWithEach(What what, Duration time) {
    playWithEach(1, step -> List.of(new Incident(step, what, time)));
  }

  /** One backup after the other, each with the same trouble one step later. */
  private static void playWithEach(int archives, IntFunction<List<Incident>> trouble) {
    boolean happened = true;
    for (int step = 0; happened; step++) {
      History history = one(step, trouble.apply(step));
      try (BackupProtocol protocol = protocol(history, Rules.AS_THEY_ARE)) {
        assertThat(protocol.play()).as(() -> history + "\n" + protocol.trace()).isEmpty();
        assertThat(protocol.archives()).as(history::toString).isEqualTo(archives);
        happened = protocol.isHistoryOver();
      }
      assertThat(happened || step > 40).as("a backup of %d steps", step).isTrue();
    }
  }

  private static History one(long order, List<Incident> incidents) {
    return new History(
        order, null, MINUTE.multipliedBy(10), MINUTE.multipliedBy(5), WhenBusy.WAIT, incidents);
  }

  /**
   * In the end it is seen that promises are broken, and not merely that something is overwritten.
   */
  private void assertBroken(Rules rules, String promise) {
    for (History history : samples(1)) {
      try (BackupProtocol protocol = protocol(history, rules)) {
        if (protocol.play().stream().anyMatch(wrong -> wrong.contains(promise))) {
          return;
        }
      }
    }
    fail("no promise was broken");
  }

  private static Logger log() {
    return (Logger) LoggerFactory.getLogger("io.hybridbackup");
  }
}
