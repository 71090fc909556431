package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.identity.Component;
import java.io.PrintStream;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;

/** One line a fact, and of the many that tell of mere progress one now and then: for log files. */
final class PlainProgress implements Progress {
  private static final Duration INTERVAL = Duration.ofSeconds(10);

  private final PrintStream output;
  private final Map<Component, Long> lastShown = new EnumMap<>(Component.class);

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
    long now = System.nanoTime();
    Long last = lastShown.get(fact.origin().component());
    if (last == null || now - last >= INTERVAL.toNanos()) {
      lastShown.put(fact.origin().component(), now);
      say(FactText.of(fact));
    }
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
