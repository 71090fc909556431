package io.hybridbackup.restore;

import io.hybridbackup.common.job.Heard;
import io.hybridbackup.common.job.Leases;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.messaging.RequestListener;
import io.hybridbackup.common.messaging.Topics;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.runtime.RuntimeConfiguration;
import io.hybridbackup.common.runtime.WorkerService;
import io.hybridbackup.common.settings.Settings;
import io.micrometer.observation.ObservationRegistry;
import java.time.Clock;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

/** Wires the restore service. */
@Configuration(proxyBeanMethods = false)
@Import(RuntimeConfiguration.class)
public class RestoreConfiguration {
  @Bean
  Restoration restoration(
      Settings settings, Runs runs, EventPublisher publisher, NativeTools tools, Clock clock) {
    return new Restoration(settings, runs, publisher, tools, clock);
  }

  @Bean
  KeptRemoval keptRemoval(Runs runs, Restoration restoration, Settings settings, Clock clock) {
    return new KeptRemoval(runs, restoration, settings, clock);
  }

  @Bean
  ScratchSweep scratchSweep(Runs runs, Restoration restoration, Settings settings) {
    return new ScratchSweep(runs, restoration, settings);
  }

  @Bean
  WorkerService restoreService(
      Settings settings,
      Runs runs,
      Leases leases,
      EventPublisher publisher,
      Restoration restoration,
      Clock clock) {
    Heard heard = new Heard();
    return new WorkerService(
        "restore",
        settings,
        runs,
        leases,
        settings.jobs().parallelRuns(),
        new RestoreJobs(runs, publisher, restoration, settings.jobs(), clock, heard),
        heard::hear);
  }

  @Bean
  RequestListener restoreRequestListener(
      Settings settings,
      Runs runs,
      EventPublisher publisher,
      Clock clock,
      WorkerService restoreService) {
    return new RequestListener(
        settings.kafka(),
        Topics.RESTORE_REQUESTS,
        Topics.RESTORE_GROUP,
        1,
        ObservationRegistry.NOOP,
        new RestoreRequests(settings, runs, publisher, clock, restoreService::wake));
  }
}
