package io.hybridbackup.common.archive;

import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a user asks for in an archive. {@code *} stands for anything within a folder, {@code ?} for
 * one character, {@code **} for anything across folders ({@code **}{@code /} for no folder too).
 * Without them the pattern is a path: it matches that and, if it is a folder, all below it. Escapes
 * are those of {@link EscapedPath}; a slash at the end says nothing.
 */
final class PathPattern {
  private static final String CHARACTER =
      "(?:[\\x00-\\x2e\\x30-\\x7f]|[\\xc0-\\xff][\\x80-\\xbf]*|[\\x80-\\xbf])";

  private final String text;
  private final String beginning;
  private final @Nullable Pattern wildcards;

  private PathPattern(String text, String beginning, @Nullable Pattern wildcards) {
    this.text = text;
    this.beginning = beginning;
    this.wildcards = wildcards;
  }

  /**
   * @throws IllegalArgumentException if the text is empty or ends with a lone backslash
   */
  static PathPattern parse(String text) {
    EscapedPath.Unescaped read = EscapedPath.read(text);
    String octets = read.octets().replaceFirst("/+$", "");
    if (octets.isEmpty()) {
      throw new IllegalArgumentException(
          "'" + text + "' names nothing in an archive; paths begin with storage/");
    }
    StringBuilder regex = new StringBuilder();
    int beginning = -1;
    for (int i = 0; i < octets.length(); i++) {
      char octet = octets.charAt(i);
      boolean wildcard = (octet == '*' || octet == '?') && !read.escaped().get(i);
      if (wildcard && beginning < 0) {
        beginning = i;
      }
      if (!wildcard) {
        regex.append("\\x").append("%02x".formatted((int) octet));
      } else if (octet == '?') {
        regex.append(CHARACTER);
      } else if (!octets.startsWith("**", i) || read.escaped().get(i + 1)) {
        regex.append("[^/]*");
      } else if (octets.startsWith("**/", i) && (i == 0 || octets.charAt(i - 1) == '/')) {
        regex.append("(?:.*/)?");
        i += 2;
      } else {
        regex.append(".*");
        i++;
      }
    }
    return beginning < 0
        ? new PathPattern(text, octets, null)
        : new PathPattern(
            text,
            octets.substring(0, beginning),
            Pattern.compile(regex.toString(), Pattern.DOTALL));
  }

  /** The path that it is, if it has no wildcards. */
  Optional<EntryPath> path() {
    return wildcards == null ? Optional.of(new EntryPath(beginning)) : Optional.empty();
  }

  boolean matches(EntryPath path) {
    return wildcards == null
        ? below(path.octets(), beginning)
        : wildcards.matcher(path.octets()).matches();
  }

  /** Whether anything in a folder, or the folder, could match. */
  boolean mayMatchBelow(EntryPath folder) {
    return below(beginning, folder.octets())
        || (wildcards != null && (folder.octets() + "/").startsWith(beginning));
  }

  private static boolean below(String path, String folder) {
    return path.startsWith(folder)
        && (path.length() == folder.length() || path.charAt(folder.length()) == '/');
  }

  /** As it was typed. */
  @Override
  public String toString() {
    return text;
  }
}
