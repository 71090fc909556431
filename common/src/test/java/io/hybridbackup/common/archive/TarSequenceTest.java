package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.archive.ArchiveEntry.Place;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TarSequenceTest {
  private final TarSequence sequence = new TarSequence();

  /** A small file and the header of a large one, the content of that, a folder. */
  @BeforeEach
  void tellMembers() {
    member(2048);
    member(2500);
    member(572);
    member(1024);
  }

  @Test
  void shouldFollowEntriesToTheEnd() {
    assertThat(sequence.entry(file(place(0, 0), place(0, 512), 100))).isTrue();
    assertThat(sequence.isComplete()).isFalse();
    assertThat(sequence.entry(file(place(0, 1024), place(1, 0), 3000))).isTrue();
    assertThat(sequence.isComplete()).isFalse();
    assertThat(sequence.entry(folder(place(3, 0)))).isTrue();
    assertThat(sequence.isComplete()).isTrue();
  }

  @Test
  void shouldNoticeTheHeaderOfAFileThatIsLeftOut() {
    assertThat(sequence.entry(file(place(0, 0), place(0, 512), 100))).isTrue();
    assertThat(sequence.entry(folder(place(3, 0)))).isFalse();
  }

  @Test
  void shouldNoticeContentThatIsTooLongForItsPlace() {
    assertThat(sequence.entry(file(place(0, 0), place(0, 512), 513))).isTrue();
    assertThat(sequence.entry(file(place(0, 1024), place(1, 0), 3000))).isFalse();
  }

  @Test
  void shouldNoticeThatAnEntryComesAgain() {
    assertThat(sequence.entry(file(place(0, 0), place(0, 512), 100))).isTrue();
    assertThat(sequence.entry(file(place(0, 0), place(0, 512), 100))).isFalse();
  }

  @Test
  void shouldNoticeAHeaderInTheMiddleOfABlock() {
    assertThat(sequence.entry(folder(place(0, 0)))).isTrue();
    assertThat(sequence.entry(folder(place(0, 700)))).isFalse();
  }

  @Test
  void shouldNoticeWhatLiesBehindAllMembers() {
    assertThat(sequence.entry(file(place(0, 0), place(0, 512), 1_000_000))).isFalse();
  }

  @Test
  void shouldNoticeAMemberThatIsNotThere() {
    assertThat(sequence.entry(folder(place(4, 0)))).isFalse();
  }

  private void member(int plain) {
    sequence.member(new IndexLine.Span(0, 100, plain, "ab".repeat(32), "00c0ffee12345678"));
  }

  private static Place place(long member, int offset) {
    return new Place(member, offset);
  }

  private static ArchiveEntry file(Place header, Place content, long size) {
    return entry(ArchiveEntry.Type.FILE, header, content, size);
  }

  private static ArchiveEntry folder(Place header) {
    return entry(ArchiveEntry.Type.FOLDER, header, null, 0);
  }

  private static ArchiveEntry entry(
      ArchiveEntry.Type type, Place header, @Nullable Place content, long size) {
    return new EntryBuilder("storage/a", type)
        .size(size)
        .build()
        .placed(header, content, content == null ? null : "ab".repeat(32));
  }
}
