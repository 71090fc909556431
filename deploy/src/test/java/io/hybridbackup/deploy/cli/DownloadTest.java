package io.hybridbackup.deploy.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.store.Crc64Nvme;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.store.Upload;
import io.hybridbackup.common.testing.WatchedStore;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class DownloadTest {
  private static final int BYTES = 10_000_007;
  private static final long CHUNK = 300_000;
  private static final ObjectKey KEY = ObjectKey.of("backups", "edms", "archive.tar.gz");

  @TempDir private Path folder;
  private final byte[] content = new byte[BYTES];
  private final Said said = new Said();
  private Path file;
  private WatchedStore store;
  private StoredObject object;

  private static final class Said implements Progress {
    private final List<String> lines = new ArrayList<>();

    @Override
    public void show(Fact fact) {}

    @Override
    public void show(
        String label, String phase, long bytes, @Nullable Long bytesTotal, @Nullable Long files) {}

    @Override
    public void say(String text) {
      lines.add(text);
    }

    @Override
    public void close() {}
  }

  @BeforeEach
  void store() throws IOException {
    file = folder.resolve("here.tar.gz");
    new Random(5).nextBytes(content);
    store = new WatchedStore(new FilesystemObjectStore(folder.resolve("store")));
    object = upload();
  }

  @AfterEach
  void close() {
    store.close();
  }

  private StoredObject upload() throws IOException {
    try (Upload upload = store.upload(KEY)) {
      upload.write(content);
      return upload.complete();
    }
  }

  private void download() {
    new Download(store, object, file, said, CHUNK)
        .run(crc64nvme -> assertThat(crc64nvme).isEqualTo(Crc64Nvme.hex(Crc64Nvme.of(content))));
  }

  private void breakOff() {
    store.breakOffAfter(BYTES / 2);
    assertThatThrownBy(this::download)
        .isInstanceOf(CommandException.class)
        .hasMessageContaining("the connection was cut")
        .hasMessageContaining("the same command goes on from there");
    store.breakOffAfter(Long.MAX_VALUE);
    assertThat(file).doesNotExist();
  }

  private List<Path> leavings() throws IOException {
    try (var files = Files.list(folder)) {
      return files.filter(path -> !path.endsWith("store") && !path.equals(file)).toList();
    }
  }

  @Test
  void shouldBringTheObjectAndLeaveNothingElse() throws IOException {
    download();

    assertThat(file).hasBinaryContent(content);
    assertThat(leavings()).isEmpty();
    assertThat(said.lines).isEmpty();
  }

  @Test
  void shouldGoOnWhereItStopped() throws IOException {
    // given
    breakOff();
    long before = store.bytesRead();

    // when
    download();

    // then
    assertThat(file).hasBinaryContent(content);
    assertThat(store.bytesRead() - before).isLessThan(BYTES - BYTES / 4);
    assertThat(said.lines)
        .singleElement()
        .asString()
        .startsWith("going on where an earlier download stopped");
    assertThat(leavings()).isEmpty();
  }

  @Test
  void shouldFetchAgainWhatIsNoLongerAsItWas() throws IOException {
    // given
    breakOff();
    try (RandomAccessFile part = new RandomAccessFile(folder + "/here.tar.gz.part", "rw")) {
      part.seek(17);
      part.write(~content[17]);
    }

    // when
    download();

    // then
    assertThat(file).hasBinaryContent(content);
  }

  @Test
  void shouldBeginAgainIfTheObjectIsAnotherOne() throws IOException {
    // given
    breakOff();
    content[BYTES - 1]++;
    store.delete(KEY);
    object = upload();
    long before = store.bytesRead();

    // when
    download();

    // then
    assertThat(file).hasBinaryContent(content);
    assertThat(store.bytesRead() - before).isEqualTo(BYTES);
    assertThat(said.lines).singleElement().asString().startsWith("beginning again: the archive in");
  }

  @Test
  void shouldOverwriteNoPartThatNoDownloadHasLeft() throws IOException {
    Path part = Files.writeString(folder.resolve("here.tar.gz.part"), "mine");

    assertThatThrownBy(this::download)
        .isInstanceOfSatisfying(
            CommandException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCode.USAGE))
        .hasMessageContaining(part + " exists");
    assertThat(part).hasContent("mine");
    assertThat(leavings()).containsExactly(part);
  }

  @Test
  void shouldFollowNoLinkWhereItKeepsItsState() throws IOException {
    Path mine = Files.writeString(folder.resolve("mine"), "mine");
    Files.createSymbolicLink(folder.resolve("here.tar.gz.part.state.new"), mine);

    download();

    assertThat(file).hasBinaryContent(content);
    assertThat(mine).hasContent("mine");
    assertThat(leavings()).containsExactly(mine);
  }

  @Test
  void shouldWriteNoFileWhereThereIsAnything() throws IOException {
    Path mine = Files.writeString(folder.resolve("mine"), "mine");
    Path link = Files.createSymbolicLink(folder.resolve("link"), folder.resolve("nowhere"));

    for (Path taken : List.of(mine, link)) {
      assertThatThrownBy(() -> Download.writeNew(taken, new byte[1]))
          .isInstanceOf(FileAlreadyExistsException.class);
    }
    assertThat(mine).hasContent("mine");
    assertThat(leavings()).containsExactlyInAnyOrder(mine, link);
  }

  @Test
  void shouldSayThatTheArchiveHasGone() throws IOException {
    store.delete(KEY);

    assertThatThrownBy(this::download)
        .isInstanceOfSatisfying(
            CommandException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCode.NOTHING_FOUND))
        .hasMessageContaining("deleted or replaced")
        .hasMessageNotContaining("goes on from there");
  }

  @Test
  void shouldOverwriteNothing() throws IOException {
    Files.writeString(file, "mine");

    assertThatThrownBy(this::download)
        .isInstanceOf(CommandException.class)
        .hasMessageContaining("exists");
    assertThat(file).hasContent("mine");
  }

  @Test
  void shouldNotDisturbAnotherDownload() throws IOException {
    Path part = folder.resolve("here.tar.gz.part");
    // A lock of the same process counts as another's.
    try (FileChannel channel =
        FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      channel.lock();

      assertThatThrownBy(this::download)
          .isInstanceOf(CommandException.class)
          .hasMessageContaining("another download");
    }
  }

  @Test
  void shouldGiveNothingItsNameThatDoesNotPassTheCheck() throws IOException {
    assertThatThrownBy(() ->
            new Download(store, object, file, said, CHUNK)
                .run(_ -> {
                  throw new CommandException(ExitCode.RUN_FAILED, "damaged");
                }))
        .hasMessage("damaged");
    assertThat(file).doesNotExist();
    assertThat(leavings()).isEmpty();
  }
}
