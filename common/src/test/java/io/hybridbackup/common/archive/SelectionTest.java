package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.identity.Component;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SelectionTest {
  @ParameterizedTest
  @CsvSource({
    "storage/a.txt, storage/a.txt",
    "storage/letters, storage/letters",
    "storage/letters, storage/letters/1/2.txt",
    "storage/letters/, storage/letters/1.txt",
    "storage, storage/letters/1.txt",
    "database.dump, database.dump",
    "storage/*.txt, storage/a.txt",
    "storage/*.txt, storage/.txt",
    "storage/*/1.txt, storage/letters/1.txt",
    "storage/**, storage/letters/1/2.txt",
    "storage/**/2.txt, storage/letters/1/2.txt",
    "storage/**/2.txt, storage/2.txt",
    "**/2.txt, storage/letters/2.txt",
    "**.txt, storage/letters/2.txt",
    "storage/?.txt, storage/ü.txt",
    "storage/??, storage/文件",
    "*.dump, database.dump",
    "storage/a\\*b, storage/a*b",
    "storage/a[1].txt, storage/a[1].txt",
    "storage/k\\303\\244se, storage/käse",
    "storage/kä*, storage/käse",
  })
  void shouldContain(String pattern, String path) {
    assertThat(Selection.of(List.of(pattern)).contains(EntryPath.of(path))).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    "storage/a.txt, storage/a.txt2",
    "storage/a.txt, storage/a",
    "storage/letters, storage/letters2/1.txt",
    "storage/*.txt, storage/letters/1.txt",
    "storage/*, storage/letters/1.txt",
    "storage/*, storage",
    "storage/**, storage",
    "storage/**/2.txt, storage/12.txt",
    "storage/?, storage/ab",
    "storage/a?b, storage/a/b",
    "storage/a\\*b, storage/axb",
    "storage/a[1].txt, storage/a1.txt",
    "*.dump, storage/a.dump",
    "a.txt, storage/a.txt",
  })
  void shouldNotContain(String pattern, String path) {
    assertThat(Selection.of(List.of(pattern)).contains(EntryPath.of(path))).isFalse();
  }

  @Test
  void shouldContainEverythingWithoutPatterns() {
    Selection all = Selection.of(List.of());

    assertThat(all.contains(EntryPath.of("anything"))).isTrue();
    assertThat(all.mayContain(Component.DATABASE)).isTrue();
    assertThat(all.mayContain(Component.MEDIA)).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    "database.dump, true, false",
    "manifest.json, false, false",
    "storage, false, true",
    "storage/a/b, false, true",
    "storage/**, false, true",
    "stor*/a, false, true",
    "*.dump, true, true",
    "data*, true, false",
    "storage2/a, false, false",
    "storage2/*, false, false",
  })
  void shouldKnowWhichPartsAreWorthALook(String pattern, boolean database, boolean media) {
    Selection selection = Selection.of(List.of(pattern));

    assertThat(selection.mayContain(Component.DATABASE)).isEqualTo(database);
    assertThat(selection.mayContain(Component.MEDIA)).isEqualTo(media);
  }

  @Test
  void shouldRememberWhatHasNotBeenFound() {
    Selection selection = Selection.of(List.of("storage/a", "storage/b*", "storage/typo"));
    selection.contains(EntryPath.of("storage/a"));
    selection.contains(EntryPath.of("storage/bc"));

    assertThat(selection.unmatched()).containsExactly("storage/typo");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "/", "storage/\\"})
  void shouldRefuseWhatIsNoPattern(String pattern) {
    assertThatThrownBy(() -> Selection.of(List.of(pattern)))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
