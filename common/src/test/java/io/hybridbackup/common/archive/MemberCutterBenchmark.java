package io.hybridbackup.common.archive;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** How many members, and bytes of them, a second one thread cuts off. */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class MemberCutterBenchmark {
  private static final int WINDOWS = 16;

  /** Rows of a dump, or what looks like no text at all. */
  @Param({"rows", "random"})
  public String content = "";

  private final List<byte[]> windows = new ArrayList<>();
  private int next;

  /** Counted beside the calls. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Cut {
    public long bytes;
  }

  @Setup(Level.Trial)
  public void fill() {
    windows.clear();
    for (int i = 0; i < WINDOWS; i++) {
      windows.add(BenchmarkContent.of(content, MemberCutter.LONGEST, i));
    }
  }

  @Benchmark
  public int cut(Cut cut) {
    byte[] window = windows.get(next++ % WINDOWS);
    int length = MemberCutter.cut(window, window.length);
    cut.bytes += length;
    return length;
  }
}
