package io.hybridbackup.common.archive;

import java.nio.charset.Charset;
import java.nio.charset.CharsetEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.BitSet;
import java.util.stream.Collectors;

/**
 * Paths as people see and type them. {@code \n}, {@code \t} and the like, and {@code \} with three
 * octal digits for a byte, stand for whatever a terminal should not be given: control characters,
 * characters that are not seen or turn the writing round, and bytes that are no characters. {@code
 * \} before anything else stands for that itself.
 */
public final class EscapedPath {
  /** How many bytes of a path {@link #brief} gives, escapes counted. */
  public static final int BRIEF_BYTES = 300;

  private static final String LETTERS = "abtnvfr";
  private static final String CONTROLS = "\u0007\b\t\n\u000b\f\r";

  private EscapedPath() {}

  /**
   * @param shown what can be shown; other characters are escaped too
   */
  public static String of(EntryPath path, Charset shown) {
    return of(path, shown, Integer.MAX_VALUE);
  }

  /**
   * A path in a message or a record that is not to grow with it: of one that has more than {@link
   * #BRIEF_BYTES} the beginning, and an ellipsis.
   */
  public static String brief(EntryPath path) {
    return of(path, StandardCharsets.UTF_8, BRIEF_BYTES);
  }

  private static String of(EntryPath path, Charset shown, int mostBytes) {
    StringBuilder text = new StringBuilder();
    CharsetEncoder encoder = shown.newEncoder();
    String octets = path.octets();
    int bytes = 0;
    for (int from = 0; from < octets.length(); ) {
      int length = sequence(octets, from);
      EntryPath character = new EntryPath(octets.substring(from, from + length));
      String decoded = character.utf8();
      String written;
      if (decoded == null || !visible(decoded.codePointAt(0)) || !encoder.canEncode(decoded)) {
        written = escaped(character);
      } else {
        written = decoded.equals("\\") ? "\\\\" : decoded;
      }
      bytes += written.getBytes(StandardCharsets.UTF_8).length;
      if (bytes > mostBytes) {
        return text.append('…').toString();
      }
      text.append(written);
      from += length;
    }
    return text.toString();
  }

  /** Text with control characters and the like escaped; backslashes and line ends stay. */
  public static String printable(String text) {
    return Arrays.stream(text.split("\n", -1))
        .map(EscapedPath::printableLine)
        .collect(Collectors.joining("\n"));
  }

  /** As {@link #printable}, on one line: line ends are escaped too. */
  public static String printableLine(String text) {
    StringBuilder printable = new StringBuilder(text.length());
    text.codePoints()
        .forEach(character -> {
          if (visible(character)) {
            printable.appendCodePoint(character);
          } else {
            printable.append(escaped(EntryPath.of(Character.toString(character))));
          }
        });
    return printable.toString();
  }

  /** How many bytes the character has that begins here; 1 for a byte that begins none. */
  private static int sequence(String octets, int from) {
    int first = octets.charAt(from);
    int bytes = first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 1;
    boolean whole =
        from + bytes <= octets.length()
            && new EntryPath(octets.substring(from, from + bytes)).utf8() != null;
    return whole ? bytes : 1;
  }

  private static boolean visible(int character) {
    return switch (Character.getType(character)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }

  private static String escaped(EntryPath character) {
    StringBuilder text = new StringBuilder();
    for (char octet : character.octets().toCharArray()) {
      int control = CONTROLS.indexOf(octet);
      text.append('\\');
      if (control >= 0) {
        text.append(LETTERS.charAt(control));
      } else {
        text.append((char) ('0' + (octet >> 6)))
            .append((char) ('0' + (octet >> 3 & 7)))
            .append((char) ('0' + (octet & 7)));
      }
    }
    return text.toString();
  }

  /**
   * What is meant by a text.
   *
   * @throws IllegalArgumentException if it ends with a lone backslash
   */
  public static EntryPath parse(String text) {
    return new EntryPath(read(text).octets());
  }

  /**
   * A text without its escapes.
   *
   * @param escaped at which indexes of {@code octets} there was an escape
   */
  record Unescaped(String octets, BitSet escaped) {}

  static Unescaped read(String text) {
    String raw = new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    StringBuilder octets = new StringBuilder(raw.length());
    BitSet escaped = new BitSet();
    for (int i = 0; i < raw.length(); i++) {
      char octet = raw.charAt(i);
      if (octet == '\\') {
        if (++i == raw.length()) {
          throw new IllegalArgumentException(
              "'" + text + "' ends with a backslash; a backslash itself is written \\\\");
        }
        escaped.set(octets.length());
        octet = raw.charAt(i);
        if (raw.substring(i).matches("(?s)[0-3][0-7]{2}.*")) {
          octet = (char) Integer.parseInt(raw, i, i + 3, 8);
          i += 2;
        } else if (LETTERS.indexOf(octet) >= 0) {
          octet = CONTROLS.charAt(LETTERS.indexOf(octet));
        }
      }
      octets.append(octet);
    }
    return new Unescaped(octets.toString(), escaped);
  }
}
