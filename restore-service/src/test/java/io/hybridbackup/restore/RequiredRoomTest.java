package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.hybridbackup.common.archive.ArchiveReader.Room;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.process.NativeTools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RequiredRoomTest {
  @TempDir private Path disk;
  private final NativeTools tools = new NativeTools();
  private final RequiredRoom room = new RequiredRoom(tools);

  @AfterEach
  void closeTools() {
    tools.close();
  }

  @Test
  void shouldAddUpWhatIsTakenOfOneDiskByTwoFolders() throws Exception {
    // given
    Path data = Files.createDirectory(disk.resolve("data"));
    Path target = Files.createDirectory(disk.resolve("target"));
    Room mostOfIt = new Room(Files.getFileStore(disk).getUsableSpace() / 3 * 2, 1);

    // when
    room.add(data, "the dump", mostOfIt);
    assertThatCode(room::require).doesNotThrowAnyException();
    assertThat(room.has(target, mostOfIt)).isFalse();
    room.add(target, "the files", mostOfIt);

    // then
    assertThatThrownBy(room::require)
        .isInstanceOfSatisfying(
            ComponentFailure.class,
            failure -> assertThat(failure.code()).isEqualTo(FailureCode.DISK_FULL))
        .hasMessageContaining(data + " (the dump) and " + target + " (the files)")
        .hasMessageContaining("and 2 inodes")
        .hasMessageContaining("free some");
  }

  @Test
  void shouldKeepDisksApart() throws Exception {
    // given
    Path other = Path.of("/dev/shm");
    assumeTrue(Files.isDirectory(other) && !isSame(disk, other), "there is one disk");
    Room most = new Room(smaller(disk, other) / 3 * 2, 1);

    // when
    room.add(disk, "the dump", most);
    room.add(other, "the files", most);

    // then
    assertThatCode(room::require).doesNotThrowAnyException();
    assertThat(room.told()).hasSize(2);
  }

  private static boolean isSame(Path one, Path other) throws IOException {
    return Files.getAttribute(one, "unix:dev").equals(Files.getAttribute(other, "unix:dev"));
  }

  private static long smaller(Path one, Path other) throws IOException {
    return Math.min(
        Files.getFileStore(one).getUsableSpace(), Files.getFileStore(other).getUsableSpace());
  }
}
