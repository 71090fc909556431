package io.hybridbackup.common.settings;

import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.settings.SettingsException.Mistake;
import io.hybridbackup.common.store.ObjectKey;
import java.io.IOException;
import java.io.StringReader;
import java.net.URI;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.Node;

/**
 * Reads the configuration file. A single value may be overridden by an environment variable that is
 * called like the property, in upper case and with underscores: {@code
 * HYBRID_BACKUP_KAFKA_BOOTSTRAP_SERVERS}.
 *
 * <p>Relative paths count from the folder of the file, except media locations, which must be
 * absolute because other machines see them too.
 */
public final class SettingsFile {
  /** Where the file is if nobody says otherwise. */
  public static final Path DEFAULT = Path.of("/etc/hybrid-backup/hybrid-backup.yaml");

  private static final String ROOT = "hybrid-backup";
  private static final Pattern ADDRESS =
      Pattern.compile("([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.%]+\\]):([1-9]\\d{0,4})");
  private static final Pattern DURATION = Pattern.compile("(\\d{1,9})\\s*(ms|s|m|h|d)");
  private static final Pattern BUCKET = Pattern.compile("[a-zA-Z0-9][a-zA-Z0-9._-]{1,254}");

  private final Path folder;
  private final Section root;

  private SettingsFile(Path folder, Section root) {
    this.folder = folder;
    this.root = root;
  }

  /**
   * The settings in the file, complete with defaults. Secret files are not looked at: see {@link
   * Secret#check}.
   *
   * @throws SettingsException naming every mistake that the file has
   */
  public static Settings read(Path file) throws SettingsException {
    return read(file, System.getenv());
  }

  static Settings read(Path file, Map<String, String> environment) throws SettingsException {
    Node document = document(file);
    List<Mistake> mistakes = new ArrayList<>();
    Section whole =
        new Section("", document, environment, mistakes, "begin it with " + ROOT + ": on a line");
    if (!whole.has(ROOT) && mistakes.isEmpty()) {
      mistakes.add(
          new Mistake(
              ROOT, null, "is missing", "write " + ROOT + ": and everything else indented below"));
    }
    Path folder = file.toAbsolutePath().normalize().getParent();
    Section root = whole.section(ROOT);
    Settings settings = new SettingsFile(folder == null ? Path.of("/") : folder, root).settings();
    new SeparateFolders(root, settings).check(settings);
    root.finish();
    whole.finish();
    if (!mistakes.isEmpty()) {
      throw new SettingsException(file.toString(), mistakes);
    }
    return settings;
  }

  private static @Nullable Node document(Path file) throws SettingsException {
    try {
      return new Yaml().compose(new StringReader(Files.readString(file)));
    } catch (NoSuchFileException e) {
      throw unusable(
          file,
          null,
          "there is no such file",
          "write one there, or name another with --config or in HYBRID_BACKUP_CONFIG");
    } catch (CharacterCodingException e) {
      throw unusable(file, null, "is not text", "save it as UTF-8");
    } catch (IOException e) {
      throw unusable(
          file, null, "cannot be read", "check that it is a file and that you may read it");
    } catch (MarkedYAMLException e) {
      Integer line = e.getProblemMark() == null ? null : e.getProblemMark().getLine() + 1;
      throw unusable(
          file,
          line,
          "is not YAML: " + e.getProblem(),
          "check the indentation, the quotes and the colons there");
    } catch (YAMLException e) {
      throw unusable(file, null, "is not YAML", "remove characters that are not text");
    }
  }

  private static SettingsException unusable(
      Path file, @Nullable Integer line, String problem, String remedy) {
    return new SettingsException(
        file.toString(), List.of(new Mistake(ROOT, line, problem, remedy)));
  }

  private Settings settings() {
    Path dataDirectory =
        root.value("data-directory", "write a folder's path", this::path)
            .orElse(Path.of("/var/lib/hybrid-backup"));
    ZoneId zone =
        root.value("zone", "write a zone such as Europe/Berlin or UTC", ZoneId::of)
            .orElse(ZoneId.systemDefault());
    return new Settings(
        kafka(root.section("kafka")),
        store(root.section("object-store")),
        dataDirectory,
        zone,
        jobs(root.section("jobs")),
        restore(root.section("restore")),
        tools(root.section("tools")),
        named(root.section("sources"), SourceName::new, this::source),
        named(root.section("targets"), TargetName::new, this::target));
  }

