package io.hybridbackup.common.identity;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;

/** Who works on a run. {@link #DATABASE} and {@link #MEDIA} are also what an archive can hold. */
public enum Component {
  DATABASE,
  MEDIA,
  PACKAGER,
  RESTORE;

  /** The components that contribute a part to an archive: the database and the media. */
  public static Set<Component> parts() {
    return EnumSet.of(DATABASE, MEDIA);
  }

  /** Their labels, for people: {@code database and media}. */
  public static String labels(Set<Component> components) {
    return components.isEmpty()
        ? "nothing"
        : String.join(" and ", components.stream().map(Component::label).sorted().toList());
  }

  /** The name on the wire, in keys and on the command line: lower case. */
  @JsonValue
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The component of that label.
   *
   * @throws IllegalArgumentException if no component is called that
   */
  @JsonCreator
  public static Component ofLabel(String label) {
    for (Component component : values()) {
      if (component.label().equals(label)) {
        return component;
      }
    }
    throw new IllegalArgumentException(
        "'" + label + "' is not a component; use \"database\" or \"media\"");
  }
}
