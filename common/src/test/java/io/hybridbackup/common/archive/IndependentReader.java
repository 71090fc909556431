package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.json.Json;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** The reader in Python, which was written from the format's document alone. */
final class IndependentReader {
  private final Path folder;
  private final Path script;

  /**
   * @param folder is where it is put
   */
  IndependentReader(Path folder) throws IOException {
    this.folder = folder;
    script = folder.resolve("read_archive.py");
    try (InputStream in =
        Objects.requireNonNull(IndependentReader.class.getResourceAsStream("read_archive.py"))) {
      Files.copy(in, script);
    }
  }

  /** Fails where the archive is not as the document says. */
  void check(Path archive) {
    run("check", archive.toString());
  }

  /**
   * A file's content, which is text.
   *
   * @param bytesRead how much of the archive was read for it
   */
  record Content(String text, long bytesRead) {}

  Content cat(Path archive, String path) {
    String output = run("cat", archive.toString(), path);
    int end = output.lastIndexOf("bytes read: ");
    return new Content(
        output.substring(0, end),
        Long.parseLong(output.substring(end + "bytes read: ".length()).strip()));
  }

  List<JsonNode> list(Path archive) {
    return run("list", archive.toString())
        .lines()
        .map(line -> tree(line.getBytes(StandardCharsets.UTF_8)))
        .toList();
  }

  private String run(String... arguments) {
    List<String> command = new ArrayList<>(List.of("python3", script.toString()));
    command.addAll(List.of(arguments));
    return Tool.run(folder, command);
  }

  private static JsonNode tree(byte[] json) {
    return Json.mapper().readTree(json);
  }

  /** What it would list of an archive that this product's own reader reads. */
  static List<JsonNode> list(ArchiveReader reader) throws IOException {
    List<JsonNode> listed = new ArrayList<>();
    for (Component component : reader.parts()) {
      reader.entries(component, entry -> listed.add(listed(component, entry)));
      reader.part(component).missing(path -> listed.add(missing(component, path)));
    }
    return listed;
  }

  static JsonNode missing(Component component, EntryPath path) {
    return tree(Json.write(Map.of("component", component.label(), "missing", hex(path))));
  }

  @SuppressWarnings("JavaInstantGetSecondsGetNano") // both are told
  static JsonNode listed(Component component, ArchiveEntry entry) {
    Map<String, String> attributes = new TreeMap<>();
    entry
        .attributes()
        .forEach((name, value) ->
            attributes.put(
                HexFormat.of().formatHex(ExtendedAttributes.bytes(name)),
                HexFormat.of().formatHex(value)));
    ArchiveEntry.Device device = entry.device();
    Map<String, @Nullable Object> listed = new LinkedHashMap<>();
    listed.put("component", component.label());
    listed.put("path", hex(entry.path()));
    listed.put("type", entry.type().label());
    listed.put("size", entry.size());
    listed.put("sha256", entry.sha256());
    listed.put("mode", "0o" + Integer.toOctalString(entry.mode()));
    listed.put("owners", List.of(entry.uid(), entry.gid(), entry.user(), entry.group()));
    listed.put("mtime", List.of(entry.modified().getEpochSecond(), entry.modified().getNano()));
    listed.put("target", entry.target() == null ? null : hex(entry.target()));
    listed.put("device", device == null ? null : List.of(device.major(), device.minor()));
    listed.put("xattrs", attributes);
    listed.put("acl", Arrays.asList(entry.accessAcl(), entry.defaultAcl()));
    listed.put("vanished", entry.vanished());
    listed.values().removeIf(Objects::isNull);
    return tree(Json.write(listed));
  }

  private static String hex(EntryPath path) {
    return HexFormat.of().formatHex(path.bytes());
  }
}
