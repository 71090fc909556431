package io.hybridbackup.restore;

import io.hybridbackup.common.archive.Selection;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.identity.Component;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What is wrong with the options of a request, whatever it is about. */
final class RequestedOptions {
  /** The longest name that PostgreSQL has. */
  private static final int NAME_BYTES = 63;

  /** The longest path that Linux has. */
  private static final int PATTERN_BYTES = 4096;

  private static final int MOST = 1000;
  private static final long HIGHEST_OWNER = 0xffff_fffeL;

  private RequestedOptions() {}

  /**
   * Why they cannot be meant; empty if they can.
   *
   * @param components that were asked for; null for all
   */
  static Optional<String> nonsense(RestoreOptions options, @Nullable Set<Component> components) {
    if (options.selects() && options.replaces()) {
      return Optional.of(
          "a part of a database replaces nothing; restore it into a target of its own, without"
              + " replace");
    }
    if (options.selects() && !Set.of(Component.DATABASE).equals(components)) {
      return Optional.of(
          "schemas and tables are parts of the database; ask for components [\"database\"]");
    }
    if (options.paths() != null && options.replaces()) {
      return Optional.of(
          "some files replace nothing; restore them into a target of their own, without replace");
    }
    if ((options.paths() != null || options.mapsOwners())
        && Set.of(Component.DATABASE).equals(components)) {
      return Optional.of("paths, users and groups are those of the media; ask for that as well");
    }
    if (options.mapsOwners() && options.leavesOwnersOut()) {
      return Optional.of("users and groups have no meaning where owners are left out");
    }
    if (options.overwrites() && !options.replaces()) {
      return Optional.of(
          "in place everything that the target has is overwritten and nothing of it kept; ask for"
              + " replace as well (--replace)");
    }
    if (options.overrides() != null && !options.replaces()) {
      return Optional.of("overrides have a meaning only where a database is replaced");
    }
    return Stream.of(
            names("schemas", options.schemas()),
            names("tables", options.tables()),
            patterns(options.paths()),
            owners("users", options.users()),
            owners("groups", options.groups()))
        .flatMap(Optional::stream)
        .findFirst();
  }

  private static Optional<String> names(String what, @Nullable List<String> names) {
    if (names == null) {
      return Optional.empty();
    }
    for (String name : names) {
      if (name.isEmpty()
          || name.indexOf('\0') >= 0
          || name.getBytes(StandardCharsets.UTF_8).length > NAME_BYTES) {
        return Optional.of(
            "%s has what cannot be a name in PostgreSQL, which has 1 to %d bytes: '%s'"
                .formatted(what, NAME_BYTES, shown(name)));
      }
    }
    return count(what, names);
  }

  private static Optional<String> patterns(@Nullable List<String> patterns) {
    if (patterns == null) {
      return Optional.empty();
    }
    for (String pattern : patterns) {
      if (pattern.getBytes(StandardCharsets.UTF_8).length > PATTERN_BYTES) {
        return Optional.of(
            "a pattern in paths is longer than %,d bytes: '%s'"
                .formatted(PATTERN_BYTES, shown(pattern)));
      }
    }
    try {
      Selection _ = Selection.of(patterns);
    } catch (IllegalArgumentException e) {
      return Optional.of("paths: " + e.getMessage());
    }
    return count("paths", patterns);
  }

  private static Optional<String> owners(String what, @Nullable Map<Long, Long> numbers) {
    if (numbers == null) {
      return Optional.empty();
    }
    boolean proper =
        Stream.of(numbers.keySet(), numbers.values())
            .flatMap(Collection::stream)
            .allMatch(number -> number != null && number >= 0 && number <= HIGHEST_OWNER);
    return proper
        ? count(what, numbers.keySet())
        : Optional.of(what + " are numbers from 0 to " + HIGHEST_OWNER);
  }

  /** Empty lists ask for nothing, and endless ones do not fit into a command. */
  private static Optional<String> count(String what, Collection<?> asked) {
    return asked.isEmpty() || asked.size() > MOST
        ? Optional.of("%s has to name 1 to %,d things".formatted(what, MOST))
        : Optional.empty();
  }

  private static String shown(String text) {
    return (text.length() > NAME_BYTES ? text.substring(0, NAME_BYTES) + "…" : text)
        .replace("\0", "\\0");
  }
}
