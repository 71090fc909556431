package io.hybridbackup.dbdump;

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

/** Wires the db-dump service. */
@Configuration(proxyBeanMethods = false)
@Import(RuntimeConfiguration.class)
public class DbDumpConfiguration {
  @Bean
  WorkerService dbDumpService(
      Settings settings,
      Runs runs,
      Leases leases,
      EventPublisher publisher,
      NativeTools tools,
      Compressor compressor,
      Clock clock) {
    DatabasePartMaker maker =
        new DatabasePartMaker(settings, runs, publisher, tools, compressor, clock);
    return WorkerService.ofParts("db-dump", settings, runs, leases, publisher, maker, clock);
  }
}
