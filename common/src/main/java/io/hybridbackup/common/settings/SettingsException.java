package io.hybridbackup.common.settings;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The configuration cannot be used. It names every mistake at once, not only the first. */
public final class SettingsException extends Exception {
  private final List<Mistake> mistakes;

  public SettingsException(String file, List<Mistake> mistakes) {
    super(message(file, mistakes));
    this.mistakes = List.copyOf(mistakes);
  }

  public List<Mistake> mistakes() {
    return mistakes;
  }

  private static String message(String file, List<Mistake> mistakes) {
    StringBuilder text = new StringBuilder(file);
    text.append(mistakes.size() == 1 ? " has a mistake:" : " has mistakes:");
    for (Mistake mistake : mistakes) {
      text.append("\n  ").append(mistake);
    }
    return text.toString();
  }

  /**
   * @param property its full name, such as {@code hybrid-backup.kafka.bootstrap-servers}
   * @param line of the file, from 1; absent if the property is not in it
   * @param problem what is wrong
   * @param remedy what to write instead
   */
  public record Mistake(String property, @Nullable Integer line, String problem, String remedy) {
    @Override
    public String toString() {
      return property
          + (line == null ? "" : " (line " + line + ")")
          + ": "
          + problem
          + "; "
          + remedy;
    }
  }
}
