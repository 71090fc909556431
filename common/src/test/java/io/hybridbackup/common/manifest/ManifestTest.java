package io.hybridbackup.common.manifest;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.networknt.schema.Schema;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.testing.JsonSchemas;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

class ManifestTest {
  private static final Instant SNAPSHOT = Instant.parse("2026-01-10T23:00:04.120Z");
  private static final Schema SCHEMA =
      JsonSchemas.load("/io/hybridbackup/contract/manifest.v1.schema.json");

  private final Manifest manifest = manifest(database(), storage());
  private final ArchiveManifest besideTheArchive =
      new ArchiveManifest(
          manifest,
          new ArchiveManifest.Archive(
              "backup_20260111_020000.tar.gz",
              new ObjectKey("backups/edms/backup_20260111_020000.tar.gz"),
              612_345_678,
              "00c0ffee12345678"));

  @Test
  void shouldBeginWithTheFieldsThatOperatorsKnow() {
    JsonNode json = Json.mapper().readTree(manifest.toJson());

    assertThat(json.propertyNames())
        .startsWith(
            "timestamp",
            "database",
            "storage",
            "version",
            "backup_type",
            "database_size_mb",
            "storage_size_mb",
            "created_by",
            "format_version");
    assertThat(json.get("timestamp").stringValue()).isEqualTo("2026-01-11T02:00:00+03:00");
    assertThat(new String(manifest.toJson(), StandardCharsets.UTF_8))
        .contains("\"database_size_mb\" : 1024.50,");
  }

  @Test
  void shouldLeaveOutWhatBelongsToAMissingPart() {
    JsonNode json = Json.mapper().readTree(manifest(null, storage()).toJson());

    assertThat(json.propertyNames())
        .doesNotContain("database", "database_size_mb", "database_part")
        .contains("storage", "storage_size_mb", "storage_part");
    assertThat(json.get("components").toString()).isEqualTo("[\"media\"]");
  }

  @Test
  void shouldReadWhatItHasWritten() {
    assertThat(Manifest.parse(manifest.toJson())).isEqualTo(manifest);
    assertThat(ArchiveManifest.parse(besideTheArchive.toJson())).isEqualTo(besideTheArchive);
    assertThat(Manifest.parse(besideTheArchive.toJson())).isEqualTo(manifest);
  }

  @Test
  void shouldFitItsSchema() {
    assertThat(violations(manifest.toJson())).isEmpty();
    assertThat(violations(besideTheArchive.toJson())).isEmpty();
    assertThat(violations(manifest(null, storage()).toJson())).isEmpty();
    assertThat(violations(manifest(database(), null).toJson())).isEmpty();
  }

  @Test
  void shouldSayWhatTheServersRolesAreKnownBy() {
    Manifest globals = manifest(database("ef".repeat(32)), null);

    assertThat(
            Json.mapper().readTree(globals.toJson()).at("/database_part/globals_sha256").asString())
        .isEqualTo("ef".repeat(32));
    assertThat(Manifest.parse(globals.toJson())).isEqualTo(globals);
    assertThat(violations(globals.toJson())).isEmpty();
    assertThat(violations(manifest(database("none"), null).toJson())).isNotEmpty();
  }

