package io.hybridbackup.common.settings;

import io.hybridbackup.common.settings.SettingsException.Mistake;
import java.time.DateTimeException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;
import org.yaml.snakeyaml.nodes.Tag;

/**
 * One level of the file. Reading never fails: what is wrong is noted, and the reader is given
 * nothing or a fallback, so that one pass finds every mistake. A key that nobody has asked for when
 * the section is finished is unknown.
 */
final class Section {
  private final String path;
  private final Map<String, Node> entries = new LinkedHashMap<>();
  private final Set<String> known = new LinkedHashSet<>();
  private final Map<String, String> environment;
  private final List<Mistake> mistakes;

  Section(
      String path,
      @Nullable Node node,
      Map<String, String> environment,
      List<Mistake> mistakes,
      String form) {
    this.path = path;
    this.environment = environment;
    this.mistakes = mistakes;
    if (node instanceof MappingNode mapping) {
      for (NodeTuple entry : mapping.getValue()) {
        add(entry);
      }
    } else if (node != null && !node.getTag().equals(Tag.NULL)) {
      mistakes.add(new Mistake(path, line(node), "is not a section", form));
    }
  }

  private void add(NodeTuple entry) {
    if (!(entry.getKeyNode() instanceof ScalarNode key)) {
      mistakes.add(
          new Mistake(
              path, line(entry.getKeyNode()), "has a key that is not a name", "write name: value"));
    } else if (entries.putIfAbsent(key.getValue(), entry.getValueNode()) != null) {
      mistakes.add(
          new Mistake(
              property(key.getValue()), line(key), "is given twice", "remove one of the two"));
    }
  }

  /** Whether the file gives the key a value, be it a wrong one. */
  boolean has(String key) {
    known.add(key);
    Node node = entries.get(key);
    return node != null && !node.getTag().equals(Tag.NULL);
  }

  /** The names in a section whose keys are free. */
  Collection<String> names() {
    known.addAll(entries.keySet());
    return List.copyOf(entries.keySet());
  }

  /** The section of that name; an empty one if the file has none. */
  Section section(String key) {
    known.add(key);
    return new Section(
        property(key),
        entries.get(key),
        environment,
        mistakes,
        "write its properties below it, indented, as name: value");
  }

  /** The value as it is written; empty if there is none. */
  Optional<String> text(String key) {
    known.add(key);
    String variable = environment.get(variable(key));
    if (variable != null && !variable.isBlank()) {
      return Optional.of(variable.strip());
    }
    Node node = entries.get(key);
    if (node == null || node.getTag().equals(Tag.NULL)) {
      return Optional.empty();
    }
    if (node instanceof ScalarNode scalar) {
      return scalar.getValue().isBlank()
          ? Optional.empty()
          : Optional.of(scalar.getValue().strip());
    }
    note(key, "is not a single value", "write " + key + ": value");
    return Optional.empty();
  }

  /** The value, or an empty text after the lack of it has been noted. */
  String requiredText(String key, String remedy) {
    Optional<String> text = text(key);
    if (text.isEmpty() && !(entries.get(key) instanceof MappingNode)) {
      note(key, "is missing", remedy);
    }
    return text.orElse("");
  }

  /**
   * The value as {@code reader} takes it; empty if there is none or if the reader refused it with
   * an {@link IllegalArgumentException} or a {@link DateTimeException}, which is noted.
   */
  <T> Optional<T> value(String key, String remedy, Function<String, T> reader) {
    return text(key)
        .flatMap(text -> {
          try {
            return Optional.of(reader.apply(text));
          } catch (IllegalArgumentException | DateTimeException e) {
            note(key, "'" + text + "' cannot be used", remedy);
            return Optional.empty();
          }
        });
  }

  /** A list of values; a single value is a list of one. */
  List<String> texts(String key, String remedy) {
    known.add(key);
    if (!(entries.get(key) instanceof SequenceNode sequence)) {
      return text(key).map(List::of).orElse(List.of());
    }
    List<String> texts = new ArrayList<>();
    for (Node node : sequence.getValue()) {
      if (node instanceof ScalarNode scalar && !scalar.getValue().isBlank()) {
        texts.add(scalar.getValue());
      } else {
        mistakes.add(
            new Mistake(property(key), line(node), "has an entry that is not a text", remedy));
      }
    }
    return List.copyOf(texts);
  }

  void note(String key, String problem, String remedy) {
    Node node = entries.get(key);
    mistakes.add(new Mistake(property(key), node == null ? null : line(node), problem, remedy));
  }

  /** Notes a mistake of the section as a whole. */
  void note(String problem, String remedy) {
    Integer line = entries.values().stream().findFirst().map(Section::line).orElse(null);
    mistakes.add(new Mistake(path, line, problem, remedy));
  }

  /** Notes the keys that nobody asked for. */
  void finish() {
    for (String key : entries.keySet()) {
      if (!known.contains(key)) {
        note(key, "is not known", remedyForUnknown(key));
      }
    }
  }

  private String remedyForUnknown(String key) {
    return known.stream()
        .filter(candidate -> distance(key, candidate) <= Math.max(2, candidate.length() / 3))
        .min(Comparator.comparingInt(candidate -> distance(key, candidate)))
        .map(candidate -> "did you mean " + candidate + "?")
        .orElseGet(() -> "remove it, or use one of " + String.join(", ", known));
  }

  private String property(String key) {
    return path.isEmpty() ? key : path + "." + key;
  }

  private String variable(String key) {
    return property(key).replaceAll("[.-]", "_").toUpperCase(Locale.ROOT);
  }

  private static int line(Node node) {
    return node.getStartMark().getLine() + 1;
  }

  /** Levenshtein's distance, case and the dashes apart. */
  private static int distance(String one, String other) {
    String a = one.toLowerCase(Locale.ROOT).replaceAll("[_-]", "");
    String b = other.toLowerCase(Locale.ROOT).replaceAll("[_-]", "");
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[b.length()];
  }
}
