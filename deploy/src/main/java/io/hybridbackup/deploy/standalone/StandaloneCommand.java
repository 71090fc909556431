package io.hybridbackup.deploy.standalone;

import io.hybridbackup.common.messaging.TopicProvisioner;
import io.hybridbackup.common.settings.Secret;
import io.hybridbackup.common.settings.ServiceProgram;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.settings.SettingsException;
import io.hybridbackup.dbdump.DbDumpConfiguration;
import io.hybridbackup.deploy.broker.BrokerException;
import io.hybridbackup.deploy.broker.EmbeddedBroker;
import io.hybridbackup.deploy.cli.ConfigOption;
import io.hybridbackup.mediasync.MediaSyncConfiguration;
import io.hybridbackup.packager.PackagerConfiguration;
import io.hybridbackup.restore.RestoreConfiguration;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Runs the services and a broker until the process is told to end. */
@Command(
    name = "standalone",
    description = {
      "Run all services and an embedded broker until interrupted.",
      "Ends by SIGTERM (exit code 143) or SIGINT (130), the services first and then the broker."
    })
public final class StandaloneCommand implements Callable<Integer> {
  private static final Duration BROKER_PATIENCE = Duration.ofSeconds(30);

  @Mixin private ConfigOption config = new ConfigOption();

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description = "Where topics and staging folders are kept, instead of data-directory.")
  private @Nullable Path data;

  @Override
  public Integer call() throws SettingsException, BrokerException, InterruptedException {
    Settings settings = data == null ? config.read() : withData(config.read(), data);
    Secret.check(config.file(), settings, EnumSet.allOf(Secret.class));
    Parts parts = new Parts();
    Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().name("stop").unstarted(parts::close));
    parts.add(
        EmbeddedBroker.start(
            settings.dataDirectory().resolve("kafka"), settings.kafka().bootstrapServers()));
    new TopicProvisioner(settings.kafka()).provision(BROKER_PATIENCE);
    // Spring Boot sets logging up again, with the same file, and complains of any other way.
    System.clearProperty("logback.configurationFile");
    parts.add(
        ServiceProgram.application(
                settings,
                DbDumpConfiguration.class,
                MediaSyncConfiguration.class,
                PackagerConfiguration.class,
                RestoreConfiguration.class)
            .registerShutdownHook(false)
            .run());
    System.out.println(
        "ready: Kafka at "
            + settings.kafka().bootstrapServers()
            + ", "
            + settings.sources().size()
            + " sources, "
            + settings.targets().size()
            + " targets, data in "
            + settings.dataDirectory());
    new CountDownLatch(1).await();
    return 0;
  }

  private static Settings withData(Settings settings, Path data) {
    return new Settings(
        settings.kafka(),
        settings.objectStore(),
        data.toAbsolutePath().normalize(),
        settings.zone(),
        settings.jobs(),
        settings.restore(),
        settings.tools(),
        settings.sources(),
        settings.targets());
  }
}
