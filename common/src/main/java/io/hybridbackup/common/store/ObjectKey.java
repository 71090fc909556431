package io.hybridbackup.common.store;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The key of an object: one or more segments joined by '/', each 1 to 200 characters of A-Z, a-z,
 * 0-9, '.', '_' and '-', none of them beginning with a dot. At most 900 characters in all. No key
 * may be a folder of another one ({@code a} beside {@code a/b}): a filesystem cannot hold both.
 */
public record ObjectKey(@JsonValue String value) implements Comparable<ObjectKey> {
  private static final Pattern FORM =
      Pattern.compile("[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,199})*");

  @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
  public ObjectKey {
    if (value.length() > 900 || !FORM.matcher(value).matches()) {
      throw new IllegalArgumentException("'" + value + "' is not an object key");
    }
  }

  public static ObjectKey of(String first, String... rest) {
    return new ObjectKey(rest.length == 0 ? first : first + "/" + String.join("/", rest));
  }

  /** The key, if it is one: others may keep what they like beside our objects. */
  static Optional<ObjectKey> ifValid(String value) {
    return value.length() <= 900 && FORM.matcher(value).matches()
        ? Optional.of(new ObjectKey(value))
        : Optional.empty();
  }

  /** The key below this one. */
  public ObjectKey resolve(String segment) {
    return new ObjectKey(value + "/" + segment);
  }

  /** The last segment. */
  public String name() {
    return value.substring(value.lastIndexOf('/') + 1);
  }

  @Override
  public int compareTo(ObjectKey other) {
    return value.compareTo(other.value);
  }

  @Override
  public String toString() {
    return value;
  }
}
