package io.hybridbackup.common.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MountsTest {
  private static final Path ROOT = Path.of("/");
  private static final Path PROC = Path.of("/proc");

  @Test
  void shouldKnowMountPointsFromFolders(@TempDir Path folder) throws IOException {
    assertThat(Mounts.isAt(ROOT)).isTrue();
    assertThat(Mounts.isAt(PROC)).isTrue();
    assertThat(Mounts.isAt(folder.toRealPath())).isFalse();
  }

  @Test
  void shouldFindWhatIsMountedBelowAFolder(@TempDir Path folder) throws IOException {
    assertThat(Mounts.anyBelow(ROOT)).isPresent();
    assertThat(Mounts.anyBelow(folder.toRealPath())).isEmpty();
    assertThat(Mounts.anyBelow(Path.of("/pro"))).as("but /proc is beside it").isEmpty();
  }
}
