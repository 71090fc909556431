package io.hybridbackup.common.manifest;

import io.hybridbackup.common.json.Json;
import java.nio.charset.StandardCharsets;
import tools.jackson.core.JacksonException;
import tools.jackson.core.util.DefaultIndenter;
import tools.jackson.core.util.DefaultPrettyPrinter;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectWriter;
import tools.jackson.databind.node.ObjectNode;

/** Manifests as JSON: for people to read, and always the same bytes. */
final class ManifestJson {
  private static final DefaultIndenter TWO_SPACES = new DefaultIndenter("  ", "\n");
  private static final ObjectWriter WRITER =
      Json.mapper()
          .writer()
          .with(
              new DefaultPrettyPrinter()
                  .withObjectIndenter(TWO_SPACES)
                  .withArrayIndenter(TWO_SPACES));

  private ManifestJson() {}

  static ObjectNode tree(Object part) {
    return Json.mapper().valueToTree(part);
  }

  static byte[] write(ObjectNode tree) {
    return (WRITER.writeValueAsString(tree) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  static JsonNode read(byte[] json) {
    JsonNode tree;
    try {
      tree = Json.mapper().readTree(json);
    } catch (JacksonException e) {
      throw new UnreadableManifestException(
          "the manifest is not JSON: " + e.getOriginalMessage(), e);
    }
    JsonNode version = tree.path("format_version");
    if (!version.isIntegralNumber()) {
      throw new UnreadableManifestException(
          "the manifest has no format_version: it was not written by this product");
    }
    if (version.intValue() != Manifest.FORMAT_VERSION) {
      throw new UnreadableManifestException(
          "the manifest has format_version %s and this program reads %d; use a newer one"
              .formatted(version, Manifest.FORMAT_VERSION));
    }
    return tree;
  }

  static <T> T bind(JsonNode json, Class<T> type) {
    try {
      return Json.mapper().treeToValue(json, type);
    } catch (JacksonException e) {
      String reason =
          e.getCause() == null ? e.getOriginalMessage() : String.valueOf(e.getCause().getMessage());
      throw new UnreadableManifestException("the manifest cannot be read: " + reason, e);
    }
  }
}
