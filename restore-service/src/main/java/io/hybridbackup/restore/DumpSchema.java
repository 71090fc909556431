package io.hybridbackup.restore;

import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a dump wants of a server, as pg_restore writes it down without the data.
 *
 * @param properties of the text in the database, as CREATE DATABASE has them; begins with a space
 *     unless there are none
 * @param roles that own something or may do something; names without quotes
 * @param extensions likewise
 */
record DumpSchema(String properties, Set<String> roles, Set<String> extensions) {
  private static final Pattern CREATE =
      Pattern.compile("^CREATE DATABASE .*? WITH TEMPLATE = template0(.*);$", Pattern.MULTILINE);

  /** What of it is taken over: nothing that could be anything but a property of the text in it. */
  private static final Pattern PROPERTY =
      Pattern.compile(
          " (ENCODING|LOCALE_PROVIDER|LOCALE|LC_COLLATE|LC_CTYPE|ICU_LOCALE|ICU_RULES|BUILTIN_LOCALE)"
              + " = ('(?:[^']|'')*'|\\w+)");

  private static final Pattern ROLE =
      Pattern.compile(
          "^(?:ALTER .* OWNER TO|(?:GRANT|REVOKE) .* (?:TO|FROM)) (\"(?:[^\"]|\"\")+\"|(?!PUBLIC)\\w+)"
              + "(?: WITH GRANT OPTION)?;$",
          Pattern.MULTILINE);

  private static final Pattern EXTENSION =
      Pattern.compile(
          "^CREATE EXTENSION IF NOT EXISTS (\"(?:[^\"]|\"\")+\"|\\w+)", Pattern.MULTILINE);

  /**
   * @param sql of {@code pg_restore --create --schema-only}
   */
  static DumpSchema parse(CharSequence sql) {
    return new DumpSchema(properties(sql), named(ROLE, sql), named(EXTENSION, sql));
  }

  private static String properties(CharSequence sql) {
    StringBuilder properties = new StringBuilder();
    Matcher created = CREATE.matcher(sql);
    if (created.find()) {
      Matcher property = PROPERTY.matcher(created.group(1));
      while (property.find()) {
        properties.append(property.group());
      }
    }
    return properties.toString();
  }

  /** The names at the places that the pattern finds, without quotes. */
  private static Set<String> named(Pattern pattern, CharSequence sql) {
    Set<String> names = new TreeSet<>();
    Matcher matcher = pattern.matcher(sql);
    while (matcher.find()) {
      String name = matcher.group(1);
      names.add(
          name.startsWith("\"")
              ? name.substring(1, name.length() - 1).replace("\"\"", "\"")
              : name);
    }
    return names;
  }
}
