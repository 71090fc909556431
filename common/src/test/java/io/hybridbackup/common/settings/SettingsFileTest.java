package io.hybridbackup.common.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.settings.SettingsException.Mistake;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneId;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SettingsFileTest {
  private static final String DOCUMENTED =
      """
      hybrid-backup:
        kafka: { bootstrap-servers: "127.0.0.1:9092" }      # standalone: the port that it listens on
        object-store:
          type: filesystem                                   # or s3
          directory: /var/lib/hybrid-backup/store
          # s3: { bucket, prefix, endpoint, region, path-style, access-key, secret-key-file }
        sources:
          edms:
            database: { host: 127.0.0.1, port: 5432, name: edms, user: backup, password-file: /run/secrets/edms }
            media: { location: /app/storage/, exclude: ["/cache/"] }
            version: { git-directory: /app }                 # or { literal: "1.4.2" }
        targets:
          edms-standby:
            database: { host: 127.0.0.1, port: 5432, name: edms_standby, user: edms_owner }
            media: { location: /srv/standby/storage/ }
      """;

  private static final String MINIMAL =
      """
      hybrid-backup:
        object-store: { type: filesystem, directory: /store }
      """;

  @TempDir Path folder;

  @Test
  void shouldReadTheDocumentedFile() throws Exception {
    // when
    Settings settings = read(DOCUMENTED);

    // then
    assertThat(settings.kafka().bootstrapServers()).isEqualTo("127.0.0.1:9092");
    assertThat(settings.objectStore())
        .isEqualTo(new Settings.FilesystemStore(Path.of("/var/lib/hybrid-backup/store")));
    assertThat(settings.sources())
        .containsExactly(
            Map.entry(
                new SourceName("edms"),
                new Settings.Source(
                    new Settings.Database(
                        "127.0.0.1", 5432, "edms", "backup", Path.of("/run/secrets/edms")),
                    new Settings.Media(Path.of("/app/storage"), List.of("/cache/"), false),
                    new Settings.GitVersion(Path.of("/app")))));
    assertThat(settings.targets())
        .containsExactly(
            Map.entry(
                new TargetName("edms-standby"),
                new Settings.Target(
                    new Settings.Database("127.0.0.1", 5432, "edms_standby", "edms_owner", null),
                    new Settings.Media(Path.of("/srv/standby/storage"), List.of(), false))));
  }

  @Test
  void shouldFillInDefaults() throws Exception {
    // when
    Settings settings = read(MINIMAL);

    // then
    assertThat(settings)
        .isEqualTo(
            new Settings(
                new Settings.Kafka("127.0.0.1:9092", 6, (short) -1),
                new Settings.FilesystemStore(Path.of("/store")),
                Path.of("/var/lib/hybrid-backup"),
                ZoneId.systemDefault(),
                new Settings.Jobs(
                    Duration.ofSeconds(30),
                    Duration.ofSeconds(5),
                    Duration.ofHours(12),
                    3,
                    Duration.ofHours(1),
                    2,
                    Settings.WhenBusy.WAIT,
                    Duration.ofHours(1),
                    true,
                    5),
                new Settings.Restore(Duration.ofDays(7)),
                new Settings.Tools("pg_dump", "pg_dumpall", "pg_restore", "psql", "rsync"),
                Map.of(),
                Map.of()));
  }

  @Test
  void shouldReadEverythingThatCanBeSet() throws Exception {
    // when
    Settings settings =
        read(
            """
            hybrid-backup:
              kafka: { bootstrap-servers: "k1:9092, [::1]:9093", partitions: 12, replication-factor: 3 }
              object-store:
                type: s3
                s3:
                  bucket: backups
                  prefix: /nightly/edms/
                  endpoint: http://127.0.0.1:9000
                  region: eu-central-1
                  path-style: no
                  access-key: 0123
                  secret-key-file: secrets/s3
              data-directory: data
              zone: Europe/Berlin
              jobs:
                lease: 45s
                sweep: 500 ms
                deadline: 1d
                attempts: 5
                prepare-wait: PT10M
                parallel-runs: 4
                when-busy: reject
                stale-restore: 2h
              tools: { pg-dump: /opt/pg/bin/pg_dump, pg-dumpall: pg_dumpall17, pg-restore: pg_restore17, psql: psql17, rsync: /usr/bin/rsync }
              sources:
                files: { media: { location: /srv }, version: { literal: 1.10 } }
              targets:
                managed: { media: { location: /srv }, in-place: true }
            """);

    // then
    assertThat(settings.kafka()).isEqualTo(new Settings.Kafka("k1:9092,[::1]:9093", 12, (short) 3));
    assertThat(settings.objectStore())
        .isEqualTo(
            new Settings.S3Store(
                "backups",
                "nightly/edms",
                URI.create("http://127.0.0.1:9000"),
                "eu-central-1",
                false,
                "0123",
                folder.resolve("secrets/s3")));
    assertThat(settings.dataDirectory()).isEqualTo(folder.resolve("data"));
    assertThat(settings.zone()).isEqualTo(ZoneId.of("Europe/Berlin"));
    assertThat(settings.jobs())
        .isEqualTo(
            new Settings.Jobs(
                Duration.ofSeconds(45),
                Duration.ofMillis(500),
                Duration.ofDays(1),
                5,
                Duration.ofMinutes(10),
                4,
                Settings.WhenBusy.REJECT,
                Duration.ofHours(2),
                true,
                5));
    assertThat(settings.targets())
        .containsExactly(
            Map.entry(
                new TargetName("managed"),
                new Settings.Target(
                    null, new Settings.Media(Path.of("/srv"), List.of(), false), true)));
    assertThat(settings.tools())
        .isEqualTo(
            new Settings.Tools(
                "/opt/pg/bin/pg_dump", "pg_dumpall17", "pg_restore17", "psql17", "/usr/bin/rsync"));
    assertThat(settings.sources().get(new SourceName("files")))
        .isEqualTo(
            new Settings.Source(
                null,
                new Settings.Media(Path.of("/srv"), List.of(), false),
                new Settings.LiteralVersion("1.10")));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void shouldReadWhatRowsReferTo(boolean strict) throws Exception {
    // when
    Settings settings =
        read(
            MINIMAL
                + """
                  sources:
                    edms:
                      database: { host: db, name: edms, user: backup }
                      media: { location: /srv }
                      media-references: SELECT path FROM document
                      media-references-strict: %s
                """
                    .formatted(strict));

    // then
    assertThat(settings.sources().get(new SourceName("edms")))
        .extracting(Settings.Source::mediaReferences)
        .isEqualTo(new Settings.ReferenceQuery("SELECT path FROM document", strict));
  }

  @Test
  void shouldMakeDatabasesFromTheTemplateThatATargetNames() throws Exception {
    // when
    Settings settings =
        read(
            MINIMAL
                + """
                  targets:
                    plain: { database: { host: db, name: plain, user: edms } }
                    extended: { database: { host: db, name: edms, user: edms }, template: pattern }
                """);

    // then
    assertThat(settings.targets().values())
        .extracting(Settings.Target::template)
        .containsExactly("template0", "pattern");
  }

  @Test
  void shouldSaveGlobalsOnlyWhereThatIsAskedForAndThereIsADatabase() throws Exception {
    String source =
        MINIMAL
            + """
              sources:
                edms:
                  include-globals: true
                  media: { location: /srv }
            """;

    assertThat(read(source + "      database: { host: db, name: edms, user: backup }\n").sources())
        .allSatisfy((name, edms) -> assertThat(edms.includeGlobals()).isTrue());
    assertThatThrownBy(() -> read(source)).hasMessageContaining("sources.edms.include-globals");
  }

  @Test
  void shouldRefuseWordsAboutReferencesThatCannotBeMeant() {
    assertThatThrownBy(() ->
            read(
                MINIMAL
                    + """
                      sources:
                        edms:
                          database: { host: db, name: edms, user: backup }
                          media-references: SELECT path FROM document
                        files:
                          media: { location: /srv }
                          media-references-strict: true
                    """))
        .hasMessageContaining("compares a database with its files")
        .hasMessageContaining("has nothing to be strict about");
  }

  @ParameterizedTest
  @CsvSource({
    "pg_dump, true, 7, 6",
    "1, false, 1, 1",
    "9, false, 9, 9",
  })
  void shouldReadHowASourceIsCompressed(String text, boolean byPgDump, int database, int media)
      throws Exception {
    // when
    Settings settings =
        read(
            MINIMAL
                + """
                  sources:
                    edms:
                      compression: %s
                      database: { host: db, name: edms, user: backup }
                """
                    .formatted(text));

    // then
    assertThat(settings.sources().get(new SourceName("edms")))
        .extracting(Settings.Source::compression)
        .isEqualTo(new Settings.Compression(byPgDump, database, media));
  }

  @Test
  void shouldLetTheEnvironmentOverrideSingleValues() throws Exception {
    // given
    Map<String, String> environment =
        Map.of(
            "HYBRID_BACKUP_KAFKA_BOOTSTRAP_SERVERS", "kafka:9092",
            "HYBRID_BACKUP_SOURCES_EDMS_DATABASE_HOST", "db",
            "HYBRID_BACKUP_CONFIG", "/elsewhere");

    // when
    Settings settings = SettingsFile.read(write(DOCUMENTED), environment);

    // then
    assertThat(settings.kafka().bootstrapServers()).isEqualTo("kafka:9092");
    assertThat(settings.sources().get(new SourceName("edms")))
        .extracting(source -> String.valueOf(source.database()))
        .asString()
        .startsWith("Database[host=db, ");
  }

  @Test
  void shouldReportEveryMistakeAtOnce() {
    // when
    SettingsException exception =
        refusal(
            """
            hybrid-backup:
              kafka: { bootstrap-server: "127.0.0.1:9092", partitions: many }
              object-store: { type: floppy }
              zone: Mars/Olympus
              jobs: { lease: 30, deadline: soon, attempts: 0 }
              sources:
                EDMS!: { media: { location: /srv } }
                empty: { version: { literal: "1", git-directory: /app } }
                edms:
                  database: { host: 127.0.0.1, port: 70000, name: edms }
                  media: { location: storage/ }
              targets:
                standby: { media: { location: /srv, exclude: ["/x"] } }
            """);

    // then
    assertThat(exception.mistakes())
        .extracting(Mistake::property)
        .containsExactlyInAnyOrder(
            "hybrid-backup.kafka.bootstrap-server",
            "hybrid-backup.kafka.partitions",
            "hybrid-backup.object-store.type",
            "hybrid-backup.zone",
            "hybrid-backup.jobs.lease",
            "hybrid-backup.jobs.deadline",
            "hybrid-backup.jobs.attempts",
            "hybrid-backup.sources.EDMS!",
            "hybrid-backup.sources.empty",
            "hybrid-backup.sources.empty.version",
            "hybrid-backup.sources.edms.database.port",
            "hybrid-backup.sources.edms.database.user",
            "hybrid-backup.sources.edms.media.location",
            "hybrid-backup.targets.standby.media.exclude");
    assertThat(exception)
        .hasMessageContaining(
            "hybrid-backup.kafka.bootstrap-server (line 2): is not known;"
                + " did you mean bootstrap-servers?")
        .hasMessageContaining(
            "hybrid-backup.sources.edms.media.location (line 11): 'storage/' is a relative path;"
                + " write the whole path, such as /app/storage/")
        .hasMessageContaining("hybrid-backup.jobs.lease (line 5): '30' cannot be used;");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "type: filesystem | hybrid-backup.object-store.directory",
        "directory: /store | hybrid-backup.object-store.type",
        "type: s3 | hybrid-backup.object-store.s3.bucket",
        "type: s3, s3: { bucket: b1, access-key: k } | hybrid-backup.object-store.s3.secret-key-file",
        "type: s3, s3: { bucket: b1, secret-key-file: f } | hybrid-backup.object-store.s3.access-key",
        "type: s3, s3: { bucket: b1, endpoint: nowhere } | hybrid-backup.object-store.s3.endpoint",
        "type: s3, s3: { bucket: b1, prefix: 'a//b' } | hybrid-backup.object-store.s3.prefix",
        "type: s3, s3: { bucket: b1, path-style: 7 } | hybrid-backup.object-store.s3.path-style",
        "type: s3, directory: /d, s3: { bucket: b1 } | hybrid-backup.object-store.directory",
        "type: filesystem, directory: /d, s3: { bucket: b1 } | hybrid-backup.object-store.s3",
      })
  void shouldRefuseAnObjectStoreThatIsNotWhole(String store, String property) {
    // when
    SettingsException exception = refusal("hybrid-backup: { object-store: { " + store + " } }");

    // then
    assertThat(exception.mistakes()).extracting(Mistake::property).containsExactly(property);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "kafka: { bootstrap-servers: localhost }",
        "kafka: { bootstrap-servers: 'localhost:0' }",
        "kafka: { bootstrap-servers: 'localhost:65536' }",
        "kafka: { bootstrap-servers: 'localhost:9092,' }",
        "kafka: { replication-factor: 0 }",
        "kafka: [ 'localhost:9092' ]",
        "jobs: { sweep: 0s }",
        "jobs: { sweep: -5s }",
        "jobs: { when-busy: perhaps }",
        "tools: { rsync: bin/rsync }",
        "sources: { edms: }",
        "sources: { edms: { media: { location: /srv, exclude: [ [ a ] ] } } }",
        "sources: { edms: { media: { location: /srv, exclude: [ '!' ] } } }",
        "sources: { edms: { media: { location: /srv, exclude: [ '+ /keep/' ] } } }",
        "sources: { edms: { media: { location: /srv, exclude: [ '/tmp/', '- /cache/' ] } } }",
        "sources: { edms: { media: { location: /srv }, version: {} } }",
        "sources: { edms: { media: { location: [ /srv ] } } }",
        "sources: { edms: { media: { } } }",
        "sources: { edms: { media: { location: /srv }, compression: 0 } }",
        "sources: { edms: { media: { location: /srv }, compression: 10 } }",
        "sources: { edms: { media: { location: /srv }, compression: best } }",
        "sources: { edms: { media: { location: /srv }, compression: pg_dump } }",
        "targets: { edms: { media: { location: /srv }, template: pattern } }",
        "targets: { edms: { database: { host: db, name: edms, user: u }, template: edms } }",
        "zone: Berlin, zone: Berlin",
        "souces: {}",
      })
  void shouldRefuseAValueThatCannotBeUsed(String properties) {
    // when
    SettingsException exception =
        refusal(
            "hybrid-backup: { object-store: { type: filesystem, directory: /store }, "
                + properties
                + " }");

    // then
    assertThat(exception.mistakes()).isNotEmpty();
    assertThat(exception.mistakes())
        .allSatisfy(mistake -> assertThat(mistake.remedy()).isNotBlank());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "targets: { a: { media: { location: %s/store } } } | a | is the folder of | object-store.directory",
        "targets: { a: { media: { location: %s/data/a } } } | a | lies in | data-directory",
        "targets: { a: { media: { location: %s } } } | a | holds | data-directory",
        "targets: { a: { media: { location: %s/link/store/a } } } | a | lies in | object-store.directory",
        "targets: { a: { media: { location: %s/a } }, b: { media: { location: %1$s/a/ } } } | b | is the folder of | targets.a.media.location",
        "targets: { a: { media: { location: %s/a } }, b: { media: { location: %1$s/link/a/b } } } | b | lies in | targets.a.media.location",
        "targets: { a: { media: { location: %s/a/b } }, b: { media: { location: %1$s/x/../a } } } | b | holds | targets.a.media.location",
      })
  void shouldRefuseATargetWhoseFolderIsNotOfItsOwn(
      String targets, String name, String relation, String other) throws IOException {
    // given
    Files.createSymbolicLink(folder.resolve("link"), folder);

    // when
    SettingsException exception = refusal(overlapping(targets));

    // then
    assertThat(exception.mistakes())
        .anySatisfy(mistake -> {
          assertThat(mistake.property())
              .isEqualTo("hybrid-backup.targets." + name + ".media.location");
          assertThat(mistake.line()).isEqualTo(5);
          assertThat(mistake.problem()).contains(relation + " " + other + " (" + folder);
        });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "sources: { a: { media: { location: %s } } }",
        "sources: { a: { media: { location: %s/store } } }",
        "sources: { a: { media: { location: %s, exclude: [/data/] } } }",
        "sources: { a: { media: { location: %s, exclude: [/data/, /store/x/] } } }",
      })
  void shouldRefuseASourceThatHoldsTheBackups(String sources) {
    assertThat(refusal(overlapping(sources)))
        .hasMessageContaining("hybrid-backup.sources.a.media.location (line 5): ")
        .hasMessageContaining(" object-store.directory (" + folder + "/store), which would back");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "sources: { a: { media: { location: %s/a } } }, targets: { a: { media: { location: %1$s/a } } }",
        "sources: { a: { media: { location: %s/a } }, b: { media: { location: %1$s/a/b } } }",
        "sources: { a: { media: { location: %s/data/a } } }",
        "sources: { a: { media: { location: %s, exclude: [/data, /store/] } } }",
        "targets: { a: { media: { location: %s/a } }, b: { media: { location: %1$s/a2 } } }",
      })
  void shouldTakeFoldersThatDoNotGetIntoEachOthersWay(String properties) throws Exception {
    assertThat(read(overlapping(properties))).isNotNull();
  }

  private String overlapping(String properties) {
    return """
    hybrid-backup: {
      object-store: { type: filesystem, directory: "%1$s/store" },
      data-directory: "%1$s/data",
      zone: UTC,
      %2$s
    }
    """
        .formatted(folder, properties.formatted(folder));
  }

  @Test
  void shouldTakePatternsThatOnlyLookLikeRules() throws Exception {
    // when
    Settings settings =
        read(
            MINIMAL
                + "  sources: { edms: { media: { location: /srv, exclude: [.git/, ':x', '!x', '-rf'] } } }");

    // then
    assertThat(settings.sources().get(new SourceName("edms")))
        .extracting(Settings.Source::media)
        .isEqualTo(new Settings.Media(Path.of("/srv"), List.of(".git/", ":x", "!x", "-rf"), false));
  }

  @Test
  void shouldStageByLinksWhereASourceSaysSo() throws Exception {
    // when
    Settings settings =
        read(MINIMAL + "  sources: { edms: { media: { location: /srv, staging: link } } }");

    // then
    assertThat(settings.sources().get(new SourceName("edms")))
        .extracting(Settings.Source::media)
        .isEqualTo(new Settings.Media(Path.of("/srv"), List.of(), false, Settings.Staging.LINK));
    assertThat(
            refusal(MINIMAL + "  sources: { edms: { media: { location: /srv, staging: tape } } }"))
        .hasMessageContaining("write copy or link");
  }

  @Test
  void shouldNameTheLineWhereItIsNotYaml() {
    // when
    SettingsException exception = refusal("hybrid-backup:\n  kafka: {\n  zone: UTC\n");

    // then
    assertThat(exception).hasMessageContaining("is not YAML").hasMessageContaining("(line 4)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "just text", "- a\n- b", "kafka: {}", "hybrid-backup:"})
  void shouldRefuseAFileThatSaysNothing(String yaml) {
    assertThat(refusal(yaml).mistakes()).isNotEmpty();
  }

  @Test
  void shouldSayThatThereIsNoFile() {
    assertThatThrownBy(() -> SettingsFile.read(folder.resolve("nowhere.yaml"), Map.of()))
        .isInstanceOf(SettingsException.class)
        .hasMessageContaining("nowhere.yaml")
        .hasMessageContaining("there is no such file")
        .hasMessageContaining("--config");
  }

  @Test
  void shouldRefuseBytesThatAreNotText() throws IOException {
    // given
    Path file = Files.write(folder.resolve("binary.yaml"), new byte[] {(byte) 0xff, 0, 1});

    // then
    assertThatThrownBy(() -> SettingsFile.read(file, Map.of()))
        .isInstanceOf(SettingsException.class)
        .hasMessageContaining("is not text");
  }

  @Test
  void shouldCheckOnlyTheSecretsThatAProgramReads() throws Exception {
    // given
    Path file = write(DOCUMENTED.replace("/run/secrets/edms", folder + "/missing"));
    Settings settings = SettingsFile.read(file, Map.of());

    // when
    SettingsException exception =
        catchThrowableOfType(
            SettingsException.class,
            () -> Secret.check(file, settings, EnumSet.allOf(Secret.class)));
    Secret.check(file, settings, EnumSet.of(Secret.OBJECT_STORE, Secret.TARGET_DATABASES));

    // then
    assertThat(exception.mistakes())
        .extracting(Mistake::property)
        .containsExactly("hybrid-backup.sources.edms.database.password-file");
  }

  @Test
  void shouldRefuseAnEmptySecret() throws Exception {
    // given
    Path secret = Files.writeString(folder.resolve("secret"), "\n");
    Path file = write(DOCUMENTED.replace("/run/secrets/edms", secret.toString()));
    Settings settings = SettingsFile.read(file, Map.of());

    // then
    assertThatThrownBy(() -> Secret.check(file, settings, EnumSet.allOf(Secret.class)))
        .isInstanceOf(SettingsException.class)
        .hasMessageContaining("is empty");

    // when
    Files.writeString(secret, "correct horse\n", StandardCharsets.UTF_8);

    // then
    Secret.check(file, settings, EnumSet.allOf(Secret.class));
  }

  private Settings read(String yaml) throws SettingsException, IOException {
    return SettingsFile.read(write(yaml), Map.of());
  }

  private SettingsException refusal(String yaml) {
    return catchThrowableOfType(SettingsException.class, () -> read(yaml));
  }

  private Path write(String yaml) throws IOException {
    return Files.writeString(folder.resolve("hybrid-backup.yaml"), yaml);
  }
}
