package io.hybridbackup.common.archive;

/**
 * How many members are worked on at a time: as many as keep the processors busy, and no more than
 * the heap has room for.
 *
 * @param heapBytes what the heap may grow to
 */
public record Parallelism(int processors, long heapBytes) {
  /** A thread's own member and the one that it takes next, plain and compressed. */
  private static final int COMPRESSED_BYTES = 4 * 1024 * 1024;

  /** Two parts each of two runs together leave two thirds of the heap to everything else. */
  private static final int HEAP_OF_A_STREAM = 12;

  /** A run reads a part back when it has been made. */
  private static final int HEAP_OF_A_READER = 6;

  private static final int BATCH_BYTES = MemberSource.BATCH_BYTES + MemberSource.BATCH_PLAIN_BYTES;

  /** Where a store answers slowly, more than a processor or two are kept waiting. */
  private static final int LEAST_READ = 4;

  /** Of this process. */
  public static Parallelism here() {
    Runtime runtime = Runtime.getRuntime();
    return new Parallelism(runtime.availableProcessors(), runtime.maxMemory());
  }

  /** How many threads compress. */
  public int compressing() {
    long fitting = heapBytes / HEAP_OF_A_STREAM / COMPRESSED_BYTES;
    return Math.clamp(fitting, 1, processors);
  }

  /** How many batches a reader has at a time; all but one are being fetched and decoded. */
  int batches() {
    long fitting = heapBytes / HEAP_OF_A_READER / BATCH_BYTES;
    return Math.clamp(fitting, 2, Math.max(LEAST_READ, processors) + 1);
  }
}
