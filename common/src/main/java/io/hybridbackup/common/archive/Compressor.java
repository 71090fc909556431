package io.hybridbackup.common.archive;

import io.hybridbackup.common.store.Crc64Nvme;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compresses members on several threads. One compressor may serve many parts, also at the same
 * time; each of them has its members back in order, and waits when it is too far ahead, so that
 * memory stays within about 4 MiB a thread and part.
 *
 * <p>Of every member a few samples are tried first. What hardly shrinks is compressed the fast way,
 * or stored as it is.
 */
public final class Compressor implements AutoCloseable {
  /** At this level libdeflate makes a dump no larger than zlib's level 9. */
  private static final int LEVEL = 7;

  private static final Logger LOG = LoggerFactory.getLogger(Compressor.class);

  private final Threads threads;
  private final int level;

  private Compressor(Threads threads, int level) {
    if (level < 1 || level > 9) {
      throw new IllegalArgumentException("there is no level " + level);
    }
    this.threads = threads;
    this.level = level;
  }

  /**
   * @param chosen gives a way for each level
   * @param fast a way for what hardly shrinks; without one that is stored
   */
  Compressor(
      int threads, int level, IntFunction<Deflate> chosen, Optional<Supplier<Deflate>> fast) {
    this(new Threads(threads, chosen, fast), level);
  }

  /**
   * Compresses with libdeflate where the system has it, with the JDK's zlib otherwise, and what
   * hardly shrinks with ISA-L where the system has that; logs which. The level is 7.
   *
   * @param threads at least 1
   */
  public static Compressor open(int threads) {
    Optional<LibDeflate> libdeflate = LibDeflate.load();
    Optional<IsaL> isaL = IsaL.load();
    String zlibOr = libdeflate.isPresent() ? "libdeflate" : "zlib of the JDK";
    LOG.atInfo()
        .addKeyValue("compressed-by", zlibOr)
        .addKeyValue("hardly-compressible-by", isaL.isPresent() ? "ISA-L" : "storing")
        .addKeyValue("decoded-by", zlibOr)
        .addKeyValue("threads", threads)
        .log("members are compressed" + advice(libdeflate.isPresent(), isaL.isPresent()));
    return new Compressor(
        threads,
        LEVEL,
        libdeflate.<IntFunction<Deflate>>map(library -> library::open).orElse(Deflate::platform),
        isaL.map(library -> library::open));
  }

  private static String advice(boolean libdeflate, boolean isaL) {
    String first =
        libdeflate
            ? ""
            : "; with libdeflate (package libdeflate0) it would take a third of the time, and"
                + " the database less room";
    return isaL
        ? first
        : first + "; with ISA-L (package libisal2) files such as PDF would take half the time";
  }

  /**
   * The same threads at another level. Closing either closes both.
   *
   * @param level 1 (fast) to 9 (small)
   */
  public Compressor at(int level) {
    return new Compressor(threads, level);
  }

  int threads() {
    return threads.count;
  }

  /**
   * Makes a member, unless an earlier part has it.
   *
   * @param plain is taken over; nobody may write to it any more
   * @param known where to look for it
   */
  Future<Member> compress(byte[] plain, int plainBytes, List<KnownMembers> known) {
    return threads.executor.submit(() -> {
      String sha256 = Sha256.of(plain, plainBytes);
      Member.Reused found = KnownMembers.find(known, sha256);
      return found == null ? fresh(plain, plainBytes, sha256) : found;
    });
  }

  private Member.Fresh fresh(byte[] plain, int plainBytes, String sha256)
      throws InterruptedException {
    Worker worker = threads.workers.take();
    byte[] gzip;
    try {
      gzip = worker.gzip(plain, plainBytes, level);
    } finally {
      threads.workers.add(worker);
    }
    return new Member.Fresh(gzip, plainBytes, sha256, Crc64Nvme.of(gzip));
  }

  /** Ends the threads; members still under way are given up. */
  @Override
  public void close() {
    threads.close();
  }

  private static final class Threads implements AutoCloseable {
    private final int count;
    private final ExecutorService executor;
    private final BlockingQueue<Worker> workers;

