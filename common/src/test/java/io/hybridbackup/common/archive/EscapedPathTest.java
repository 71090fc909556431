package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.manifest.KindChanges;
import io.hybridbackup.common.manifest.References;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EscapedPathTest {
  @Property
  void shouldBeReadAsThePathThatWasShown(@ForAll @Size(max = 30) byte[] bytes) {
    EntryPath path = EntryPath.of(bytes);

    assertThat(EscapedPath.parse(EscapedPath.of(path, StandardCharsets.UTF_8))).isEqualTo(path);
    assertThat(EscapedPath.parse(EscapedPath.of(path, StandardCharsets.US_ASCII))).isEqualTo(path);
  }

  @Property
  void shouldNeverShowControlCharacters(@ForAll @Size(max = 30) byte[] bytes) {
    assertThat(EscapedPath.of(EntryPath.of(bytes), StandardCharsets.UTF_8).codePoints())
        .noneMatch(Character::isISOControl);
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "storage/käse – 文件 😀.txt, storage/käse – 文件 😀.txt",
        "`a\nb\tc`, a\\nb\\tc",
        "a\\b, a\\\\b",
        "`\u001b[31mred`, \\033[31mred",
        "`\u202egpj.exe`, \\342\\200\\256gpj.exe",
        "`c1\u009b`, c1\\302\\233",
      })
  void shouldShowWhatATerminalShows(String name, String shown) {
    assertThat(EscapedPath.of(EntryPath.of(name), StandardCharsets.UTF_8)).isEqualTo(shown);
  }

  @Test
  void shouldEscapeBytesThatAreNoCharacters() {
    EntryPath latin1 = new EntryPath("caf\u00e9 \u00c3");

    assertThat(EscapedPath.of(latin1, StandardCharsets.UTF_8)).isEqualTo("caf\\351 \\303");
  }

  @Test
  void shouldEscapeWhatTheTerminalCannotShow() {
    assertThat(EscapedPath.of(EntryPath.of("käse"), StandardCharsets.US_ASCII))
        .isEqualTo("k\\303\\244se");
  }

  @Test
  void shouldKeepTheLinesOfAMessage() {
    assertThat(EscapedPath.printable("a\nb \u001b[2J\\")).isEqualTo("a\nb \\033[2J\\");
  }

  @Test
  void shouldKeepALineOneLine() {
    assertThat(EscapedPath.printableLine("a\nb\r\u009b2J")).isEqualTo("a\\nb\\r\\302\\2332J");
  }

  @Test
  void shouldGiveTheBeginningOfALongPath() {
    assertThat(EscapedPath.brief(EntryPath.of("storage/a\nb"))).isEqualTo("storage/a\\nb");
    assertThat(EscapedPath.brief(EntryPath.of("x".repeat(301)))).isEqualTo("x".repeat(300) + "…");
    assertThat(EscapedPath.brief(EntryPath.of("\u001b".repeat(4096))))
        .isEqualTo("\\033".repeat(75) + "…");
    assertThat(EscapedPath.brief(EntryPath.of("€".repeat(101)))).isEqualTo("€".repeat(100) + "…");
  }

  /** A manifest has at most 2 MiB, an event 1 MiB; both have warnings and missing references. */
  @Test
  void shouldLeaveRoomInManifestsAndEvents() {
    String longest = EscapedPath.brief(EntryPath.of("\u0001".repeat(EntryPath.LONGEST)));
    String backslashes = EscapedPath.brief(EntryPath.of("\\".repeat(EntryPath.LONGEST)));

    List<String> named = new ArrayList<>();
    named.addAll(Collections.nCopies(KindChanges.NAMED, longest));
    named.addAll(Collections.nCopies(References.NAMED, backslashes));
    named.addAll(
        Collections.nCopies(100, "a warning of some hundred characters".repeat(4) + longest));

    assertThat(Json.write(named).length).isLessThan(200 * 1024);
  }

  @Test
  void shouldRefuseALoneBackslash() {
    assertThatThrownBy(() -> EscapedPath.parse("storage\\"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("written \\\\");
  }
}
