package io.hybridbackup.common.archive;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ManyMembersIT {
  @TempDir private Path folder;

  /** A member has about a mebibyte otherwise; 64 bytes for each would be 38 MB. */
  @Test
  void shouldReadADumpOfHundredsOfGigabytesInLittleMemory() {
    String _ =
        Tool.run(
            folder,
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx40m",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            ManyMembers.class.getName(),
            folder.resolve("store").toString(),
            "600000");
  }
}
