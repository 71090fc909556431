package io.hybridbackup.mediasync;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.archive.EntryPath;
import io.hybridbackup.common.archive.FileStatus;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CopyReviewTest {
  private static final FileTime TIME = FileTime.from(Instant.parse("2026-01-11T02:00:00.100Z"));

  /** So much later than a file's ctime it is certain that the file has not changed since. */
  private static final Duration CERTAIN = Duration.ofMillis(21);

  @TempDir private Path folder;
  private Path source;
  private Path copy;
  private CopyReview review;

  @BeforeEach
  void makeFolders() throws IOException {
    source = Files.createDirectory(folder.resolve("source"));
    copy = Files.createDirectory(folder.resolve("copy"));
    review = new CopyReview(source, copy);
  }

  @Test
  void shouldDoubtAFileWhoseContentAloneWasChangedWhileItWasCopied() throws IOException {
    // given
    Path original = write(source.resolve("file"), "before");
    Instant begun = changed(original).plus(CERTAIN);
    writeSince(begun, copy.resolve("file"), "before");
    assertThat(review.doubtful(begun, List.of())).isEmpty();

    // when
    writeSince(begun, original, "after!");

    // then
    assertThat(review.doubtful(begun, List.of())).containsExactly(path("file"));
  }

  @Test
  void shouldDoubtAFileThatIsNewerThanItsCopyOrOfAnotherSize() throws IOException {
    // given
    Path longer = write(source.resolve("longer"), "longer");
    Path newer = write(source.resolve("newer"), "newer");
    Path _ = write(source.resolve("same"), "same!");
    Files.setLastModifiedTime(newer, FileTime.from(TIME.toInstant().plusNanos(1000)));
    Instant begun = changed(newer).plus(CERTAIN);
    for (String name : List.of("longer", "newer", "same")) {
      writeSince(begun, copy.resolve(name), "12345");
    }

    // then
    assertThat(changed(longer)).isBefore(begun);
    assertThat(review.doubtful(begun, List.of()))
        .containsExactlyInAnyOrder(path("longer"), path("newer"));
    assertThat(review.doubtful(changed(copy.resolve("same")).plusSeconds(1), List.of())).isEmpty();
  }

  @Test
  void shouldDoubtAFileUntilItHasBeenCopiedAnew() throws IOException {
    // given
    Path original = write(source.resolve("copied"), "12345");
    for (String name : List.of("copied", "passed over", "deleted")) {
      write(copy.resolve(name), "12345");
    }
    List<EntryPath> earlier = List.of(path("copied"), path("passed over"), path("deleted"));
    Instant begun = changed(copy.resolve("deleted")).plus(CERTAIN);

    // when
    writeSince(begun, copy.resolve("copied"), "12345");
    Files.delete(copy.resolve("deleted"));

    // then
    assertThat(changed(original)).isBefore(begun);
    assertThat(review.doubtful(begun, earlier)).containsExactly(path("passed over"));
  }

  @Test
  void shouldDoubtFilesThatAreStillOneInTheCopyAlone() throws IOException {
    // given
    write(source.resolve("a"), "same");
    write(source.resolve("b"), "same");
    Files.createLink(source.resolve("c"), source.resolve("b"));
    write(copy.resolve("a"), "same");
    Files.createLink(copy.resolve("b"), copy.resolve("a"));
    write(copy.resolve("c"), "same");
    List<EntryPath> paths = List.of(path("a"), path("b"), path("c"));

    // then
    assertThat(review.doubtful(Instant.MAX.minusSeconds(100), List.of()))
        .containsExactlyInAnyOrder(path("a"), path("b"));
    assertThat(review.doubtful(paths, review.sources(paths)))
        .containsExactlyInAnyOrder(path("a"), path("b"));
  }

  private static EntryPath path(String name) {
    return EntryPath.of(Path.of(name));
  }

  private static Instant changed(Path file) throws IOException {
    return FileStatus.of(file).changed();
  }

  private static Path write(Path file, String content) throws IOException {
    Files.writeString(file, content);
    return Files.setLastModifiedTime(file, TIME);
  }

  /** Writes a file once the clock of the filesystem has got there. */
  private static void writeSince(Instant time, Path file, String content) throws IOException {
    do {
      write(file, content);
    } while (changed(file).isBefore(time));
  }
}
