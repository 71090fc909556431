package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.event.Fact;
import java.io.PrintStream;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One line a fact, and of the many that tell of mere progress one now and then: for log files. */
final class PlainProgress implements Progress {
  private static final Duration INTERVAL = Duration.ofSeconds(10);

  private final PrintStream output;
  private final Map<String, Long> lastShown = new HashMap<>();

  PlainProgress(PrintStream output) {
    this.output = output;
  }

  @Override
  public void show(Fact fact) {
    switch (fact) {
      case Fact.TerminalFact terminal -> {}
      case Fact.ComponentProgressed progressed -> showNowAndThen(fact);
      case Fact.RestoreProgressed progressed -> showNowAndThen(fact);
      default -> say(FactText.of(fact));
    }
  }

  private void showNowAndThen(Fact fact) {
    String label = fact.origin().component().label();
    if (!lastShown.containsKey(label) || isTime(label)) {
      lastShown.put(label, System.nanoTime());
      say(FactText.of(fact));
    }
  }

  /** What is soon over is not worth a line. */
  @Override
  public void show(
      String label, String phase, long bytes, @Nullable Long bytesTotal, @Nullable Long files) {
    lastShown.putIfAbsent(label, System.nanoTime());
    if (isTime(label)) {
      lastShown.put(label, System.nanoTime());
      say(label + ": " + phase + FactText.progress(bytes, bytesTotal, files, null));
    }
  }

  private boolean isTime(String label) {
    Long last = lastShown.get(label);
    return last != null && System.nanoTime() - last >= INTERVAL.toNanos();
  }

  @Override
  public void say(String text) {
    output.println(text);
  }

  @Override
  public void close() {
    output.flush();
  }
}
