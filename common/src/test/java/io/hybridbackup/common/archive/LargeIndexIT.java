package io.hybridbackup.common.archive;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Very many files in little memory: {@code -Dhybrid-backup.test.index-files=2000000
 * -Dhybrid-backup.test.index-heap=256m}. The heap is the smaller, the fewer files there are, so
 * that it does not hold all entries.
 */
class LargeIndexIT {
  private static final Logger LOG = LoggerFactory.getLogger(LargeIndexIT.class);
  private static final int FILES = Integer.getInteger("hybrid-backup.test.index-files", 150_000);
  private static final String HEAP = System.getProperty("hybrid-backup.test.index-heap", "48m");

  @TempDir private Path folder;

  @Test
  void shouldWriteAndReadAnIndexWithoutHoldingAllEntries() {
    String measured =
        Tool.run(
            folder,
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx" + HEAP,
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            LargeIndex.class.getName(),
            folder.resolve("store").toString(),
            Integer.toString(FILES));

    LOG.atWarn().addKeyValue("heap", HEAP).log(measured.strip());
  }
}
