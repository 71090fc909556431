package io.hybridbackup.deploy.chaos;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An aim as it is dealt. It determines all that is up to the fault.
 *
 * @param turn how many times the aim has come before, from 0; the moments take turns
 */
record Card(Aim aim, int turn) {
  private static final List<Faults.Moment> MOMENTS = List.of(Faults.Moment.values());
  private static final Pattern TEXT = Pattern.compile("(\\w+)@(\\w+)#(\\d+)");

  /**
   * @param text as {@link #toString} gives it
   */
  static Card parse(String text) {
    Matcher parts = TEXT.matcher(text);
    if (!parts.matches()) {
      throw new IllegalArgumentException(text + " is no fault: write one as KILL@PLAN#0");
    }
    Aim aim = new Aim(Fault.valueOf(parts.group(1)), Step.valueOf(parts.group(2)));
    return new Card(aim, Integer.parseInt(parts.group(3)));
  }

  /** When it strikes; which is the first differs from pair to pair. */
  Faults.Moment moment() {
    int moments =
        switch (aim.fault()) {
          // A heartbeat that arrives late keeps a dead one alive, and that is as it should be.
          case KILL -> aim.step().name().endsWith("HEARTBEAT") ? 2 : 3;
          default -> 2;
        };
    return aim.fault() == Fault.CUT
        ? Faults.Moment.AFTER
        : MOMENTS.get(Math.floorMod(aim.toString().hashCode() + turn, moments));
  }

  /** Whether it outlasts the client's own retries; two times in three it does. */
  boolean isStubborn() {
    return switch (aim.fault()) {
      case ERROR_500, ERROR_503, CUT -> turn % 3 != 2;
      default -> false;
    };
  }

  @Override
  public String toString() {
    return aim + "#" + turn;
  }
}
