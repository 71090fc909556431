package io.hybridbackup.common.manifest;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.annotation.JsonProperty;
import tools.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import tools.jackson.databind.annotation.JsonNaming;

/**
 * The files in an archive.
 *
 * @param files how many there are, folders not counted
 * @param folders how many folders there are
 * @param bytes sum of the files' sizes
 * @param indexSha256 of the plain bytes of the part's index, which has every file's SHA-256; 64 hex
 *     digits
 */
@JsonNaming(SnakeCaseStrategy.class)
public record StoragePart(
    long files, long folders, long bytes, @JsonProperty("index_sha256") String indexSha256) {
  public StoragePart {
    requireNonNull(indexSha256, "storage_part.index_sha256 is missing");
  }
}
