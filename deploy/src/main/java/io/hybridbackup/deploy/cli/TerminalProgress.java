package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.event.Fact;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** One line that is painted again and again; whatever is worth keeping scrolls up above it. */
final class TerminalProgress implements Progress {
  private static final String ERASE = "\r\u001b[K";
  private static final int BAR = 20;

  private final PrintStream output;
  private final int columns;
  private final Map<String, Stage> stages = new TreeMap<>();

  /** What is being done, and since when. */
  private record Stage(String phase, long startBytes, long startNanos, String text) {}

  TerminalProgress(PrintStream output, int columns) {
    this.output = output;
    this.columns = columns;
  }

  @Override
  public void show(Fact fact) {
    switch (fact) {
      case Fact.TerminalFact terminal -> {}
      case Fact.ComponentProgressed it ->
          progress(
              it.origin().component().label(),
              it.phase(),
              it.bytesDone(),
              it.bytesTotal(),
              it.filesDone(),
              it.filesTotal());
      case Fact.RestoreProgressed it ->
          progress(
              it.origin().component().label(),
              it.phase(),
              it.bytesDone(),
              it.bytesTotal(),
              null,
              null);
      default -> {
        stages.remove(fact.origin().component().label());
        say(FactText.of(fact));
      }
    }
  }

  @Override
  public void show(
      String label, String phase, long bytes, @Nullable Long bytesTotal, @Nullable Long files) {
    progress(label, phase, bytes, bytesTotal, files, null);
  }

  private void progress(
      String label,
      String phase,
      long bytes,
      @Nullable Long bytesTotal,
      @Nullable Long files,
      @Nullable Long filesTotal) {
    Stage last = stages.get(label);
    Stage begun =
        last != null && last.phase.equals(phase) && bytes >= last.startBytes
            ? last
            : new Stage(phase, bytes, System.nanoTime(), "");
    String text =
        label
            + " "
            + phase
            + bar(bytes, bytesTotal)
            + FactText.progress(bytes, bytesTotal, files, filesTotal)
            + rate(bytes - begun.startBytes, System.nanoTime() - begun.startNanos);
    stages.put(label, new Stage(phase, begun.startBytes, begun.startNanos, text));
    paint();
  }

  private static String bar(long bytes, @Nullable Long total) {
    if (total == null || total <= 0) {
      return "";
    }
    int filled = (int) Math.clamp(bytes * (double) BAR / total, 0, BAR);
    return " [" + "#".repeat(filled) + ".".repeat(BAR - filled) + "]";
  }

  private static String rate(long bytes, long nanos) {
    if (nanos < Duration.ofMillis(500).toNanos() || bytes <= 0) {
      return "";
    }
    return ", " + Amounts.bytes((long) (bytes / (nanos / 1e9))) + "/s";
  }

  private void paint() {
    String line = stages.values().stream().map(Stage::text).collect(Collectors.joining("  "));
    output.print(ERASE + (line.length() < columns ? line : line.substring(0, columns - 1)));
    output.flush();
  }

  @Override
  public void say(String text) {
    output.print(ERASE);
    output.println(text);
    paint();
  }

  @Override
  public void close() {
    output.print(ERASE);
    output.flush();
  }
}