    Threads(int count, IntFunction<Deflate> chosen, Optional<Supplier<Deflate>> fast) {
      if (count < 1) {
        throw new IllegalArgumentException("cannot compress with " + count + " threads");
      }
      this.count = count;
      this.workers = new ArrayBlockingQueue<>(count);
      for (int i = 0; i < count; i++) {
        workers.add(new Worker(chosen, fast));
      }
      this.executor =
          Executors.newFixedThreadPool(
              count, Thread.ofPlatform().daemon().name("compress-", 0).factory());
    }

    @Override
    public void close() {
      executor.shutdownNow();
      executor.close();
      workers.forEach(Worker::close);
    }
  }

  /** What one thread needs, its memory included, which serves one member after the other. */
  private static final class Worker implements AutoCloseable {
    private static final int USUAL_BYTES = 2 * 1024 * 1024;
    private static final int SAMPLES = 4;
    private static final int SAMPLE_BYTES = 8 * 1024;

    /** What shrinks to more than this hardly shrinks. */
    private static final int HARDLY_PERCENT = 75;

    /** Without a fast way, what shrinks to more than this is stored. */
    private static final int STORED_PERCENT = 96;

    private final IntFunction<Deflate> ways;
    private final Map<Integer, Deflate> chosen = new HashMap<>();
    private final @Nullable Deflate fast;
    private final Deflate sampler;
    private Arena arena = Arena.ofShared();
    private MemorySegment in = arena.allocate(USUAL_BYTES);
    private MemorySegment out = arena.allocate(USUAL_BYTES + Deflate.SLACK_BYTES);

    Worker(IntFunction<Deflate> ways, Optional<Supplier<Deflate>> fast) {
      this.ways = ways;
      this.fast = fast.map(Supplier::get).orElse(null);
      this.sampler = this.fast == null ? ways.apply(1) : this.fast;
    }

    byte[] gzip(byte[] plain, int plainBytes, int level) {
      reserve(plainBytes);
      MemorySegment.copy(plain, 0, in, ValueLayout.JAVA_BYTE, 0, plainBytes);
      MemorySegment content = in.asSlice(0, plainBytes);
      boolean sampled = plainBytes > 2 * SAMPLES * SAMPLE_BYTES;
      int bytes;
      if (sampled && shrinksTo(content) > (fast == null ? STORED_PERCENT : HARDLY_PERCENT)) {
        bytes = fast == null ? -1 : deflate(fast, content);
        // The samples may have missed what shrinks.
        if (bytes >= 0 && percent(bytes, plainBytes) <= HARDLY_PERCENT) {
          bytes = deflate(chosen(level), content);
        }
      } else {
        bytes = deflate(chosen(level), content);
      }
      return bytes < 0
          ? GzipMember.stored(plain, plainBytes)
          : GzipMember.around(out.asSlice(0, bytes), plain, plainBytes);
    }

    private int deflate(Deflate way, MemorySegment content) {
      return way.deflate(content, out.asSlice(0, content.byteSize()));
    }

    /** In percent; of samples from all over, as many formats begin with something that shrinks. */
    private int shrinksTo(MemorySegment content) {
      long step = (content.byteSize() - SAMPLE_BYTES) / (SAMPLES - 1);
      int bytes = 0;
      for (int i = 0; i < SAMPLES; i++) {
        int sample = deflate(sampler, content.asSlice(i * step, SAMPLE_BYTES));
        bytes += sample < 0 ? SAMPLE_BYTES : sample;
      }
      return percent(bytes, SAMPLES * SAMPLE_BYTES);
    }

    private static int percent(int part, int whole) {
      return (int) (100L * part / whole);
    }

    private Deflate chosen(int level) {
      return chosen.computeIfAbsent(level, ways::apply);
    }

    private void reserve(int plainBytes) {
      if (plainBytes > in.byteSize()) {
        arena.close();
        arena = Arena.ofShared();
        in = arena.allocate(plainBytes);
        out = arena.allocate(plainBytes + Deflate.SLACK_BYTES);
      }
    }

    @Override
    public void close() {
      chosen.values().forEach(Deflate::close);
      sampler.close();
      arena.close();
    }
  }
}
