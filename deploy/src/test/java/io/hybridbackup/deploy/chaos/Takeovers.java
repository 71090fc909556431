package io.hybridbackup.deploy.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.Decisions;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Who holds which lease, and how long it took until somebody went on with a dead one's job. */
final class Takeovers {
  private static final Pattern EPOCH =
      Pattern.compile("(runs/([^/]+)/(?:attempt-(\\d+)/)?([a-z]+))/epoch-(\\d+)(\\.heartbeat)?");

  /** A job under a lease. */
  record Held(String folder, RunId run, int attempt, Component component, int epoch) {}

  private final Map<Held, Instance> holders = new ConcurrentHashMap<>();
  private final Map<String, Long> taken = new ConcurrentHashMap<>();
  private final List<Duration> durations = new CopyOnWriteArrayList<>();

  /** The store has carried a request out. */
  void saw(Instance instance, String key, HttpMessage request, HttpMessage answer) {
    Matcher epoch = EPOCH.matcher(key);
    if (!request.method().equals("PUT") || answer.status() != 200 || !epoch.matches()) {
      return;
    }
    Held held = held(epoch);
    if (epoch.group(6) == null) {
      taken.put(held.folder() + held.epoch(), System.nanoTime());
      holders.put(held, instance);
    } else if (new String(request.body(), UTF_8).contains("\"released\":true")) {
      holders.remove(held);
    }
  }

  private static Held held(Matcher epoch) {
    return new Held(
        epoch.group(1),
        new RunId(epoch.group(2)),
        epoch.group(3) == null ? 0 : Integer.parseInt(epoch.group(3)),
        Component.valueOf(epoch.group(4).toUpperCase(Locale.ROOT)),
        Integer.parseInt(epoch.group(5)));
  }

  /** The leases that an instance has died with. */
  List<Held> heldBy(Instance instance) {
    List<Held> dead = new ArrayList<>();
    holders.forEach((held, holder) -> {
      if (holder == instance && holders.remove(held, holder)) {
        dead.add(held);
      }
    });
    return dead;
  }

  /**
   * Notes how long it took until somebody took a dead one's lease.
   *
   * @param died by {@link System#nanoTime}
   * @return whether somebody did, or there is nothing left to do
   */
  boolean isTakenOver(Held held, long died, Runs runs) {
    Long then = taken.get(held.folder() + (held.epoch() + 1));
    if (then != null) {
      durations.add(Duration.ofNanos(Math.max(0, then - died)));
      return true;
    }
    return !isWanted(held, runs);
  }

  private static boolean isWanted(Held held, Runs runs) {
    Decisions decisions = runs.decisions();
    return switch (held.component()) {
      case RESTORE -> runs.isOpen(held.run());
      case PACKAGER -> !decisions.isMade(RunKeys.told(held.run()));
      case DATABASE, MEDIA ->
          !decisions.isMade(RunKeys.part(held.run(), held.attempt(), held.component()))
              && !decisions.isMade(RunKeys.verdict(held.run(), held.attempt()))
              && !decisions.isMade(RunKeys.outcome(held.run()));
    };
  }

  List<Duration> durations() {
    return List.copyOf(durations);
  }
}
