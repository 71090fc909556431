package io.hybridbackup.common.archive;

import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * A path as the kernel sees it: any bytes but NUL, segments between '/'. Equal bytes are equal
 * paths; nothing is normalised.
 *
 * @param octets one character of U+0000 to U+00FF for each byte
 */
public record EntryPath(String octets) implements Comparable<EntryPath> {
  /** How many bytes a path in an archive may have: {@code storage/}, and what Linux allows. */
  public static final int LONGEST = 8 + 4096;

  public EntryPath {
    for (int i = 0; i < octets.length(); i++) {
      if (octets.charAt(i) > 0xff) {
        throw new IllegalArgumentException("a path's octets are one character a byte");
      }
    }
  }

  public static EntryPath of(byte[] bytes) {
    return new EntryPath(new String(bytes, StandardCharsets.ISO_8859_1));
  }

  /** The path that these characters have in UTF-8. */
  public static EntryPath of(String text) {
    return of(text.getBytes(StandardCharsets.UTF_8));
  }

  /** The bytes of a path of the default filesystem, absolute if {@code path} is. */
  public static EntryPath of(Path path) {
    String text = path.toString();
    if (ascii(text)) {
      return new EntryPath(text);
    }
    // Only the URI keeps bytes that are no characters in the platform's encoding.
    Path absolute = path.toAbsolutePath();
    String octets = decode(absolute.toUri().getRawPath());
    if (octets.length() > 1 && octets.endsWith("/")) {
      octets = octets.substring(0, octets.length() - 1);
    }
    if (path.isAbsolute()) {
      return new EntryPath(octets);
    }
    int segments = path.getNameCount();
    int from = octets.length();
    while (segments-- > 0) {
      from = octets.lastIndexOf('/', from - 1);
    }
    return new EntryPath(octets.substring(from + 1));
  }

  private static String decode(String percentEncoded) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(percentEncoded.length());
    for (int i = 0; i < percentEncoded.length(); i++) {
      char c = percentEncoded.charAt(i);
      if (c == '%') {
        bytes.write(HexFormat.fromHexDigits(percentEncoded, i + 1, i + 3));
        i += 2;
      } else {
        bytes.write(c);
      }
    }
    return bytes.toString(StandardCharsets.ISO_8859_1);
  }

  private static boolean ascii(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) >= 0x80) {
        return false;
      }
    }
    return true;
  }

  boolean ascii() {
    return ascii(octets);
  }

  public byte[] bytes() {
    return octets.getBytes(StandardCharsets.ISO_8859_1);
  }

  /** The path in characters, or null if it is not UTF-8. */
  public @Nullable String utf8() {
    if (ascii()) {
      return octets;
    }
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes())).toString();
    } catch (CharacterCodingException e) {
      return null;
    }
  }

  /** The path of {@code name} below this one. */
  public EntryPath resolve(EntryPath name) {
    return new EntryPath(octets + "/" + name.octets);
  }

  /**
   * The path on the default filesystem.
   *
   * @throws IllegalArgumentException if this path is not absolute or has a NUL
   */
  public Path toPath() {
    StringBuilder uri = new StringBuilder("file://");
    for (int i = 0; i < octets.length(); i++) {
      char c = octets.charAt(i);
      if (c == '/' || (c < 0x80 && Character.isLetterOrDigit(c))) {
        uri.append(c);
      } else {
        uri.append('%').append(HexFormat.of().withUpperCase().toHexDigits((byte) c));
      }
    }
    return Path.of(URI.create(uri.toString()));
  }

  @Override
  public int compareTo(EntryPath other) {
    return octets.compareTo(other.octets);
  }

  /** For people: UTF-8, with bytes that are none replaced and control characters as they are. */
  @Override
  public String toString() {
    return new String(bytes(), StandardCharsets.UTF_8);
  }
}
