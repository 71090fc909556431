package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.archive.EntryPath;
import io.hybridbackup.common.archive.EscapedPath;
import io.hybridbackup.common.archive.Selection;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** Names as users type them; one that cannot be a name is a mistake in the command's use. */
final class Names {
  /** What a command's help says of patterns. */
  static final String GLOBS =
      "Only what matches, such as 'storage/**/*.pdf': * within a folder, ** across, ? one"
          + " character. Without these a path, and all below it.";

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