  @Test
  void shouldSayWhatChangedItsKindIfAnythingDid() {
    Manifest changed =
        manifest(database(), storage(), new KindChanges(1, List.of("letters/drafts")));

    JsonNode consistency = Json.mapper().readTree(changed.toJson()).get("consistency");
    assertThat(consistency.at("/kind_changes/count").asInt()).isEqualTo(1);
    assertThat(consistency.at("/kind_changes/paths/0").asString()).isEqualTo("letters/drafts");
    assertThat(Manifest.parse(changed.toJson())).isEqualTo(changed);
    assertThat(violations(changed.toJson())).isEmpty();
    assertThat(violations(manifest(database(), storage(), new KindChanges(0, List.of())).toJson()))
        .isNotEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "backup_id     | backup",
        "database_part | database_share",
        "+03:00        |",
        "full          | incremental",
        "120Z          | 120+00:00"
      })
  void shouldNotFitItsSchemaWhenDamaged(String is, String becomes) {
    String json = new String(manifest.toJson(), StandardCharsets.UTF_8);

    String damaged = json.replace(is, becomes == null ? "" : becomes);

    assertThat(violations(damaged.getBytes(StandardCharsets.UTF_8))).isNotEmpty();
  }

  @Test
  void shouldReadTheFilesOfFormatVersion1() throws IOException {
    assertThat(Manifest.parse(golden("inner.json"))).isEqualTo(manifest);
    assertThat(manifest.toJson()).isEqualTo(golden("inner.json"));
    assertThat(ArchiveManifest.parse(golden("beside.json"))).isEqualTo(besideTheArchive);
    assertThat(besideTheArchive.toJson()).isEqualTo(golden("beside.json"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "\"format_version\" : 1 | \"format_version\" : 2 | format_version 2 and this program reads 1",
        "format_version         | version_of_format      | has no format_version",
        "created_by             | made_by                | created_by is missing",
        "\"sha256\"             | \"sha\"                | database_part.sha256 is missing",
        "_part                  | _share                 | a database_part or a storage_part",
        "edms                   | Edms                   | 'Edms' is not a source's name",
        "prepared_at            | prepared               | a fenced backup knows",
      })
  void shouldSayWhyAManifestCannotBeRead(String is, String becomes, String reason) {
    String json = new String(manifest.toJson(), StandardCharsets.UTF_8);

    assertThatThrownBy(
            () -> Manifest.parse(json.replace(is, becomes).getBytes(StandardCharsets.UTF_8)))
        .isInstanceOf(UnreadableManifestException.class)
        .hasMessageContaining(reason);
  }

  @Test
  void shouldNotTakeTheInnerManifestForTheOneBesideTheArchive() {
    assertThatThrownBy(() -> ArchiveManifest.parse(manifest.toJson()))
        .isInstanceOf(UnreadableManifestException.class)
        .hasMessageContaining("has no 'archive'");
  }

  private static List<com.networknt.schema.Error> violations(byte[] json) {
    return SCHEMA.validate(Json.mapper().readTree(json));
  }

  private static byte[] golden(String name) throws IOException {
    try (InputStream in =
        requireNonNull(
            ManifestTest.class.getResourceAsStream("/io/hybridbackup/manifests/v1/" + name))) {
      return in.readAllBytes();
    }
  }

  private static DatabasePart database() {
    return database(null);
  }

  private static DatabasePart database(@Nullable String globals) {
    return new DatabasePart(
        "ab".repeat(32), 1_074_266_112, "15.8", "pg_dump 15.8", SNAPSHOT, "0/16B3748", globals);
  }

  private static StoragePart storage() {
    return new StoragePart(19_500, 412, 1_288_490_189, "cd".repeat(32));
  }

  private static Manifest manifest(@Nullable DatabasePart database, @Nullable StoragePart storage) {
    return manifest(database, storage, null);
  }

  private static Manifest manifest(
      @Nullable DatabasePart database,
      @Nullable StoragePart storage,
      @Nullable KindChanges kindChanges) {
    return new Manifest(
        OffsetDateTime.parse("2026-01-11T02:00:00+03:00"),
        "4f0c2d7",
        "Hybrid Backup 0.1.0",
        RunId.ofRequest("/console", "1"),
        new SourceName("edms"),
        new ArchiveName("backup_20260111_020000"),
        1,
        database,
        storage,
        new Consistency(
            database != null && storage != null,
            Instant.parse("2026-01-10T23:00:03Z"),
            database == null ? null : SNAPSHOT,
            3,
            2,
            kindChanges,
            new References(19_000, 1, List.of("letters/7.pdf"))),
        Map.of("rsync", "3.2.7", "pg_dump", "15.8"),
        List.of("2 files vanished and were kept"));
  }
}
