package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.hybridbackup.common.archive.HeldFolder;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.testing.Commands;
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

  @Test
  void shouldNeitherReplaceNorDeleteAFolderInWhichAnotherDiskIsMounted() throws Exception {
    assumeTrue(Commands.root(), "only root can mount a disk");
    // given
    Path folder = Files.createDirectory(disk.resolve("storage"));
    Path scans = Files.createDirectories(folder.resolve("a b\\c/scans"));
    Path beside = Files.createDirectory(disk.resolve("storage2"));
    Exchange.Folders plan = plan(folder);
    MediaTarget.requireOneDisk(plan);
    Commands.run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", scans.toString());
    try {
      Path scan = Files.writeString(scans.resolve("scan"), "scan");
      Path letter = Files.writeString(folder.resolve("letter"), "letter");

      // then
      assertThatThrownBy(() -> MediaTarget.requireOneDisk(plan))
          .isInstanceOf(ComponentFailure.class)
          .hasMessageContaining("mounted at " + scans.toRealPath() + ", within the target folder");
      assertThatThrownBy(() -> delete(folder))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("mounted at " + scans);
      assertThat(scan).hasContent("scan");
      assertThat(letter).hasContent("letter");
      MediaTarget.requireOneDisk(plan(scans));
      MediaTarget.requireOneDisk(plan(beside));
    } finally {
      Commands.run("umount", scans.toString());
    }
    delete(folder);
    assertThat(folder).doesNotExist();
  }

  private void delete(Path folder) throws IOException {
    try (HeldFolder parent = HeldFolder.open(disk.toRealPath())) {
      parent.delete(disk.relativize(folder));
    }
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
