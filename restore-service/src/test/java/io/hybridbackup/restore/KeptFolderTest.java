package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.ComponentFailure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KeptFolderTest {
  private static final RunId RUN = RunId.ofRequest("/test", "restore");

  @TempDir private Path folder;
  private Path disk;
  private Path target;
  private Path kept;

  @BeforeEach
  void make() throws IOException {
    disk = folder.toRealPath().resolve("disk");
    target = disk.resolve("target");
    kept = disk.resolve("kept");
    Files.createDirectories(target);
    Files.createDirectories(kept.resolve("old"));
  }

  private void remove() throws Exception {
    Gate.removeKept(
        new Exchange.Folders(target.toString(), false, true, kept.toString(), null, false), RUN);
  }

  @Test
  void shouldNotTakeWhatIsOnADiskThatIsAwayForRemoved() throws Exception {
    // given
    Path away = folder.resolve("away");
    Files.move(disk, away);
    Files.createDirectory(disk);

    // then
    assertThatThrownBy(this::remove)
        .isInstanceOfSatisfying(
            ComponentFailure.class, failure -> assertThat(failure.retryable()).isTrue())
        .hasMessageContaining("mount its disk");

    // when
    Files.delete(disk);
    Files.move(away, disk);
    remove();

    // then
    assertThat(disk).isDirectoryContaining(target::equals);
    assertThat(kept).doesNotExist();
  }

  @Test
  void shouldBeContentWithWhatPeopleHaveRemoved() throws Exception {
    // given
    Files.delete(kept.resolve("old"));
    Files.delete(kept);

    // then
    assertThatCode(this::remove).doesNotThrowAnyException();
  }

  @Test
  void shouldRemoveWhatAnEarlierTryHasHalfRemoved() throws Exception {
    // given
    Files.move(kept, disk.resolve(".target.restore-" + RUN + "-0"));

    // when
    remove();

    // then
    assertThat(disk.toFile().list()).containsExactly("target");
  }
}
