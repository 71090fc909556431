package io.hybridbackup.common.identity;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The name of a configured source. It is part of object keys and of topic keys: 1 to 64 characters
 * of a-z, 0-9, '.', '_' and '-', the first one a letter or a digit.
 */
public record SourceName(@JsonValue String value) implements Comparable<SourceName> {
  private static final Pattern FORM = Pattern.compile("[a-z0-9][a-z0-9._-]{0,63}");

  @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
  public SourceName {
    if (!FORM.matcher(value).matches()) {
      throw new IllegalArgumentException(
          "'"
              + value
              + "' is not a source's name; use 1 to 64 of a-z, 0-9, '.', '_', '-',"
              + " beginning with a letter or a digit");
    }
  }

  /** The source of that name; empty if the text is none. */
  public static Optional<SourceName> ifValid(String text) {
    return FORM.matcher(text).matches() ? Optional.of(new SourceName(text)) : Optional.empty();
  }

  @Override
  public int compareTo(SourceName other) {
    return value.compareTo(other.value);
  }

  @Override
  public String toString() {
    return value;
  }
}
