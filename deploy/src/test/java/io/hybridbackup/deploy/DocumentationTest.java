package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.hybridbackup.common.event.EventCodec;
import io.hybridbackup.common.event.EventType;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Request;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.messaging.Topic;
import io.hybridbackup.common.messaging.Topics;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.settings.SettingsException;
import io.hybridbackup.common.settings.SettingsFile;
import io.hybridbackup.common.store.ObjectKey;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the documents say is so. */
class DocumentationTest {
  private static final Path REPOSITORY = Path.of("..").toAbsolutePath().normalize();
  private static final Path EVENTS = REPOSITORY.resolve("common/docs/events.md");
  private static final Path JOBS = REPOSITORY.resolve("common/docs/jobs.md");
  private static final Path SETTINGS = REPOSITORY.resolve("common/README.md");

  private static final Pattern LINK = Pattern.compile("]\\(([^)#\\s]+)(#[^)]*)?\\)");
  private static final Pattern CODE = Pattern.compile("`([^`\\s]+)`");
  private static final Pattern SETTING =
      Pattern.compile("\\| (`[a-z][^|]*`) \\| ([^|]*) \\|.*", Pattern.MULTILINE);
  private static final Pattern CHOICE = Pattern.compile("use one of (.*)");

  /** Far from every key, so that the mistake lists those that there are. */
  private static final String UNKNOWN = "a-key-that-nobody-could-ever-have-meant";

  private static final Map<String, Object> FILESYSTEM =
      Map.of("object-store.type", "filesystem", "object-store.directory", "/store");
  private static final Map<String, Object> S3 =
      Map.of("object-store.type", "s3", "object-store.s3.bucket", "backups");
  private static final Map<String, Object> REQUIRED =
      Stream.of("sources.NAME", "targets.NAME")
          .flatMap(owner ->
              Stream.of("database.host", "database.name", "database.user", "media.location")
                  .map(key -> owner + "." + key))
          .collect(Collectors.toMap(key -> key, key -> "/edms"));

  @TempDir Path folder;

  @Test
  void shouldListEverySettingAndNoOther() throws IOException {
    assertThat(defaults(SETTINGS).keySet())
        .containsExactlyInAnyOrderElementsOf(
            knownSettings().stream()
                .map(key -> key.replaceFirst("^(sources|targets)\\.edms\\.", "$1.NAME."))
                .toList());
  }

  @Test
  void shouldListTheDefaultsThatThereAre() throws Exception {
    for (Map<String, Object> store : List.of(FILESYSTEM, S3)) {
      // given
      Map<String, Object> minimal = new LinkedHashMap<>(REQUIRED);
      minimal.putAll(store);
      Map<String, Object> explicit = new LinkedHashMap<>(minimal);
      defaults(SETTINGS)
          .forEach((key, standard) -> {
            Matcher value = CODE.matcher(standard);
            if (value.matches() && (store.equals(S3) || !key.startsWith("object-store."))) {
              explicit.put(key, value.group(1));
            }
          });

      // when
      Settings settings = read(explicit);

      // then
      assertThat(explicit).hasSizeGreaterThan(minimal.size() + 10);
      assertThat(settings).isEqualTo(read(minimal));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"db-dump-service", "media-sync-service", "packager-service", "restore-service"})
  void shouldGiveTheSameDefaultsForAServiceAsForAll(String service) throws IOException {
    // given
    Map<String, String> all = defaults(SETTINGS);

    // when
    Map<String, String> own = defaults(REPOSITORY.resolve(service).resolve("README.md"));

    // then
    assertThat(own).isNotEmpty();
    assertThat(all).containsAllEntriesOf(own);
  }

  @Test
  void shouldMentionEveryEventTopicAndFailureCode() throws IOException {
    // given
    Stream<String> types = EventType.all().stream().map(EventType::data).map(Class::getSimpleName);
    Stream<String> topics = Topics.all().stream().map(Topic::name);
    Stream<String> codes = Arrays.stream(FailureCode.values()).map(Enum::name);

    // when
    Set<String> mentioned =
        CODE.matcher(Files.readString(EVENTS))
            .results()
            .map(code -> code.group(1))
            .collect(Collectors.toSet());

    // then
    assertThat(mentioned)
        .containsAll(Stream.of(types, topics, codes).flatMap(names -> names).toList());
  }

  @ParameterizedTest
  @ValueSource(strings = {"common/docs/events.md", "README.md"})
  void shouldShowRequestsThatCanBeRead(String document) throws IOException {
    // when
    List<String> examples =
        Files.readAllLines(REPOSITORY.resolve(document)).stream()
            .map(String::strip)
            .filter(line -> line.startsWith("{\"specversion\""))
            .toList();

    // then
    assertThat(examples)
        .isNotEmpty()
        .allSatisfy(example ->
            assertThat(EventCodec.read(example.getBytes(StandardCharsets.UTF_8), List.of()).data())
                .isInstanceOf(Request.class));
  }

