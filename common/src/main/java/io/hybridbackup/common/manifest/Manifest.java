package io.hybridbackup.common.manifest;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import tools.jackson.databind.annotation.JsonNaming;

/**
 * The manifest within an archive. In JSON it begins with the eight fields that operators know; what
 * follows from another field is written for them and ignored when it is read.
 *
 * @param timestamp the archive's time, in the zone that its name is in, with the offset
 * @param version of the application, such as its git commit; absent if the source has none
 * @param createdBy this product and its version
 * @param attempt of the run, from 1
 * @param databasePart absent if there is no database in the archive; so are {@code database} and
 *     {@code database_size_mb}
 * @param storagePart absent if there are no files in the archive; so are {@code storage} and {@code
 *     storage_size_mb}
 * @param tools versions of the native programs that were used, by the program's name
 * @param warnings for people
 */
@JsonNaming(SnakeCaseStrategy.class)
@JsonPropertyOrder({
  "timestamp",
  "database",
  "storage",
  "version",
  "backup_type",
  "database_size_mb",
  "storage_size_mb",
  "created_by",
  "format_version",
  "backup_id",
  "source",
  "archive_name",
  "attempt",
  "components",
  "database_part",
  "storage_part",
  "consistency",
  "tools",
  "warnings"
})
public record Manifest(
    OffsetDateTime timestamp,
    @Nullable String version,
    String createdBy,
    RunId backupId,
    SourceName source,
    ArchiveName archiveName,
    int attempt,
    @Nullable DatabasePart databasePart,
    @Nullable StoragePart storagePart,
    Consistency consistency,
    Map<String, String> tools,
    List<String> warnings) {
  /** The version of the format that this code writes, and the newest that it reads. */
  public static final int FORMAT_VERSION = 1;

  /** The name of the manifest within the archive. */
  public static final String FILE = "manifest.json";

  /** The name of the dump within the archive. */
  public static final String DATABASE = "database.dump";

  /** The folder of the files within the archive. */
  public static final String STORAGE = "storage/";

  private static final BigDecimal BYTES_PER_MB = BigDecimal.valueOf(1 << 20);

  public Manifest {
    requireNonNull(timestamp, "timestamp is missing");
    requireNonNull(createdBy, "created_by is missing");
    requireNonNull(backupId, "backup_id is missing");
    requireNonNull(source, "source is missing");
    requireNonNull(archiveName, "archive_name is missing");
    requireNonNull(consistency, "consistency is missing");
    if (databasePart == null && storagePart == null) {
      throw new IllegalArgumentException("an archive has a database_part or a storage_part");
    }
    if (databasePart != null && !databasePart.snapshotAt().equals(consistency.snapshotAt())) {
      throw new IllegalArgumentException("snapshot_at differs between database and consistency");
    }
    tools = Collections.unmodifiableMap(new TreeMap<>(tools));
    warnings = List.copyOf(warnings);
  }

  /** {@code database.dump}, or null if there is no database in the archive. */
  @JsonProperty(access = JsonProperty.Access.READ_ONLY)
  public @Nullable String database() {
    return databasePart == null ? null : DATABASE;
  }

  /** {@code storage/}, or null if there are no files in the archive. */
  @JsonProperty(access = JsonProperty.Access.READ_ONLY)
  public @Nullable String storage() {
    return storagePart == null ? null : STORAGE;
  }

  /** Every archive stands alone. */
  @JsonProperty(access = JsonProperty.Access.READ_ONLY)
  public String backupType() {
    return "full";
  }

  /** Unpacked, in units of 1,048,576 bytes as {@code du -m} has them, with two decimals. */
  @JsonProperty(access = JsonProperty.Access.READ_ONLY)
  public @Nullable BigDecimal databaseSizeMb() {
    return databasePart == null ? null : megabytes(databasePart.bytes());
  }

  /** Unpacked, in units of 1,048,576 bytes as {@code du -m} has them, with two decimals. */
  @JsonProperty(access = JsonProperty.Access.READ_ONLY)
  public @Nullable BigDecimal storageSizeMb() {
    return storagePart == null ? null : megabytes(storagePart.bytes());
  }

  @JsonProperty(access = JsonProperty.Access.READ_ONLY)
  public int formatVersion() {
    return FORMAT_VERSION;
  }

  /** The parts that are in the archive. */
  @JsonProperty(access = JsonProperty.Access.READ_ONLY)
  public Set<Component> components() {
    EnumSet<Component> components = EnumSet.noneOf(Component.class);
    if (databasePart != null) {
      components.add(Component.DATABASE);
    }
    if (storagePart != null) {
      components.add(Component.MEDIA);
    }
    return components;
  }

  /**
   * The instant that the archive is of: T, or if it has files alone, when the last pass over them
   * had ended. Nothing that the database had after it is in the archive.
   */
  public Instant shows() {
    return Stream.of(consistency.snapshotAt(), consistency.preparedAt())
        .filter(Objects::nonNull)
        .findFirst()
        .orElseGet(timestamp::toInstant);
  }

  /** The bytes of {@code manifest.json}; the same for the same manifest. */
  public byte[] toJson() {
    return ManifestJson.write(ManifestJson.tree(this));
  }

  /**
   * Reads a manifest, from within an archive or from beside one.
   *
   * @throws UnreadableManifestException if it is none, or of a newer format
   */
  public static Manifest parse(byte[] json) {
    return ManifestJson.bind(ManifestJson.read(json), Manifest.class);
  }

  private static BigDecimal megabytes(long bytes) {
    return BigDecimal.valueOf(bytes).divide(BYTES_PER_MB, 2, RoundingMode.HALF_UP);
  }
}
