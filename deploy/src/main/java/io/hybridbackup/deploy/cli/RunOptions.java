package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.settings.SettingsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What every command takes that asks for something and waits for it. */
final class RunOptions {
  @Mixin private ConfigOption config = new ConfigOption();

  @Option(
      names = "--json",
      description = "Print the data of the fact that ends the run, on one line.")
  private boolean json;

  @Option(names = "--no-wait", description = "Do not wait for the end.")
  private boolean noWait;

  boolean waits() {
    return !noWait;
  }

  RunClient client() throws SettingsException {
    return new RunClient(config.read().kafka(), json, System.out, System.err);
  }

  /** Who asks, for the audit: {@code user@host}. */
  static String requestedBy() {
    String user = System.getProperty("user.name", "unknown");
    try {
      return user + "@" + Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
    } catch (IOException e) {
      return user;
    }
  }
}
