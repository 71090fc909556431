package io.hybridbackup.restore;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a dump wants of a server, as pg_restore writes it down without the data. It is read word by
 * word, as SQL is, so that nothing within a function or a comment counts.
 *
 * <p>Names are octets, each in a character: the server compares those of roles so, whatever the
 * encoding of the database in which they were made.
 *
 * @param properties of the text in the database, as CREATE DATABASE has them; begins with a space
 *     unless there are none
 * @param roles that own something in the database or may do something there; names without quotes.
 *     Who owns the database as such, or may do something with it, is not among them
 * @param bound roles for which there are policies or user mappings, which cannot be made without
 *     them, whoever owns what
 * @param extensions likewise
 */
record DumpSchema(String properties, Set<String> roles, Set<String> bound, Set<String> extensions) {
  /**
   * A word of SQL, or what is to be passed over: comments, psql's own commands, and everything
   * else. Without possessive quantifiers a long text would be more than the stack can take.
   */
  private static final Pattern WORD =
      Pattern.compile(
          """
          (?<skipped>--[^\\n]*+|/\\*.*?\\*/|^\\\\[^\\n]*+|\\s++)
          |(?<word>\\$(?<tag>\\w*+)\\$.*?\\$\\k<tag>\\$
          |[eE]'(?:[^'\\\\]|\\\\.|'')*+'|'(?:[^']|'')*+'
          |"(?:[^"]|"")*+"|[\\w$]++|.)\
          """,
          Pattern.DOTALL | Pattern.MULTILINE | Pattern.COMMENTS | Pattern.UNICODE_CHARACTER_CLASS);

  /** What is taken over: nothing that could be anything but a property of the text in it. */
  private static final Set<String> PROPERTIES =
      Set.of(
          "ENCODING",
          "LOCALE_PROVIDER",
          "LOCALE",
          "LC_COLLATE",
          "LC_CTYPE",
          "ICU_LOCALE",
          "ICU_RULES",
          "BUILTIN_LOCALE");

  private static final String EVERYBODY = "PUBLIC";

  /** Of a list of contents: large objects, one or, from version 17 on, several of one owner. */
  private static final Pattern LARGE_OBJECTS =
      Pattern.compile("\\d+; \\d+ \\d+ BLOB (?:METADATA )?- \\S+ (.+)");

  /**
   * The owner of large objects, which are not in the SQL, as they count as data.
   *
   * @param content a line of {@code pg_restore --list}, each octet in a character
   * @return empty if it is something else
   */
  static Optional<String> ownerOfLargeObjects(String content) {
    Matcher objects = LARGE_OBJECTS.matcher(content);
    return objects.matches() ? Optional.of(objects.group(1)) : Optional.empty();
  }

  /**
   * @param sql of {@code pg_restore --create --schema-only}, each octet in a character
   * @param owners of what is not in it, likewise
   */
  static DumpSchema parse(CharSequence sql, Set<String> owners) {
    StringBuilder properties = new StringBuilder();
    Set<String> roles = new TreeSet<>(owners);
    Set<String> bound = new TreeSet<>();
    Set<String> extensions = new TreeSet<>();
    List<String> statement = new ArrayList<>();
    Matcher words = WORD.matcher(sql);
    while (words.find()) {
      String word = words.group("word");
      if (";".equals(word)) {
        switch (statement.isEmpty() ? "" : statement.getFirst()) {
          case "ALTER", "GRANT", "REVOKE" -> addOwnersAndGrantees(statement, roles);
          case "CREATE" -> create(statement, properties, bound, extensions);
          default -> {}
        }
        statement.clear();
      } else if (word != null) {
        statement.add(word);
      }
    }
    return new DumpSchema(text(properties.toString()), roles, bound, extensions);
  }

  /** Octets as people read them: UTF-8, or Latin 1 where they cannot be that. */
  static String text(String octets) {
    String text = new String(octets.getBytes(ISO_8859_1), UTF_8);
    return text.indexOf('\ufffd') < 0 ? text : octets;
  }

  private static void create(
      List<String> statement, StringBuilder properties, Set<String> bound, Set<String> extensions) {
    switch (statement.get(1)) {
      case "DATABASE" -> addProperties(statement, properties);
      case "EXTENSION" -> addNames(statement, statement.indexOf("EXISTS") + 1, extensions);
      case "USER" -> addNames(statement, statement.indexOf("FOR") + 1, bound);
      case "POLICY" -> {
        int to = statement.indexOf("TO");
        int condition = first(statement, "USING", "WITH");
        if (to >= 0 && to < condition) {
          addNames(statement, to + 1, bound);
        }
      }
      default -> {}
    }
  }

  private static void addProperties(List<String> statement, StringBuilder properties) {
    for (int word = 3; word + 2 < statement.size(); word++) {
      if (PROPERTIES.contains(statement.get(word)) && statement.get(word + 1).equals("=")) {
        properties
            .append(' ')
            .append(statement.get(word))
            .append(" = ")
            .append(statement.get(word + 2));
      }
    }
  }

  /** Those of the database as such are left out, as it is not made from the dump. */
  private static void addOwnersAndGrantees(List<String> statement, Set<String> roles) {
    boolean altering = statement.getFirst().equals("ALTER");
    if (altering && statement.get(1).equals("DEFAULT")) {
      addNames(statement, first(statement, "ROLE") + 1, roles);
      addNames(statement, last(statement, "TO", "FROM") + 1, roles);
    } else if (altering) {
      int owner = statement.lastIndexOf("OWNER");
      if (!statement.get(1).equals("DATABASE") && owner >= 0) {
        addNames(statement, owner + 2, roles);
      }
    } else {
      int on = statement.indexOf("ON");
      if (on < 0 || !statement.get(on + 1).equals("DATABASE")) {
        addNames(statement, last(statement, "TO", "FROM") + 1, roles);
      }
    }
  }

  /** The value of such a property, if the dump gives it one. */
  Optional<String> property(String name) {
    Matcher value = Pattern.compile(" " + name + " = '((?:[^']|'')*)'").matcher(properties);
    return value.find() ? Optional.of(value.group(1).replace("''", "'")) : Optional.empty();
  }

  /** Where the first of these words is; behind the end if there is none. */
  private static int first(List<String> statement, String... words) {
    List<String> wanted = List.of(words);
    int place = 0;
    while (place < statement.size() && !wanted.contains(statement.get(place))) {
      place++;
    }
    return place;
  }

  private static int last(List<String> statement, String... words) {
    List<String> wanted = List.of(words);
    int place = statement.size() - 1;
    while (place > 0 && !wanted.contains(statement.get(place))) {
      place--;
    }
    return place;
  }

  /** The names from there on that are separated by commas, without quotes. */
  private static void addNames(List<String> statement, int from, Set<String> names) {
    for (int place = from; place < statement.size(); place += 2) {
      String name = statement.get(place);
      if (name.startsWith("\"")) {
        names.add(name.substring(1, name.length() - 1).replace("\"\"", "\""));
      } else if (!name.equals(EVERYBODY)) {
        names.add(name);
      }
      if (place + 1 < statement.size() && !statement.get(place + 1).equals(",")) {
        return;
      }
    }
  }
}
