package io.hybridbackup.common.identity;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The identity of one backup or one restore: 26 characters of lower-case base 32 (130 bits).
 *
 * <p>It follows from the request alone, so the same request, however often it is delivered, is
 * always the same run.
 */
public record RunId(@JsonValue String value) {
  private static final Pattern FORM = Pattern.compile("[a-z2-7]{26}");
  private static final String ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

  @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
  public RunId {
    if (!FORM.matcher(value).matches()) {
      throw new IllegalArgumentException(
          "'" + value + "' is not a run id; it has 26 characters of a-z and 2-7");
    }
  }

  /** The run of that id; empty if the text is none. */
  public static Optional<RunId> ifValid(String text) {
    return FORM.matcher(text).matches() ? Optional.of(new RunId(text)) : Optional.empty();
  }

  /** The run of the request with this CloudEvents {@code source} and {@code id}. */
  public static RunId ofRequest(String source, String id) {
    return digest("event\n" + source + "\n" + id);
  }

  /** The run of a request that has no usable CloudEvents id: its place in Kafka names it. */
  public static RunId ofRecord(String topic, int partition, long offset) {
    return digest("record\n" + topic + "\n" + partition + "\n" + offset);
  }

  private static RunId digest(String text) {
    byte[] hash;
    try {
      hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
    StringBuilder name = new StringBuilder(26);
    int buffer = 0;
    int bits = 0;
    for (int i = 0; name.length() < 26; i++) {
      buffer = (buffer << 8) | (hash[i] & 0xff);
      bits += 8;
      while (bits >= 5 && name.length() < 26) {
        bits -= 5;
        name.append(ALPHABET.charAt((buffer >>> bits) & 31));
      }
    }
    return new RunId(name.toString());
  }

  @Override
  public String toString() {
    return value;
  }
}
