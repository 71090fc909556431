package io.hybridbackup.common.runtime;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.job.Job;
import io.hybridbackup.common.job.Leases;
import io.hybridbackup.common.job.PartJobs;
import io.hybridbackup.common.job.PartMaker;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Worker;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.messaging.TopicListener;
import io.hybridbackup.common.messaging.Topics;
import io.hybridbackup.common.settings.Settings;
import java.time.Clock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;

/** A worker that facts wake up, from the start of its service to its end. */
public final class WorkerService implements SmartLifecycle {
  private static final Logger LOG = LoggerFactory.getLogger(WorkerService.class);

  private final String name;
  private final Settings settings;
  private final Runs runs;
  private final Leases leases;
  private final int capacity;
  private final Job.Source source;
  private final TopicListener facts;
  private volatile @Nullable Worker worker;

  /**
   * @param capacity how many jobs at a time at most
   * @param heard is told every event, before the worker is woken by it
   */
  public WorkerService(
      String name,
      Settings settings,
      Runs runs,
      Leases leases,
      int capacity,
      Job.Source source,
      Consumer<Envelope> heard) {
    this.name = name;
    this.settings = settings;
    this.runs = runs;
    this.leases = leases;
    this.capacity = capacity;
    this.source = source;
    this.facts =
        TopicListener.fromNow(
            settings.kafka(),
            Topics.BACKUP_EVENTS,
            envelope -> {
              heard.accept(envelope);
              if (envelope.data() instanceof Fact fact) {
                wakeBy(fact);
              }
            });
  }

  /** A service that makes one component's parts. */
  public static WorkerService ofParts(
      String name,
      Settings settings,
      Runs runs,
      Leases leases,
      EventPublisher publisher,
      PartMaker maker,
      Clock clock) {
    return new WorkerService(
        name,
        settings,
        runs,
        leases,
        settings.jobs().parallelRuns(),
        new PartJobs(runs, publisher, maker, settings.jobs(), clock),
        envelope -> {});
  }

  /** A request has made this run: look soon. */
  public void wake(Fact fact) {
    wakeBy(fact);
  }

  @Override
  public void start() {
    worker = new Worker(name, runs, leases, settings.jobs(), capacity, source);
    facts.start();
    LOG.atInfo().addKeyValue("service", name).log("started");
  }

  @Override
  public void stop() {
    facts.stop();
    Worker running = worker;
    worker = null;
    if (running != null) {
      running.close();
    }
    LOG.atInfo().addKeyValue("service", name).log("stopped");
  }

  @Override
  public boolean isRunning() {
    return worker != null;
  }

  private void wakeBy(Fact fact) {
    Worker running = worker;
    if (running == null) {
      return;
    }
    switch (fact) {
      case Fact.ComponentProgressed progress -> {}
      case Fact.RestoreProgressed progress -> {}
      case Fact.TerminalFact ended -> {
        running.wake(ended.run());
        running.wakeAll();
      }
      default -> running.wake(fact.run());
    }
  }
}
