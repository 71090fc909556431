package io.hybridbackup.common.job;

import io.hybridbackup.common.archive.ProgressListener;
import io.hybridbackup.common.event.Fact.ComponentProgressed;
import io.hybridbackup.common.messaging.EventPublisher;
import java.time.Clock;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Publishes how a component gets on with a phase of its work, at most once a second, and breaks the
 * work off with {@link StoppedException} when it is to stop.
 */
public final class ProgressReporter implements ProgressListener {
  private static final long INTERVAL = TimeUnit.SECONDS.toNanos(1);

  private final EventPublisher publisher;
  private final Clock clock;
  private final Work work;
  private final PartMaker.Task task;
  private final String phase;
  private long bytes;
  private long files;
  private @Nullable Long bytesTotal;
  private @Nullable Long filesTotal;
  private long published = System.nanoTime();

  public ProgressReporter(
      EventPublisher publisher, Clock clock, Work work, PartMaker.Task task, String phase) {
    this.publisher = publisher;
    this.clock = clock;
    this.work = work;
    this.task = task;
    this.phase = phase;
  }

  @Override
  public synchronized void expected(long bytesInAll, long filesInAll) {
    bytesTotal = bytesInAll;
    filesTotal = filesInAll;
  }

  @Override
  public synchronized void advanced(long moreBytes, long moreFiles) {
    bytes += moreBytes;
    files += moreFiles;
    report();
  }

  /** So many bytes have been done since the phase began, out of so many that are known of. */
  public synchronized void reached(long bytesDone, long bytesInAll) {
    bytes = bytesDone;
    bytesTotal = bytesInAll;
    report();
  }

  private void report() throws StoppedException {
    work.checkpoint();
    work.advanced();
    long now = System.nanoTime();
    if (now - published < INTERVAL) {
      return;
    }
    published = now;
    publisher.publishLater(
        new ComponentProgressed(
            task.run(),
            task.source(),
            work.next(task.attempt()),
            phase,
            bytes,
            bytesTotal,
            filesTotal == null ? null : files,
            filesTotal),
        clock.instant());
  }
}
