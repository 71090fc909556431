package io.hybridbackup.common.manifest;

import static java.util.Objects.requireNonNull;

import io.hybridbackup.common.store.ObjectKey;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import tools.jackson.databind.annotation.JsonNaming;
import tools.jackson.databind.node.ObjectNode;

/** The manifest beside an archive: the one within it, and what only the finished archive shows. */
public record ArchiveManifest(Manifest manifest, Archive archive) {
  private static final String ARCHIVE = "archive";

  /**
   * The archive as an object in the store.
   *
   * @param name of the file, with its endings
   * @param bytes its size
   * @param crc64nvme of the whole archive, 16 hex digits
   */
  @JsonNaming(SnakeCaseStrategy.class)
  public record Archive(String name, ObjectKey key, long bytes, String crc64nvme) {
    public Archive {
      requireNonNull(name, "archive.name is missing");
      requireNonNull(key, "archive.key is missing");
      requireNonNull(crc64nvme, "archive.crc64nvme is missing");
    }
  }

  /** The bytes of the manifest beside the archive; the same for the same manifest. */
  public byte[] toJson() {
    ObjectNode json = ManifestJson.tree(manifest);
    json.set(ARCHIVE, ManifestJson.tree(archive));
    return ManifestJson.write(json);
  }

  /**
   * Reads a manifest from beside an archive.
   *
   * @throws UnreadableManifestException if it is none, or of a newer format
   */
  public static ArchiveManifest parse(byte[] json) {
    JsonNode tree = ManifestJson.read(json);
    JsonNode archive = tree.get(ARCHIVE);
    if (archive == null) {
      throw new UnreadableManifestException(
          "the manifest has no 'archive': it is the one from within an archive, not from beside"
              + " one");
    }
    return new ArchiveManifest(
        ManifestJson.bind(tree, Manifest.class), ManifestJson.bind(archive, Archive.class));
  }
}
