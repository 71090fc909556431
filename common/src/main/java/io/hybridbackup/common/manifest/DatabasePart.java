package io.hybridbackup.common.manifest;

import static java.util.Objects.requireNonNull;

import java.time.Instant;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import tools.jackson.databind.annotation.JsonNaming;

/**
 * The database in an archive.
 *
 * @param sha256 of {@code database.dump}, 64 hex digits
 * @param bytes size of {@code database.dump}
 * @param serverVersion of PostgreSQL, such as {@code 15.8}
 * @param toolVersion of pg_dump
 * @param snapshotAt T: the dump shows the database as it was then
 * @param lsn the server's write-ahead log position at T, such as {@code 0/16B3748}
 * @param globalsSha256 of {@code globals.sql}, 64 hex digits; null if the archive has none
 */
@JsonNaming(SnakeCaseStrategy.class)
public record DatabasePart(
    String sha256,
    long bytes,
    String serverVersion,
    String toolVersion,
    Instant snapshotAt,
    String lsn,
    @Nullable String globalsSha256) {
  public DatabasePart {
    requireNonNull(sha256, "database_part.sha256 is missing");
    requireNonNull(serverVersion, "database_part.server_version is missing");
    requireNonNull(toolVersion, "database_part.tool_version is missing");
    requireNonNull(snapshotAt, "database_part.snapshot_at is missing");
    requireNonNull(lsn, "database_part.lsn is missing");
  }
}
