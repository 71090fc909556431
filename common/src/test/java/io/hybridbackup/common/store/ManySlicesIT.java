package io.hybridbackup.common.store;

import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.S3TestServer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An archive of very many slices, with the heap of a service: {@code
 * -Dhybrid-backup.test.slices=200000}.
 */
class ManySlicesIT {
  private static final Logger LOG = LoggerFactory.getLogger(ManySlicesIT.class);
  private static final int SLICES = Integer.getInteger("hybrid-backup.test.slices", 60_000);

  @TempDir private Path folder;

  @Test
  void shouldPlanAnArchiveOfVeryManySlicesInAFolder() {
    run(folder.toString());
  }

  @Test
  void shouldPlanAnArchiveOfVeryManySlicesOnS3() {
    try (S3TestServer server = S3TestServer.start(folder)) {
      server.createBucket("backups");
      run(server.endpoint().toString(), "backups", server.secretKeyFile().toString());
    }
  }

  private static void run(String... place) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                ManySlices.class.getName(),
                Integer.toString(SLICES)));
    command.addAll(List.of(place));
    String measured = Commands.run(command.toArray(String[]::new));
    LOG.atWarn().addKeyValue("slices", SLICES).log(measured.strip());
  }
}
