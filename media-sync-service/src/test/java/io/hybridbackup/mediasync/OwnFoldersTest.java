package io.hybridbackup.mediasync;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OwnFoldersTest {
  private static final FileTime TIME = FileTime.from(Instant.parse("2026-01-11T02:00:00.5Z"));

  @TempDir private Path folder;
  private Path earlier;
  private Path newer;

  @BeforeEach
  void makeTrees() throws IOException {
    earlier = Files.createDirectory(folder.resolve("earlier"));
    newer = Files.createDirectory(folder.resolve("newer"));
  }

  @Test
  void shouldMoveWhatOnlyTheEarlierTreeHas() throws IOException {
    // given
    write(earlier.resolve("gone"), "gone");
    write(earlier.resolve("folder/gone"), "gone too");
    write(newer.resolve("folder/kept"), "kept");
    write(earlier.resolve("gone-folder/deep/file"), "deep");
    Files.createSymbolicLink(earlier.resolve("dangling"), Path.of("nowhere"));

    // when
    OwnFolders.merge(earlier, newer);

    // then
    assertThat(newer.resolve("gone")).hasContent("gone");
    assertThat(newer.resolve("folder/gone")).hasContent("gone too");
    assertThat(newer.resolve("folder/kept")).hasContent("kept");
    assertThat(newer.resolve("gone-folder/deep/file")).hasContent("deep");
    assertThat(Files.readSymbolicLink(newer.resolve("dangling"))).isEqualTo(Path.of("nowhere"));
  }

  @Test
  void shouldPreferTheNewerWhereBothHaveAPath() throws IOException {
    // given
    write(earlier.resolve("file"), "old");
    write(newer.resolve("file"), "new");
    write(earlier.resolve("became-file/inside"), "lost");
    write(newer.resolve("became-file"), "file");
    write(earlier.resolve("became-folder"), "lost");
    write(newer.resolve("became-folder/inside"), "inside");
    write(earlier.resolve("became-link/inside"), "lost");
    write(folder.resolve("elsewhere/file"), "elsewhere");
    Files.createSymbolicLink(newer.resolve("became-link"), folder.resolve("elsewhere"));

    // when
    OwnFolders.merge(earlier, newer);

    // then
    assertThat(newer.resolve("file")).hasContent("new");
    assertThat(newer.resolve("became-file")).hasContent("file");
    assertThat(newer.resolve("became-folder/inside")).hasContent("inside");
    assertThat(newer.resolve("became-link")).isSymbolicLink();
    assertThat(folder.resolve("elsewhere")).isDirectoryNotContaining("glob:**/inside");
  }

  @Test
  void shouldLeaveTimesAndModesOfFoldersAsTheyAre() throws IOException {
    // given
    write(earlier.resolve("folder/gone"), "gone");
    write(earlier.resolve("gone-folder/gone"), "gone");
    Path both = Files.createDirectory(newer.resolve("folder"));
    Path moved = newer.resolve("gone-folder");
    for (Path path : new Path[] {newer, both, earlier.resolve("gone-folder")}) {
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("r-xr-x---"));
      Files.setLastModifiedTime(path, TIME);
    }
    Files.setAttribute(both, "unix:mode", 03550);

    // when
    OwnFolders.merge(earlier, newer);

    // then
    for (Path path : new Path[] {newer, both, moved}) {
      assertThat(Files.getLastModifiedTime(path)).isEqualTo(TIME);
      assertThat((int) Files.getAttribute(path, "unix:mode") & 07777)
          .isEqualTo(path.equals(both) ? 03550 : 0550);
    }
    assertThat(moved.resolve("gone")).exists();
    OwnFolders.remove(newer);
  }

  @Test
  void shouldRemoveATreeAndLeaveWhatIsLinkedThereAsItIs() throws IOException {
    // given
    Path original = folder.resolve("original");
    write(original, "original");
    Files.setPosixFilePermissions(original, PosixFilePermissions.fromString("r--------"));
    Files.setLastModifiedTime(original, TIME);
    Path below = Files.createDirectory(earlier.resolve("folder"));
    Files.createLink(below.resolve("link"), original);
    Files.createSymbolicLink(below.resolve("newer"), newer);
    write(newer.resolve("file"), "file");
    Files.setPosixFilePermissions(below, PosixFilePermissions.fromString("r-xr-xr-x"));

    // when
    OwnFolders.remove(earlier);

    // then
    assertThat(earlier).doesNotExist();
    assertThat(newer.resolve("file")).hasContent("file");
    assertThat(original).hasContent("original");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(original)))
        .isEqualTo("r--------");
    assertThat(Files.getLastModifiedTime(original)).isEqualTo(TIME);
    assertThat(Files.getAttribute(original, "unix:nlink", LinkOption.NOFOLLOW_LINKS)).isEqualTo(1);
  }

  private static void write(Path file, String content) throws IOException {
    Path parent = file.getParent();
    if (parent != null) {
      Files.createDirectories(parent);
    }
    Files.writeString(file, content);
  }
}
