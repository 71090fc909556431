package io.hybridbackup.common.archive;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ManyMembersIT {
  @TempDir private Path folder;

  /** A member has about a mebibyte. */
  @Test
  void shouldReadADumpOfATerabyteInLittleMemory() {
    String _ =
        Tool.run(
            folder,
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx112m",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            ManyMembers.class.getName(),
            "1000000");
  }
}
