package io.hybridbackup.packager;

import io.hybridbackup.common.settings.Settings.WhenBusy;
import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * All that makes one course of events differ from another.
 *
 * @param order who goes on when several could
 * @param secondRequest when the same source is asked for again; null if it is not
 * @param deadline of each run
 * @param prepareWait how long the database waits for the media
 * @param incidents one after the other
 */
record History(
    long order,
    @Nullable Duration secondRequest,
    Duration deadline,
    Duration prepareWait,
    WhenBusy whenBusy,
    List<Incident> incidents) {

  /** What happens. */
  enum What {
    CRASH_BEFORE,
    CRASH_AFTER,
    FREEZE_BEFORE,
    FREEZE_AFTER,
    ANSWER_LOST,
    DELAYED,
    UNREACHABLE,
    REFUSED,
    /** The replica reaches neither store nor broker for a while. */
    CUT_OFF,
    /** Whoever looks something up next gets no answer. */
    LOOKED_IN_VAIN,
    CANCEL_FIRST,
    CANCEL_SECOND,
    REPEAT_FIRST,
    REPEAT_SECOND,
    /** Retention removes the oldest archive, as soon as there is one. */
    EXPIRE
  }

  /**
   * @param after so many changes to the store or the topics since the incident before
   * @param time how long it takes: until a killed replica is back, a frozen one thaws, a delayed
   *     change is made
   */
  record Incident(int after, What what, Duration time) {
    @Override
    public String toString() {
      return "after %d: %s %ds".formatted(after, what, time.toSeconds());
    }
  }

  @Override
  public String toString() {
    return "order %d, second after %s s, deadline %ds, prepare-wait %ds, %s, incidents:%s"
        .formatted(
            order,
            secondRequest == null ? "-" : secondRequest.toSeconds(),
            deadline.toSeconds(),
            prepareWait.toSeconds(),
            whenBusy,
            incidents.stream().map(incident -> "\n  " + incident).collect(Collectors.joining()));
  }
}