  @Test
  void shouldSayWhereEveryRecordLies() throws IOException {
    // given
    RunId run = RunId.ofRequest("/test", "1");
    SourceName source = new SourceName("source");
    ArchiveName archive = new ArchiveName("backup_20260111_020000");

    // when
    String jobs = Files.readString(JOBS);

    // then
    assertThat(
            Stream.of(
                    RunKeys.archive(source, archive),
                    RunKeys.manifest(source, archive),
                    RunKeys.expired(source, archive),
                    RunKeys.reservedName(source, archive),
                    RunKeys.slots(source).resolve("000001"),
                    RunKeys.slots(new TargetName("target")).resolve("000001"),
                    RunKeys.open(run),
                    RunKeys.claim(run).key(),
                    RunKeys.outcome(run).key(),
                    RunKeys.told(run).key(),
                    RunKeys.epochs(run, Component.PACKAGER).resolve("epoch-00001"),
                    RunKeys.epochs(run, Component.RESTORE).resolve("epoch-00001"),
                    RunKeys.opened(run, 1).key(),
                    RunKeys.prepared(run, 1).key(),
                    RunKeys.snapshot(run, 1).key(),
                    RunKeys.part(run, 1, Component.DATABASE).key(),
                    RunKeys.epochs(run, 1, Component.DATABASE).resolve("epoch-00001"),
                    RunKeys.plan(run, 1).key(),
                    RunKeys.verdict(run, 1).key(),
                    RunKeys.work(run, 1, Component.DATABASE, 1))
                .map(ObjectKey::value)
                .map(key ->
                    key.replace(run.value(), "RUN")
                        .replace(archive.value(), "ARCHIVE")
                        .replace("/source/", "/SOURCE/")
                        .replace("/target/", "/TARGET/")))
        .allSatisfy(key -> assertThat(jobs).containsPattern("(?m)^" + Pattern.quote(key) + "\\b"));
  }

  @Test
  void shouldLinkToWhatIsThere() throws IOException {
    for (Path document : documents()) {
      LINK.matcher(Files.readString(document))
          .results()
          .map(link -> link.group(1))
          .filter(link -> !link.contains("://"))
          .forEach(link ->
              assertThat(document.resolveSibling(link)).as("linked in %s", document).exists());
    }
  }

  private static List<Path> documents() throws IOException {
    try (Stream<Path> files = Files.walk(REPOSITORY)) {
      List<Path> documents =
          files
              .filter(file -> file.toString().endsWith(".md"))
              .filter(file ->
                  !REPOSITORY.relativize(file).toString().matches("(.*/)?(target|\\.git)/.*"))
              .toList();
      assertThat(documents).contains(EVENTS, JOBS, SETTINGS);
      return documents;
    }
  }

  /** What the table of settings in a document says: each key's default, as it is written. */
  private static Map<String, String> defaults(Path document) throws IOException {
    String text = Files.readString(document);
    String section = text.substring(text.indexOf("\n## Settings\n"), text.indexOf("\n## Limits\n"));
    Map<String, String> defaults = new TreeMap<>();
    for (MatchResult row : SETTING.matcher(section).results().toList()) {
      CODE.matcher(row.group(1))
          .results()
          .forEach(key -> defaults.put(key.group(1), row.group(2).strip()));
    }
    return defaults;
  }

  /** Every key that has a value, as the mistakes in a file full of unknown keys list them. */
  private Set<String> knownSettings() throws IOException {
    Map<String, Object> unknown = new LinkedHashMap<>();
    unknown.put(UNKNOWN, "x");
    for (String section :
        List.of(
            "kafka",
            "object-store",
            "object-store.s3",
            "jobs",
            "restore",
            "tools",
            "sources.NAME",
            "sources.NAME.database",
            "sources.NAME.media",
            "sources.NAME.version",
            "targets.NAME",
            "targets.NAME.database",
            "targets.NAME.media")) {
      unknown.put(section + "." + UNKNOWN, "x");
    }
    unknown.put("object-store.type", "s3");
    SettingsException mistakes = catchThrowableOfType(SettingsException.class, () -> read(unknown));
    Set<String> keys = new TreeSet<>();
    Set<String> sections = new TreeSet<>(Set.of("sources", "targets"));
    for (SettingsException.Mistake mistake : mistakes.mistakes()) {
      Matcher choice = CHOICE.matcher(mistake.remedy());
      if (mistake.property().endsWith(UNKNOWN) && choice.find()) {
        String prefix =
            mistake
                .property()
                .substring("hybrid-backup.".length())
                .replaceFirst(Pattern.quote(UNKNOWN) + "$", "");
        sections.add(prefix.replaceFirst("\\.$", ""));
        Stream.of(choice.group(1).split(", ", -1)).map(key -> prefix + key).forEach(keys::add);
      }
    }
    assertThat(sections).hasSize(unknown.size() + 1);
    keys.removeAll(sections);
    return keys;
  }

  private Settings read(Map<String, Object> values) throws IOException, SettingsException {
    Map<String, Object> root = new LinkedHashMap<>();
    values.forEach(
        (key, value) -> put(root, List.of(key.replace(".NAME", ".edms").split("\\.", -1)), value));
    Path file = folder.resolve("hybrid-backup.yaml");
    Files.write(file, Json.write(Map.of("hybrid-backup", root)));
    return SettingsFile.read(file);
  }

  @SuppressWarnings("unchecked")
  private static void put(Map<String, Object> section, List<String> path, Object value) {
    if (path.size() == 1) {
      section.put(path.getFirst(), value);
    } else {
      put(
          (Map<String, Object>)
              section.computeIfAbsent(path.getFirst(), _ -> new LinkedHashMap<String, Object>()),
          path.subList(1, path.size()),
          value);
    }
  }
}
