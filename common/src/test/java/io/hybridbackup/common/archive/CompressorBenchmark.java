package io.hybridbackup.common.archive;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** How many MiB a second members are made of. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class CompressorBenchmark {
  private static final int MIB = 1024 * 1024;
  private static final int MEMBERS = 16;

  /** Rows of a dump, or what does not shrink. */
  @Param({"rows", "random"})
  public String content = "";

  @Param({"1", "2"})
  public int threads;

  private Compressor compressor = Compressor.open(1);
  private List<byte[]> members = List.of();

  @Setup(Level.Trial)
  public void open() {
    compressor.close();
    compressor = Compressor.open(threads);
    members = new ArrayList<>();
    for (int i = 0; i < MEMBERS; i++) {
      members.add(BenchmarkContent.of(content, MIB, i));
    }
  }

  @TearDown(Level.Trial)
  public void close() {
    compressor.close();
  }

  /**
   * @return the bytes in the archive
   */
  @Benchmark
  @OperationsPerInvocation(MEMBERS)
  public long compress() throws ExecutionException, InterruptedException {
    List<Future<Member>> made = new ArrayList<>();
    for (byte[] member : members) {
      made.add(compressor.compress(member, member.length, List.of()));
    }
    long bytes = 0;
    for (Future<Member> member : made) {
      bytes += member.get().length();
    }
    return bytes;
  }
}
