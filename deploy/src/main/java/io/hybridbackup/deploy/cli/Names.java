package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.archive.EntryPath;
import io.hybridbackup.common.archive.EscapedPath;
import io.hybridbackup.common.archive.Selection;
import io.hybridbackup.common.event.Dependent;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** Names as users type them; one that cannot be a name is a mistake in the command's use. */
final class Names {
  /** What a command's help says of patterns. */
  static final String GLOBS =
      "Only what matches, such as 'storage/**/*.pdf': * within a folder, ** across, ? one"
          + " character. Without these a path, and all below it.";

  private static final Pattern PAIR = Pattern.compile("(\\d{1,10}):(\\d{1,10})");

  private static final String LATEST = "latest";

  private Names() {}

  static String source(CommandSpec spec, String text) {
    return parse(spec, text, SourceName::new).value();
  }

  static String target(CommandSpec spec, String text) {
    return parse(spec, text, TargetName::new).value();
  }

  static RunId run(CommandSpec spec, String text) {
    return parse(spec, text, RunId::new);
  }

  static ArchiveName archive(CommandSpec spec, String text) {
    return parse(spec, text, ArchiveName::parse);
  }

  static boolean isLatest(String text) {
    return text.equals(LATEST);
  }

  static String archiveOrLatest(CommandSpec spec, String text) {
    return isLatest(text) ? LATEST : archive(spec, text).value();
  }

  static @Nullable Instant time(CommandSpec spec, @Nullable String text) {
    return text == null ? null : parse(spec, text, time -> OffsetDateTime.parse(time).toInstant());
  }

  static @Nullable Set<Component> components(CommandSpec spec, @Nullable String only) {
    if (only == null) {
      return null;
    }
    Component component = parse(spec, only, Component::ofLabel);
    if (!Component.parts().contains(component)) {
      throw new ParameterException(
          spec.commandLine(), "--only takes database or media, not '" + only + "'");
    }
    return Set.of(component);
  }

  static @Nullable Set<Dependent> dependents(CommandSpec spec, @Nullable List<String> labels) {
    return labels == null
        ? null
        : labels.stream()
            .map(label -> parse(spec, label, Dependent::ofLabel))
            .collect(Collectors.toSet());
  }

  /** {@code OLD:NEW}, each a number of a user or a group. */
  static @Nullable Map<Long, Long> numbers(
      CommandSpec spec, String option, @Nullable List<String> pairs) {
    if (pairs == null) {
      return null;
    }
    Map<Long, Long> numbers = new TreeMap<>();
    for (String pair : pairs) {
      Matcher matcher = PAIR.matcher(pair);
      if (!matcher.matches()
          || numbers.put(Long.valueOf(matcher.group(1)), Long.valueOf(matcher.group(2))) != null) {
        throw new ParameterException(
            spec.commandLine(),
            "%s takes OLD:NEW, two numbers, and each OLD once; not '%s'".formatted(option, pair));
      }
    }
    return numbers;
  }

  /** A path as it is printed. */
  static EntryPath path(CommandSpec spec, String text) {
    return parse(spec, text, EscapedPath::parse);
  }

  static Selection selection(CommandSpec spec, List<String> globs) {
    try {
      return Selection.of(globs);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
    }
  }

  static CommandException nothingMatched(Selection selection, Catalogue.Entry archive) {
    return new CommandException(
        ExitCode.NOTHING_FOUND,
        "nothing in "
            + archive.archive()
            + " matches "
            + String.join(" or ", selection.unmatched())
            + "; hybrid-backup files lists what there is, paths begin with storage/");
  }

  private static <T> T parse(CommandSpec spec, String text, Function<String, T> reader) {
    try {
      return reader.apply(text);
    } catch (IllegalArgumentException | DateTimeException e) {
      throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
    }
  }
}
