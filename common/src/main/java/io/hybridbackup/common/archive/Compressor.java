package io.hybridbackup.common.archive;

import io.hybridbackup.common.store.Crc64Nvme;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compresses members on several threads. One compressor may serve many parts, also at the same
 * time; each of them has its members back in order, and waits when it is too far ahead, so that
 * memory stays within about 4 MiB a thread and part.
 *
 * <p>Of every member a few samples are tried first: what hardly shrinks is stored as it is.
 */
public final class Compressor implements AutoCloseable {
  /** libdeflate's level 7 makes a dump no larger than zlib's 9; zlib's own 9 would be too slow. */
  private static final int LIBDEFLATE_LEVEL = 7;

  private static final int ZLIB_LEVEL = 6;
  private static final Logger LOG = LoggerFactory.getLogger(Compressor.class);

  private static final int SAMPLES = 4;
  private static final int SAMPLE_BYTES = 8 * 1024;
  private static final int WORTHWHILE_PERCENT = 98;

  private final int threads;
  private final ExecutorService executor;
  private final BlockingQueue<Worker> workers;

  /** What one thread needs: the chosen level, and a fast one for samples. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Worker(Deflate chosen, Deflate fast, byte[] sample) implements AutoCloseable {
    @Override
    public void close() {
      chosen.close();
      fast.close();
    }
  }

  private Compressor(int threads, LibDeflate library) {
    this(threads, LIBDEFLATE_LEVEL, library::open);
  }

  /**
   * Compresses with libdeflate where the system has it, with the JDK's zlib otherwise, and logs
   * which.
   *
   * @param threads at least 1
   */
  public static Compressor open(int threads) {
    Optional<LibDeflate> library = LibDeflate.load();
    LOG.atInfo()
        .addKeyValue("library", library.isPresent() ? "libdeflate" : "zlib of the JDK")
        .addKeyValue("level", library.isPresent() ? LIBDEFLATE_LEVEL : ZLIB_LEVEL)
        .addKeyValue("threads", threads)
        .log(
            library.isPresent()
                ? "members are compressed"
                : "members are compressed; with libdeflate (package libdeflate0) it would be faster"
                    + " and smaller");
    return library
        .map(found -> new Compressor(threads, found))
        .orElseGet(() -> new Compressor(threads, ZLIB_LEVEL, Deflate::platform));
  }

  /**
   * @param level 1 (fast) to 9 (small)
   */
  Compressor(int threads, int level, IntFunction<Deflate> ways) {
    if (threads < 1 || level < 1 || level > 9) {
      throw new IllegalArgumentException("cannot compress with " + threads + " at level " + level);
    }
    this.threads = threads;
    this.workers = new ArrayBlockingQueue<>(threads);
    for (int i = 0; i < threads; i++) {
      workers.add(new Worker(ways.apply(level), ways.apply(1), new byte[SAMPLE_BYTES]));
    }
    this.executor =
        Executors.newFixedThreadPool(
            threads, Thread.ofPlatform().daemon().name("compress-", 0).factory());
  }

  int threads() {
    return threads;
  }

  /**
   * Makes a member, unless an earlier part has it.
   *
   * @param plain is taken over; nobody may write to it any more
   * @param known where to look for it
   */
  Future<Member> compress(byte[] plain, int plainBytes, List<KnownMembers> known) {
    return executor.submit(() -> {
      String sha256 = Sha256.of(plain, plainBytes);
      Member.Reused found = KnownMembers.find(known, sha256);
      return found == null ? fresh(plain, plainBytes, sha256) : found;
    });
  }

  private Member.Fresh fresh(byte[] plain, int plainBytes, String sha256)
      throws InterruptedException {
    Worker worker = workers.take();
    byte[] gzip;
    try {
      gzip = gzip(worker, plain, plainBytes);
    } finally {
      workers.add(worker);
    }
    return new Member.Fresh(gzip, plainBytes, sha256, Crc64Nvme.of(gzip));
  }

  private static byte[] gzip(Worker worker, byte[] plain, int plainBytes) {
    if (worthwhile(worker, plain, plainBytes)) {
      byte[] deflated = new byte[plainBytes];
      int bytes = worker.chosen.deflate(plain, 0, plainBytes, deflated);
      if (bytes >= 0) {
        return GzipMember.around(deflated, bytes, plain, plainBytes);
      }
    }
    return GzipMember.stored(plain, plainBytes);
  }

  /** Samples from all over, as many formats begin with something that shrinks. */
  private static boolean worthwhile(Worker worker, byte[] plain, int plainBytes) {
    if (plainBytes <= 2 * SAMPLES * SAMPLE_BYTES) {
      return true;
    }
    int step = (plainBytes - SAMPLE_BYTES) / (SAMPLES - 1);
    int sampled = 0;
    for (int i = 0; i < SAMPLES; i++) {
      int bytes = worker.fast.deflate(plain, i * step, SAMPLE_BYTES, worker.sample);
      sampled += bytes < 0 ? SAMPLE_BYTES : bytes;
    }
    return sampled * 100L < (long) SAMPLES * SAMPLE_BYTES * WORTHWHILE_PERCENT;
  }

  /** Ends the threads; members still under way are given up. */
  @Override
  public void close() {
    executor.shutdownNow();
    executor.close();
    workers.forEach(Worker::close);
  }
}
