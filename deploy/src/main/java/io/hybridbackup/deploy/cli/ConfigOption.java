package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.settings.ServiceProgram;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.settings.SettingsException;
import io.hybridbackup.common.settings.SettingsFile;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What every command takes. */
public final class ConfigOption {
  @Option(
      names = "--config",
      paramLabel = "FILE",
      description =
          "The configuration file; else HYBRID_BACKUP_CONFIG names it, else it is"
              + " /etc/hybrid-backup/hybrid-backup.yaml.")
  private @Nullable Path config;

  @Option(names = "--debug", description = "Show stack traces.")
  private boolean debug;

  public Path file() {
    return ServiceProgram.file(config);
  }

  public Settings read() throws SettingsException {
    return SettingsFile.read(file());
  }

  boolean debug() {
    return debug;
  }
}
