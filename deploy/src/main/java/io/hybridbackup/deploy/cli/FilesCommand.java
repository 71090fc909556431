package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.archive.ArchiveEntry;
import io.hybridbackup.common.archive.ArchiveFiles;
import io.hybridbackup.common.archive.EntryPath;
import io.hybridbackup.common.archive.Selection;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.settings.SettingsException;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.ObjectStores;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.ObjectWriter;
import tools.jackson.databind.node.ObjectNode;

/** Lists what is in an archive. Asks the object store alone, and reads no file's content. */
@Command(name = "files", description = "List what is in an archive.")
public final class FilesCommand implements Callable<Integer> {
  private static final ObjectWriter ASCII =
      Json.mapper().writer().with(JsonWriteFeature.ESCAPE_NON_ASCII);

  @Mixin private ConfigOption config = new ConfigOption();

  @Mixin private ArchiveOption archive = new ArchiveOption();

  @Parameters(index = "1..*", paramLabel = "GLOB", description = Names.GLOBS)
  private List<String> globs = List.of();

  @Option(names = "--json", description = "Print a JSON object for each entry, one a line.")
  private boolean json;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws SettingsException {
    Selection selection = Names.selection(spec, globs);
    Settings settings = config.read();
    EntryLine lines = new EntryLine(settings.zone(), System.out.charset());
    OutputStream out = StandardOutput.open();
    Catalogue.Entry found;
    try (ObjectStore store = ObjectStores.open(settings.objectStore())) {
      found = archive.find(new Catalogue(store));
      ArchiveFiles.open(store, found.object())
          .list(
              selection,
              entry -> out.write(json ? json(entry) : lines.of(entry).getBytes(lines.shown())));
      out.flush();
    } catch (IOException e) {
      throw CommandException.reading(e);
    }
    if (selection.unmatched().isEmpty()) {
      return ExitCode.SUCCESS.code();
    }
    throw Names.nothingMatched(selection, found);
  }

  private static byte[] json(ArchiveEntry entry) {
    ObjectNode object = Json.mapper().createObjectNode();
    path(object, "path", entry.path());
    object.put("type", entry.type().name().toLowerCase(Locale.ROOT));
    if (entry.type() == ArchiveEntry.Type.FILE) {
      object.put("size", entry.size());
      object.put("sha256", entry.sha256());
    }
    object.put("mode", "%04o".formatted(entry.mode()));
    object.put("uid", entry.uid());
    object.put("gid", entry.gid());
    object.put("user", entry.user());
    object.put("group", entry.group());
    object.put("modified", entry.modified().toString());
    path(object, "target", entry.target());
    if (entry.vanished()) {
      object.put("vanished", true);
    }
    return (ASCII.writeValueAsString(object) + "\n").getBytes(StandardCharsets.US_ASCII);
  }

  private static void path(ObjectNode object, String name, @Nullable EntryPath path) {
    if (path != null && path.utf8() != null) {
      object.put(name, path.utf8());
    } else if (path != null) {
      object.put(name + "Base64", Base64.getEncoder().encodeToString(path.bytes()));
    }
  }
}
