package io.hybridbackup.common.store;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
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

/** How long it takes to plan an archive. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class CompositionPlannerBenchmark {
  @Param({"1000", "100000"})
  public int slices;

  /** Long stretches of the base with a change here and there, or changes all over. */
  @Param({"clustered", "scattered"})
  public String changes = "";

  private final CompositionPlanner planner = new CompositionPlanner(CompositionPlanner.S3);
  private List<Piece> pieces = List.of();

  @Setup(Level.Trial)
  public void make() {
    Random random = new Random(slices);
    long longest = changes.equals("clustered") ? 64L << 20 : 2L << 20;
    ObjectKey base = new ObjectKey("backups/edms/backup_20260111_020000.tar.gz");
    ObjectKey part = new ObjectKey("work/run/attempt-01/media/epoch-00001");
    pieces = new ArrayList<>();
    long inBase = 0;
    long inPart = 0;
    for (int i = 0; i < slices; i += 2) {
      long reused = 1 + random.nextLong(longest);
      pieces.add(new Slice(base, "base", inBase, reused));
      inBase += 2 * reused;
      long fresh = 1 + random.nextLong(longest / 16);
      pieces.add(new Slice(part, "part", inPart, fresh));
      inPart += fresh;
    }
  }

  @Benchmark
  public int plan() {
    return planner.plan(pieces).size();
  }

  @Benchmark
  public int planWithoutCopying() {
    return planner.planWithoutCopying(pieces).size();
  }
}
