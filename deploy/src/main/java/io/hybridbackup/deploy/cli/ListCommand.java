package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.settings.SettingsException;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.ObjectStores;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Lists archives. Asks the object store alone: it works while no service runs. */
@Command(name = "list", description = "List the archives in the object store.")
public final class ListCommand implements Callable<Integer> {
  @Mixin private ConfigOption config = new ConfigOption();

  @Parameters(arity = "0..1", paramLabel = "SOURCE", description = "Only those of this source.")
  private @Nullable String source;

  @Option(names = "--json", description = "Print a JSON array.")
  private boolean json;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws SettingsException {
    List<Catalogue.Entry> entries;
    String only = source == null ? null : Names.source(spec, source);
    try (ObjectStore store = ObjectStores.open(config.read().objectStore())) {
      Catalogue catalogue = new Catalogue(store);
      entries = only == null ? catalogue.all() : catalogue.of(only);
    }
    spec.commandLine().getOut().print(json ? json(entries) + "\n" : table(entries));
    spec.commandLine().getOut().flush();
    if (entries.isEmpty()) {
      spec.commandLine()
          .getErr()
          .println(
              only == null
                  ? "There are no archives yet."
                  : "There are no archives of " + only + ".");
      return ExitCode.NOTHING_FOUND.code();
    }
    return ExitCode.SUCCESS.code();
  }

  private static String table(List<Catalogue.Entry> entries) {
    if (entries.isEmpty()) {
      return "";
    }
    Table table = new Table("SOURCE", "ARCHIVE", "TAKEN", "SIZE", "UNPACKED", "STATE");
    for (Catalogue.Entry entry : entries) {
      table.add(
          entry.source(),
          entry.archive().value(),
          entry.manifest().path("timestamp").asString("?"),
          Amounts.bytes(entry.object().bytes()),
          Amounts.bytes(entry.unpackedBytes()),
          state(entry));
    }
    return table.toString();
  }

  private static String state(Catalogue.Entry entry) {
    if (entry.damaged()) {
      return "DAMAGED";
    }
    int warnings = entry.manifest().path("warnings").size();
    return switch (warnings) {
      case 0 -> "complete";
      case 1 -> "complete, 1 warning";
      default -> "complete, " + warnings + " warnings";
    };
  }

  private static String json(List<Catalogue.Entry> entries) {
    ArrayNode array = Json.mapper().createArrayNode();
    for (Catalogue.Entry entry : entries) {
      ObjectNode object = array.addObject();
      object.put("source", entry.source());
      object.put("archive", entry.archive().value());
      object.put("archiveKey", entry.object().key().value());
      object.put("timestamp", entry.manifest().path("timestamp").asString(""));
      object.put("archiveBytes", entry.object().bytes());
      object.put("unpackedBytes", entry.unpackedBytes());
      object.put(
          "state",
          entry.damaged()
              ? "DAMAGED"
              : entry.manifest().path("warnings").isEmpty()
                  ? "COMPLETE"
                  : "COMPLETE_WITH_WARNINGS");
      object.set("warnings", entry.manifest().path("warnings"));
    }
    return array.toString();
  }
}
