package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.restore.Interruption.Frozen;
import java.io.IOException;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Freezes an exchange at every step and thaws it when a later epoch is at work or has ended, breaks
 * its connections, and puts something else in its way: the target is wholly what it was, or wholly
 * what it was to become.
 */
@Timeout(300)
class ThawedSwapIT extends ExchangeCase {
  @ParameterizedTest
  @EnumSource(Kind.class)
  void shouldChangeNothingMoreWhenFrozenAtAnyStepAndThawedAfterASuccess(Kind kind)
      throws Exception {
    boolean frozen = true;
    for (int step = 0; frozen; step++) {
      // given
      Target target = new Target(kind);
      try (Frozen first = new Frozen(step, steps -> target.epoch(1, steps), Ending::forward)) {
        frozen = first.isFrozen();

        // when
        if (frozen) {
          assertThat(target.epoch(2, ExchangeCase::noTrouble).forward()).isTrue();
          target.assertNew("frozen at step " + step);
        }
        assertThat(first.thaw()).isNotEqualTo(frozen);
      }

      // then
      target.assertNew("thawed at step " + step);
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void shouldChangeNothingMoreWhenFrozenAtAnyStepAndThawedAfterAnEnd(Kind kind) throws Exception {
    boolean frozen = true;
    for (int step = 0; frozen; step++) {
      // given
      Target target = new Target(kind);
      boolean back = false;
      try (Frozen first = new Frozen(step, steps -> target.epoch(1, steps), Ending::forward)) {
        frozen = first.isFrozen();

        // when
        if (frozen) {
          back = giveUp(target.epoch(2, ExchangeCase::noTrouble));
          target.assertOldOrNew(back, "frozen at step " + step);
        }
        assertThat(first.thaw()).isNotEqualTo(frozen);
      }

      // then
      target.assertOldOrNew(back, "thawed at step " + step);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {"FOLDER_ALONE", "MOUNT_POINT_ALONE", "DATABASE_ALONE"})
  void shouldChangeNothingMoreWhenThawedInTheMiddleOfTheNextEpoch(Kind kind) throws Exception {
    boolean frozen = true;
    for (int step = 0; frozen; step++) {
      boolean nextFrozen = true;
      for (int nextStep = 0; frozen && nextFrozen; nextStep++) {
        // given
        Target target = new Target(kind);
        try (Frozen first = new Frozen(step, steps -> target.epoch(1, steps), Ending::forward)) {
          frozen = first.isFrozen();
          if (frozen) {
            try (Frozen next =
                new Frozen(nextStep, steps -> target.epoch(2, steps), ExchangeCase::giveUp)) {
              nextFrozen = next.isFrozen();

              // when
              assertThat(first.thaw()).isFalse();

              // then
              target.assertOldOrNew(
                  next.thaw(), "frozen at step " + step + ", thawed at " + nextStep);
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {
        "DATABASE_AND_FOLDER",
        "DATABASE_AND_MOUNT_POINT",
        "DATABASE_ALONE",
        "NOTHING_WAS_THERE",
        "UNDOING"
      })
  void shouldBeWhollyNewWhenItsConnectionBreaksAtAnyStepAndItTriesAgain(Kind kind)
      throws Exception {
    Trouble trouble = new Trouble(ThawedSwapIT::breakConnections);
    for (int step = 0; trouble.isNextAt(step); step++) {
      // given
      Target target = new Target(kind);
      boolean _ = isBroken(target.epoch(1, trouble));

      // when
      boolean forward = target.epoch(1, ExchangeCase::noTrouble).forward();

      // then
      assertThat(forward).isTrue();
      target.assertNew("broken at step " + step);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {"DATABASE_AND_FOLDER", "DATABASE_AND_MOUNT_POINT", "UNDOING"})
  void shouldBeWhollyOldOrNewWhenTheServerStopsAtAnyStepAndItIsGivenUp(Kind kind) throws Exception {
    Trouble trouble = new Trouble(postgres::stop);
    int old = 0;
    for (int step = 0; trouble.isNextAt(step); step++) {
      // given
      Target target = new Target(kind);
      boolean broken;
      try {
        broken = isBroken(target.epoch(1, trouble));
        if (broken) {
          assertThat(isBroken(target.epoch(1, ExchangeCase::noTrouble))).isTrue();
        }
      } finally {
        if (trouble.happened) {
          postgres.restart();
        }
      }

      // when
      boolean back = broken && giveUp(target.epoch(1, ExchangeCase::noTrouble));

      // then
      target.assertOldOrNew(back, "stopped at step " + step);
      old += back ? 1 : 0;
    }
    assertThat(old).isPositive();
  }

  /** As the user may whose folder it is in. */
  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {"FOLDER_ALONE", "MOUNT_POINT_ALONE"})
  void shouldChangeNothingElsewhereWhenALinkTakesTheGatesPlaceAtAnyStep(Kind kind)
      throws Exception {
    Trouble trouble = new Trouble(() -> {});
    for (int step = 0; trouble.isNextAt(step); step++) {
      // given
      Target target = new Target(kind);
      Target.Elsewhere elsewhere = target.new Elsewhere();
      trouble.becomes(elsewhere::putALinkInTheGatesPlace);

      // when
      boolean forward = isForward(target.epoch(1, trouble));

      // then
      elsewhere.assertUntouched("replaced at step " + step);
      if (trouble.happened) {
        elsewhere.putTheGateBack();
      }
      assertThat(forward || target.epoch(2, ExchangeCase::noTrouble).forward()).isTrue();
      target.assertNew("replaced at step " + step);
    }
  }

  private static boolean isForward(Swap swap) throws Exception {
    try {
      return swap.forward();
    } catch (ComponentFailure | IOException e) {
      return false;
    }
  }

  /** Whether the connection to the server broke on the way forward, which can pass. */
  private static boolean isBroken(Swap swap) throws Exception {
    try {
      assertThat(swap.forward()).isTrue();
      return false;
    } catch (ComponentFailure e) {
      assertThat(e).matches(ComponentFailure::retryable);
      return true;
    }
  }

  private static void breakConnections() {
    postgres.execute(
        "postgres",
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            + " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
  }
}