  private Settings.Kafka kafka(Section kafka) {
    String servers =
        kafka
            .value(
                "bootstrap-servers",
                "write host:port, several with commas between, such as 127.0.0.1:9092",
                SettingsFile::addresses)
            .orElse("127.0.0.1:9092");
    int partitions =
        kafka.value("partitions", "write a number from 1 to 1000", number(1, 1000)).orElse(6);
    int replicas =
        kafka
            .value(
                "replication-factor",
                "write how many copies there shall be, or -1 for the broker's default",
                number(-1, 100).andThen(SettingsFile::notZero))
            .orElse(-1);
    kafka.finish();
    return new Settings.Kafka(servers, partitions, (short) replicas);
  }

  private Settings.Store store(Section store) {
    String type = store.requiredText("type", "write filesystem or s3");
    boolean s3 = store.has("s3");
    boolean directory = store.text("directory").isPresent();
    Settings.Store settings =
        switch (type) {
          case "s3" -> {
            if (directory) {
              store.note("directory", "belongs to a filesystem", "remove it, or the type s3");
            }
            yield s3(store.section("s3"));
          }
          case "filesystem" -> {
            if (s3) {
              store.note("s3", "does not belong to a filesystem", "remove it, or write type: s3");
            }
            yield filesystem(store);
          }
          default -> {
            if (!type.isEmpty()) {
              store.note("type", "'" + type + "' is not known", "write filesystem or s3");
            }
            yield new Settings.FilesystemStore(folder);
          }
        };
    store.finish();
    return settings;
  }

  private Settings.FilesystemStore filesystem(Section store) {
    store.requiredText("directory", "write the folder that shall hold the archives");
    return new Settings.FilesystemStore(
        store.value("directory", "write a folder's path", this::path).orElse(folder));
  }

  private Settings.S3Store s3(Section s3) {
    s3.requiredText("bucket", "write the name of the bucket that shall hold the archives");
    String bucket = s3.value("bucket", "write the bucket's name alone", form(BUCKET)).orElse("");
    String prefix =
        s3.value(
                "prefix",
                "use A-Z, a-z, 0-9, '.', '_', '-' and '/' between names",
                SettingsFile::prefix)
            .orElse("");
    URI endpoint =
        s3.value("endpoint", "write a URL such as https://s3.example.org", SettingsFile::endpoint)
            .orElse(null);
    String region = s3.text("region").orElse("us-east-1");
    boolean pathStyle =
        s3.value("path-style", "write true or false", SettingsFile::bool).orElse(endpoint != null);
    String accessKey = s3.text("access-key").orElse(null);
    Path secretKeyFile =
        s3.value("secret-key-file", "write a file's path", this::path).orElse(null);
    if (accessKey != null && secretKeyFile == null) {
      s3.note(
          "secret-key-file",
          "is missing though access-key is given",
          "write the path of the file that holds the secret key");
    }
    if (accessKey == null && secretKeyFile != null) {
      s3.note(
          "access-key", "is missing though secret-key-file is given", "write the access key's id");
    }
    s3.finish();
    return new Settings.S3Store(
        bucket, prefix, endpoint, region, pathStyle, accessKey, secretKeyFile);
  }

  private static Settings.Jobs jobs(Section jobs) {
    Settings.Jobs settings =
        new Settings.Jobs(
            duration(jobs, "lease", Duration.ofSeconds(30)),
            duration(jobs, "sweep", Duration.ofSeconds(5)),
            duration(jobs, "deadline", Duration.ofHours(12)),
            jobs.value("attempts", "write a number from 1 to 100", number(1, 100)).orElse(3),
            duration(jobs, "prepare-wait", Duration.ofHours(1)),
            jobs.value("parallel-runs", "write a number from 1 to 100", number(1, 100)).orElse(2),
            jobs.value("when-busy", "write wait or reject", SettingsFile::whenBusy)
                .orElse(Settings.WhenBusy.WAIT),
            duration(jobs, "stale-restore", Duration.ofHours(1)),
            jobs.value("read-back", "write true or false", SettingsFile::bool).orElse(true),
            jobs.value("scrub-percent", "write a number from 0 to 100", number(0, 100)).orElse(5));
    jobs.finish();
    return settings;
  }

  private static Settings.Restore restore(Section restore) {
    Settings.Restore settings =
        new Settings.Restore(duration(restore, "keep-previous", Duration.ofDays(7)));
    restore.finish();
    return settings;
  }

  private static Settings.Tools tools(Section tools) {
    Settings.Tools settings =
        new Settings.Tools(
            tool(tools, "pg-dump", "pg_dump"),
            tool(tools, "pg-dumpall", "pg_dumpall"),
            tool(tools, "pg-restore", "pg_restore"),
            tool(tools, "psql", "psql"),
            tool(tools, "rsync", "rsync"));
    tools.finish();
    return settings;
  }

