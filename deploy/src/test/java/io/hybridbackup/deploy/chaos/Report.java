package io.hybridbackup.deploy.chaos;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** What came of all rounds, in Markdown. */
final class Report {
  private final long seed;
  private final List<Aim> aims;
  private final Map<String, Integer> ends = new TreeMap<>();
  private int rounds;

  Report(long seed, List<Aim> aims) {
    this.seed = seed;
    this.aims = aims;
  }

  void add(Round round) {
    rounds++;
    round.ends().forEach(end -> ends.merge(end, 1, Integer::sum));
  }

  String text(Faults faults, List<Duration> takeovers, int events, Duration taken) {
    List<String> lines = new ArrayList<>();
    lines.add("# Chaos");
    lines.add("");
    lines.add(
        "What `deploy/chaos --rounds %d --seed %d` came to; [deploy](../README.md#chaos) says what it does."
            .formatted(rounds, seed));
    lines.add("");
    lines.add(
        "%d pairs of fault and step, hit %d times; %d of them at least three times, %d never."
            .formatted(
                aims.size(),
                aims.stream().mapToInt(faults::count).sum(),
                aims.stream().filter(aim -> faults.count(aim) >= 3).count(),
                aims.stream().filter(aim -> faults.count(aim) == 0).count()));
    lines.add(
        "Runs: %s. %,d events in %d min %d s."
            .formatted(
                ends.isEmpty() ? "none" : ends, events, taken.toMinutes(), taken.toSecondsPart()));
    lines.add(takeovers(takeovers));
    lines.add("");
    lines.add("How often each fault hit each step; – where a pair means nothing:");
    lines.add("");
    lines.add(row("step", Stream.of(Fault.values()).map(Fault::name).toList()));
    lines.add(row("---", Stream.of(Fault.values()).map(_ -> "---:").toList()));
    for (Step step : Step.values()) {
      lines.add(
          row(
              step.name(),
              Stream.of(Fault.values())
                  .map(fault -> new Aim(fault, step))
                  .map(aim -> aims.contains(aim) ? Integer.toString(faults.count(aim)) : "–")
                  .toList()));
    }
    return String.join("\n", lines) + "\n";
  }

  private static String takeovers(List<Duration> takeovers) {
    List<Duration> sorted = takeovers.stream().sorted().toList();
    if (sorted.isEmpty()) {
      return "No killed worker's job had to be taken over.";
    }
    return String.format(
        Locale.ROOT,
        "%d jobs of killed workers were taken over, after %.1f s in the median and %.1f s at most,"
            + " %d of them after more than two leases, when other faults had hit those who were to do"
            + " it; a lease is %d s.",
        sorted.size(),
        sorted.get(sorted.size() / 2).toMillis() / 1000.0,
        sorted.getLast().toMillis() / 1000.0,
        sorted.stream().filter(after -> after.compareTo(Site.LEASE.multipliedBy(2)) > 0).count(),
        Site.LEASE.toSeconds());
  }

  private static String row(String first, List<String> cells) {
    return "| " + first + " | " + String.join(" | ", cells) + " |";
  }
}
