package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.ComponentFailure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MediaTargetTest {
  private static final RunId RUN = RunId.ofRequest("/test", "restore");

  @TempDir private Path disk;

  @Test
  void shouldNotTakeAFolderThatHasGoneOutOfSightForOneThatHasNeverBeen() throws Exception {
    // given
    Path folder = disk.resolve("app/storage");
    Exchange.Folders never = plan(folder);
    Files.createDirectories(folder);
    Exchange.Folders there = plan(folder);
    Exchange.Folders mounted =
        new Exchange.Folders(folder.toString(), true, true, there.keptAs(), null, false);

    // then
    assertThatCode(() -> MediaTarget.requireStillThere(never, there)).doesNotThrowAnyException();
    assertThatCode(() -> MediaTarget.requireStillThere(there, there)).doesNotThrowAnyException();
    assertAway(there, never);
    assertAway(mounted, there);
  }

  private static Exchange.Folders plan(Path folder) throws IOException {
    return new MediaTarget(folder).plan(RUN);
  }

  private static void assertAway(Exchange.Folders earlier, Exchange.Folders now) {
    assertThatThrownBy(() -> MediaTarget.requireStillThere(earlier, now))
        .isInstanceOf(ComponentFailure.class)
        .matches(failure -> ((ComponentFailure) failure).retryable())
        .hasMessageContaining("mount its disk");
  }
}
