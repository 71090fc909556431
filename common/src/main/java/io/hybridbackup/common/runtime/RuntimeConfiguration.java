package io.hybridbackup.common.runtime;

import io.hybridbackup.common.archive.Compressor;
import io.hybridbackup.common.archive.Parallelism;
import io.hybridbackup.common.job.Leases;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.messaging.TopicProvisioner;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectStore;
import java.time.Clock;
import java.time.Duration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * Wires what the services share; imported by each of them, made once where several run together.
 */
@Configuration(proxyBeanMethods = false)
public class RuntimeConfiguration {
  /** How long a service that starts waits for the store, and for the broker. */
  private static final Duration PATIENCE = Duration.ofMinutes(5);

  /** What manifests say that they were created by: this product and its version. */
  public static String product() {
    String version = RuntimeConfiguration.class.getPackage().getImplementationVersion();
    return version == null ? "hybrid-backup" : "hybrid-backup " + version;
  }

  @Bean
  Clock clock() {
    return Clock.systemUTC();
  }

  @Bean
  ObjectStore objectStore(Settings settings) throws InterruptedException {
    return ProbedStore.open(settings.objectStore(), PATIENCE);
  }

  @Bean
  Runs runs(ObjectStore store) {
    return new Runs(store);
  }

  @Bean
  Leases leases(ObjectStore store, Settings settings) {
    return new Leases(store, settings.jobs().lease());
  }

  /** The topics are there before anything is published to them. */
  @Bean
  EventPublisher eventPublisher(Settings settings) throws InterruptedException {
    new TopicProvisioner(settings.kafka()).provision(PATIENCE);
    return new EventPublisher(settings.kafka());
  }

  @Bean
  NativeTools nativeTools() {
    return new NativeTools();
  }

  @Bean
  Compressor compressor() {
    return Compressor.open(Parallelism.here().compressing());
  }
}