  private static String tool(Section tools, String key, String program) {
    return tools
        .value(
            key,
            "write " + program + " or its whole path",
            text -> {
              if (text.contains("/") && !text.startsWith("/")) {
                throw new IllegalArgumentException(text);
              }
              return text;
            })
        .orElse(program);
  }

  private static <N, T> Map<N, T> named(
      Section section, Function<String, N> name, Function<Section, T> reader) {
    Map<N, T> all = new LinkedHashMap<>();
    for (String key : section.names()) {
      T value = reader.apply(section.section(key));
      try {
        all.put(name.apply(key), value);
      } catch (IllegalArgumentException e) {
        section.note(
            key,
            "is not a name",
            "use 1 to 64 of a-z, 0-9, '.', '_', '-', beginning with a letter or a digit");
      }
    }
    return Collections.unmodifiableMap(all);
  }

  private Settings.Source source(Section source) {
    Settings.Database database = database(source);
    Settings.Media media = source.has("media") ? media(source.section("media"), true) : null;
    Settings.Version version = source.has("version") ? version(source.section("version")) : null;
    if (database == null && media == null) {
      source.note("has neither a database nor media", "add a database or a media section to it");
    }
    Settings.Compression compression =
        source
            .value(
                "compression",
                "write a level from 1 (fast) to 9 (small), or pg_dump",
                SettingsFile::compression)
            .orElse(Settings.Compression.DEFAULT);
    if (compression.byPgDump() && database == null) {
      source.note("compression", "is left to pg_dump without a database", "write a level, 1 to 9");
    }
    Settings.ReferenceQuery references = references(source);
    if (references != null && (database == null || media == null)) {
      source.note(
          "media-references",
          "compares a database with its files, and there is only one of them",
          "remove it, or add what is missing");
    }
    boolean globals =
        source.value("include-globals", "write true or false", SettingsFile::bool).orElse(false);
    if (globals && database == null) {
      source.note(
          "include-globals",
          "saves roles of a database's server, and there is no database",
          "remove it, or add a database");
    }
    source.finish();
    return new Settings.Source(database, media, version, compression, references, globals);
  }

  private static Settings.@Nullable ReferenceQuery references(Section source) {
    Optional<String> query = source.text("media-references");
    boolean strict =
        source
            .value("media-references-strict", "write true or false", SettingsFile::bool)
            .orElse(false);
    if (strict && query.isEmpty()) {
      source.note(
          "media-references-strict",
          "has nothing to be strict about",
          "write media-references: \"SELECT path FROM document\", or the like");
    }
    return query.map(sql -> new Settings.ReferenceQuery(sql, strict)).orElse(null);
  }

  private Settings.Target target(Section target) {
    Settings.Database database = database(target);
    Settings.Media media = target.has("media") ? media(target.section("media"), false) : null;
    if (database == null && media == null) {
      target.note("has neither a database nor media", "add a database or a media section to it");
    }
    boolean inPlace =
        target.value("in-place", "write true or false", SettingsFile::bool).orElse(false);
    Optional<String> template = target.text("template");
    if (template.isPresent() && database == null) {
      target.note(
          "template",
          "is what a database is made from, and there is none",
          "remove it, or add a database");
    } else if (database != null && template.equals(Optional.of(database.name()))) {
      target.note(
          "template",
          "is the database that is restored to",
          "name another one, which has no more in it than extensions");
    }
    target.finish();
    return new Settings.Target(database, media, inPlace, template.orElse(Settings.Target.TEMPLATE));
  }

  private Settings.@Nullable Database database(Section owner) {
    if (!owner.has("database")) {
      return null;
    }
    Section database = owner.section("database");
    Settings.Database settings =
        new Settings.Database(
            database.requiredText("host", "write the server's name or address"),
            database.value("port", "write a port from 1 to 65535", number(1, 65535)).orElse(5432),
            database.requiredText("name", "write the database's name"),
            database.requiredText("user", "write the role to connect as"),
            database.value("password-file", "write a file's path", this::path).orElse(null));
    database.finish();
    return settings;
  }

