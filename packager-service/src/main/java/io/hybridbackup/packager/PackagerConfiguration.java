package io.hybridbackup.packager;

import io.hybridbackup.common.job.Heard;
import io.hybridbackup.common.job.Leases;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.messaging.RequestListener;
import io.hybridbackup.common.messaging.TopicListener;
import io.hybridbackup.common.messaging.Topics;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.runtime.RuntimeConfiguration;
import io.hybridbackup.common.runtime.WorkerService;
import io.hybridbackup.common.settings.Settings;
import io.micrometer.observation.ObservationRegistry;
import java.time.Clock;
import java.time.Duration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

/** Wires the packager service. */
@Configuration(proxyBeanMethods = false)
@Import(RuntimeConfiguration.class)
public class PackagerConfiguration {
  /** A backup that is coordinated mostly waits: many can be at once. */
  private static final int CAPACITY = 256;

  @Bean
  WorkerService packagerService(
      Settings settings,
      Runs runs,
      Leases leases,
      EventPublisher publisher,
      NativeTools tools,
      Clock clock) {
    Heard heard = new Heard();
    Coordination coordination =
        new Coordination(
            settings,
            runs,
            publisher,
            new ApplicationVersion(settings, tools),
            new Ending(runs, publisher, heard),
            clock,
            RuntimeConfiguration.product());
    return new WorkerService(
        "packager",
        settings,
        runs,
        leases,
        CAPACITY,
        new BackupJobs(runs, coordination, lingering(settings), settings.jobs().sweep(), clock),
        heard::hear);
  }

  @Bean
  StoreSweep storeSweep(Runs runs, Settings settings, Clock clock) {
    return new StoreSweep(runs, settings.jobs(), clock);
  }

  @Bean
  TopicListener stateListener(Settings settings, EventPublisher publisher) {
    return TopicListener.fromBeginning(
        settings.kafka(), Topics.BACKUP_STATE, new NewestStates(publisher)::hear);
  }

  /** A worker whose run has ended hears of it, or loses its lease, within this time. */
  private static Duration lingering(Settings settings) {
    return settings.jobs().lease().multipliedBy(2);
  }

  @Bean
  RequestListener backupRequestListener(
      Settings settings,
      Runs runs,
      EventPublisher publisher,
      Clock clock,
      WorkerService packagerService) {
    return new RequestListener(
        settings.kafka(),
        Topics.BACKUP_REQUESTS,
        Topics.PACKAGER_GROUP,
        1,
        ObservationRegistry.NOOP,
        new BackupRequests(settings, runs, publisher, clock, packagerService::wake));
  }
}
