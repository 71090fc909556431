package io.hybridbackup.mediasync;

import io.hybridbackup.common.archive.Compressor;
import io.hybridbackup.common.job.Leases;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.runtime.RuntimeConfiguration;
import io.hybridbackup.common.runtime.WorkerService;
import io.hybridbackup.common.settings.Settings;
import java.time.Clock;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

/** Wires the media-sync service. */
@Configuration(proxyBeanMethods = false)
@Import(RuntimeConfiguration.class)
public class MediaSyncConfiguration {
  @Bean
  WorkerService mediaSyncService(
      Settings settings,
      Runs runs,
      Leases leases,
      EventPublisher publisher,
      NativeTools tools,
      Compressor compressor,
      Clock clock) {
    MediaPartMaker maker = new MediaPartMaker(settings, runs, publisher, tools, compressor, clock);
    return WorkerService.ofParts("media-sync", settings, runs, leases, publisher, maker, clock);
  }
}