  private static Settings.Media media(Section media, boolean source) {
    String location = media.requiredText("location", "write the folder that holds the files");
    if (!location.isEmpty() && !location.startsWith("/")) {
      media.note(
          "location",
          "'" + location + "' is a relative path",
          "write the whole path, such as /app/" + location);
    }
    List<String> exclude =
        source
            ? media.texts("exclude", "write a list of rsync patterns, such as [\"/cache/\"]")
            : List.of();
    for (String pattern : exclude) {
      // rsync takes these for something else, even where it is to exclude: the opposite at worst.
      if (pattern.equals("!") || pattern.startsWith("+ ") || pattern.startsWith("- ")) {
        media.note(
            "exclude",
            "'" + pattern + "' is a filter rule of rsync, not a pattern",
            "write only the pattern of what to leave out, such as /cache/");
      }
    }
    boolean checksum =
        source && media.value("checksum", "write true or false", SettingsFile::bool).orElse(false);
    Settings.Staging staging =
        source
            ? media
                .value("staging", "write copy or link", SettingsFile::staging)
                .orElse(Settings.Staging.COPY)
            : Settings.Staging.COPY;
    media.finish();
    return new Settings.Media(Path.of(location), exclude, checksum, staging);
  }

  private Settings.@Nullable Version version(Section version) {
    Optional<String> literal = version.text("literal");
    Optional<Path> git =
        version.value("git-directory", "write the folder of a git work tree", this::path);
    version.finish();
    if (literal.isPresent() == git.isPresent()) {
      version.note(
          literal.isPresent() ? "has both kinds of version" : "says no version",
          "write either git-directory: FOLDER or literal: \"TEXT\"");
      return null;
    }
    return git.<Settings.Version>map(Settings.GitVersion::new)
        .orElseGet(() -> new Settings.LiteralVersion(literal.orElseThrow()));
  }

  private Path path(String text) {
    return folder.resolve(text).normalize();
  }

  private static Duration duration(Section section, String key, Duration fallback) {
    return section
        .value(key, "write a number and its unit, such as 30s, 5m, 12h", SettingsFile::duration)
        .orElse(fallback);
  }

  private static Duration duration(String text) {
    Matcher matcher = DURATION.matcher(text);
    Duration duration = matcher.matches() ? units(matcher) : Duration.parse(text);
    if (!duration.isPositive()) {
      throw new IllegalArgumentException(text);
    }
    return duration;
  }

  private static Duration units(Matcher matcher) {
    long count = Long.parseLong(matcher.group(1));
    return switch (matcher.group(2)) {
      case "ms" -> Duration.ofMillis(count);
      case "s" -> Duration.ofSeconds(count);
      case "m" -> Duration.ofMinutes(count);
      case "h" -> Duration.ofHours(count);
      default -> Duration.ofDays(count);
    };
  }

  private static Function<String, Integer> number(int least, int most) {
    return text -> {
      int number = Integer.parseInt(text);
      if (number < least || number > most) {
        throw new IllegalArgumentException(text);
      }
      return number;
    };
  }

  private static Settings.Compression compression(String text) {
    if (text.equals("pg_dump")) {
      return new Settings.Compression(
          true, Settings.Compression.DEFAULT.database(), Settings.Compression.DEFAULT.media());
    }
    int level = number(1, 9).apply(text);
    return new Settings.Compression(false, level, level);
  }

  private static Integer notZero(Integer number) {
    if (number == 0) {
      throw new IllegalArgumentException("0");
    }
    return number;
  }

  private static boolean bool(String text) {
    return switch (text.toLowerCase(Locale.ROOT)) {
      case "true", "yes", "on" -> true;
      case "false", "no", "off" -> false;
      default -> throw new IllegalArgumentException(text);
    };
  }

  private static Settings.WhenBusy whenBusy(String text) {
    return Settings.WhenBusy.valueOf(text.toUpperCase(Locale.ROOT));
  }

  private static Settings.Staging staging(String text) {
    return Settings.Staging.valueOf(text.toUpperCase(Locale.ROOT));
  }

  private static Function<String, String> form(Pattern pattern) {
    return text -> {
      if (!pattern.matcher(text).matches()) {
        throw new IllegalArgumentException(text);
      }
      return text;
    };
  }

  private static String addresses(String text) {
    for (String address : text.split(",", -1)) {
      Matcher matcher = ADDRESS.matcher(address.strip());
      if (!matcher.matches() || Integer.parseInt(matcher.group(2)) > 65535) {
        throw new IllegalArgumentException(address);
      }
    }
    return text.replace(" ", "");
  }

  private static String prefix(String text) {
    String trimmed = text.replaceAll("^/+|/+$", "");
    return trimmed.isEmpty() ? "" : new ObjectKey(trimmed).value();
  }

  private static URI endpoint(String text) {
    URI endpoint = URI.create(text);
    if (endpoint.getHost() == null
        || !List.of("http", "https").contains(String.valueOf(endpoint.getScheme()))) {
      throw new IllegalArgumentException(text);
    }
    return endpoint;
  }
}
