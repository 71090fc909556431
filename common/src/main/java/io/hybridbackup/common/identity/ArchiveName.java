package io.hybridbackup.common.identity;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.time.DateTimeException;
import java.time.LocalDateTime;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The name of an archive without its endings: {@code backup_YYYYMMDD_HHMMSS}, local time in the
 * configured zone. Names of one source sort by time, except within an hour that the clocks repeat.
 */
public record ArchiveName(@JsonValue String value) implements Comparable<ArchiveName> {
  private static final Pattern FORM = Pattern.compile("backup_\\d{8}_\\d{6}");
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("'backup_'uuuuMMdd'_'HHmmss");

  @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
  public ArchiveName {
    if (!FORM.matcher(value).matches()) {
      throw new IllegalArgumentException(
          "'" + value + "' is not an archive's name; it looks like backup_20260111_020000");
    }
    LocalDateTime.parse(value, TIME);
  }

  /** The archive of that name; empty if the text is none. */
  public static Optional<ArchiveName> ifValid(String text) {
    try {
      return Optional.of(new ArchiveName(text));
    } catch (IllegalArgumentException | DateTimeException e) {
      return Optional.empty();
    }
  }

  public static ArchiveName at(ZonedDateTime time) {
    return new ArchiveName(time.format(TIME));
  }

  /** Takes the name with or without {@code .tar.gz}. */
  public static ArchiveName parse(String text) {
    return new ArchiveName(
        text.endsWith(".tar.gz") ? text.substring(0, text.length() - ".tar.gz".length()) : text);
  }

  @Override
  public int compareTo(ArchiveName other) {
    return value.compareTo(other.value);
  }

  @Override
  public String toString() {
    return value;
  }
}
