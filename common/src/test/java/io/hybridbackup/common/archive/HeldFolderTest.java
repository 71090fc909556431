package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.hybridbackup.common.process.NativeTools;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HeldFolderTest {
  private static final Path GATE = Path.of("gate");
  private static final byte[] DUMP = ArchiveFixture.dump(1000);

  @TempDir private Path folder;
  private Path home;
  private Path elsewhere;

  @BeforeEach
  void make() throws IOException {
    folder = folder.toRealPath();
    home = folder.resolve("home");
    elsewhere = Files.createDirectories(folder.resolve("elsewhere"));
    Files.createDirectories(home.resolve("gate/next"));
    Files.setPosixFilePermissions(home.resolve(GATE), PosixFilePermissions.fromString("rwx------"));
  }

  /** What the user whose folder it is may do at any time. */
  private void putALinkInItsPlace() throws IOException {
    Files.move(home.resolve(GATE), home.resolve("moved"));
    Files.createSymbolicLink(home.resolve(GATE), elsewhere);
  }

  @Test
  void shouldExtractNothingElsewhereWhenALinkTakesTheFoldersPlaceMeanwhile() throws IOException {
    // given
    Path tree = Files.createDirectory(folder.resolve("tree"));
    for (int n = 0; n < 10; n++) {
      Files.write(tree.resolve("file " + n), ArchiveFixture.dump(2_000_000));
    }
    Files.createDirectory(elsewhere.resolve("next"));
    boolean[] replaced = new boolean[1];
    try (ArchiveFixture fixture = new ArchiveFixture(folder.resolve("store"), DUMP, tree);
        HeldFolder held = HeldFolder.open(home);
        HeldFolder gate = held.ownChild(GATE)) {

      // when
      fixture
          .reader()
          .extractMedia(
              gate.path().resolve("next"),
              new ExtractOptions(NativeTools.isRoot(), false),
              (bytes, files) -> {
                if (!replaced[0]) {
                  replaced[0] = true;
                  try {
                    putALinkInItsPlace();
                  } catch (IOException e) {
                    throw new UncheckedIOException(e);
                  }
                }
              });
    }

    // then
    assertThat(replaced[0]).isTrue();
    assertThat(elsewhere.resolve("next")).isEmptyDirectory();
    try (var files = Files.list(home.resolve("moved/next"))) {
      assertThat(files).hasSize(10);
    }
  }

  @Test
  void shouldDeleteAndChangeNothingElsewhereWhenALinkTakesAFoldersPlaceMeanwhile()
      throws IOException {
    // given
    Files.createDirectories(home.resolve("gate/next/deeper"));
    Files.writeString(home.resolve("gate/next/deeper/file"), "to be deleted");
    Path deeper = Files.createDirectories(elsewhere.resolve("next/deeper"));
    Files.writeString(deeper.resolve("file"), "of somebody else");
    Files.setPosixFilePermissions(deeper, PosixFilePermissions.fromString("rwxr-xr-x"));
    try (HeldFolder held = HeldFolder.open(home);
        HeldFolder gate = held.child(GATE)) {

      // when
      putALinkInItsPlace();
      gate.delete(Path.of("next"));
      held.delete(GATE);
    }

    // then
    assertThat(deeper.resolve("file")).hasContent("of somebody else");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(deeper)))
        .isEqualTo("rwxr-xr-x");
    assertThat(home.resolve("moved")).isEmptyDirectory();
    assertThat(home.resolve(GATE)).doesNotExist();
  }

  @Test
  void shouldDeleteFoldersThatTheirOwnerMayNotEvenRead() throws IOException {
    // given
    Path shut = Files.createDirectories(home.resolve("gate/next/shut"));
    Files.writeString(shut.resolve("file"), "to be deleted");
    Files.createSymbolicLink(home.resolve("gate/next/link"), elsewhere);
    Files.setPosixFilePermissions(shut, PosixFilePermissions.fromString("---------"));
    try (HeldFolder held = HeldFolder.open(home)) {

      // when
      held.delete(GATE);
      held.delete(GATE);
    }

    // then
    assertThat(home).isEmptyDirectory();
    assertThat(elsewhere).isEmptyDirectory();
  }

  @Test
  void shouldGoThroughNoSymbolicLink() throws IOException {
    // given
    Files.createDirectories(elsewhere.resolve("gate"));
    Files.createSymbolicLink(folder.resolve("link"), elsewhere);
    putALinkInItsPlace();

    // then
    assertThatThrownBy(() -> HeldFolder.open(folder.resolve("link/gate")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(folder.resolve("link") + " is not a folder")
        .hasMessageContaining("move them away");
    assertThatThrownBy(() -> HeldFolder.make(folder.resolve("link/new/folder")))
        .isInstanceOf(IOException.class);
    assertThat(elsewhere.resolve("new")).doesNotExist();
    try (HeldFolder held = HeldFolder.open(home)) {
      assertThatThrownBy(() -> held.child(GATE)).hasMessageContaining("is not a folder");
    }
    assertThatThrownBy(() -> HeldFolder.open(folder.resolve("missing")))
        .isInstanceOf(NoSuchFileException.class);
  }

  @Test
  void shouldMakeWhatIsMissing() throws IOException {
    try (HeldFolder held = HeldFolder.make(folder.resolve("some/new/folder"))) {
      Path _ = Files.createFile(held.path().resolve("file"));
    }
    assertThat(folder.resolve("some/new/folder/file")).exists();
  }

  @Test
  void shouldHoldAFolderOfAnyName() throws IOException {
    // given
    Path named = EntryPath.of(home).resolve(EntryPath.of("ö/日本")).toPath();

    // when
    try (HeldFolder held = HeldFolder.make(named)) {
      Path _ = Files.createFile(held.path().resolve("file"));
    }

    // then
    assertThat(named.resolve("file")).exists();
  }

  @Test
  void shouldNotTakeAFolderForItsOwnThatOthersMayWriteIn() throws IOException {
    // given
    Files.setPosixFilePermissions(home.resolve(GATE), PosixFilePermissions.fromString("rwxrwxrwx"));

    // then
    try (HeldFolder held = HeldFolder.open(home)) {
      assertThatThrownBy(() -> held.ownChild(GATE))
          .hasMessageContaining(home.resolve(GATE) + " is another user's")
          .hasMessageContaining("move it away");
    }
  }

  @Test
  void shouldNotTakeAnotherUsersFolderForItsOwn() throws IOException {
    assumeTrue(NativeTools.isRoot(), "only root can give folders away");
    // given
    Libc.lchown(EntryPath.of(home.resolve(GATE)), 65534, 65534);

    // then
    try (HeldFolder held = HeldFolder.open(home)) {
      assertThatThrownBy(() -> held.ownChild(GATE)).hasMessageContaining("is another user's");
    }
  }

  @Test
  void shouldNameFoldersAsPeopleKnowThem() throws IOException {
    try (HeldFolder held = HeldFolder.open(home);
        HeldFolder gate = held.child(GATE)) {
      assertThatThrownBy(() -> Files.createDirectory(gate.path().resolve("next")))
          .isInstanceOfSatisfying(
              FileAlreadyExistsException.class,
              e ->
                  assertThat(HeldFolder.named(String.valueOf(e.getMessage())))
                      .isEqualTo(home.resolve("gate/next").toString()));
    }
  }
}
