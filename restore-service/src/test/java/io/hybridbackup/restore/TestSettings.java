package io.hybridbackup.restore;

import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.settings.Settings;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneOffset;
import java.util.Map;

/** Settings of a restore service that needs no broker. */
final class TestSettings {
  static final Settings.Tools TOOLS =
      new Settings.Tools("pg_dump", "pg_dumpall", "pg_restore", "psql", "rsync");

  private TestSettings() {}

  /**
   * @param folder holds the store, and the service's data below it
   */
  static Settings of(
      Path folder, Duration lease, Settings.Tools tools, Map<TargetName, Settings.Target> targets) {
    return new Settings(
        new Settings.Kafka("127.0.0.1:1", 1, (short) 1),
        new Settings.FilesystemStore(folder),
        folder.resolve("data"),
        ZoneOffset.UTC,
        new Settings.Jobs(
            lease,
            Duration.ofSeconds(4),
            Duration.ofHours(1),
            3,
            Duration.ofMinutes(1),
            2,
            Settings.WhenBusy.WAIT,
            Duration.ofHours(1),
            true,
            100),
        new Settings.Restore(Duration.ofDays(7)),
        tools,
        Map.of(),
        targets);
  }
}
