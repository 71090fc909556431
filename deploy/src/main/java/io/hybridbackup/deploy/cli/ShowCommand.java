package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.archive.EscapedPath;
import io.hybridbackup.common.settings.SettingsException;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.ObjectStores;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;

/** Shows the manifest of an archive. */
@Command(name = "show", description = "Show the manifest of an archive.")
public final class ShowCommand implements Callable<Integer> {
  @Mixin private ConfigOption config = new ConfigOption();

  @Mixin private ArchiveOption archive = new ArchiveOption();

  @Option(names = "--json", description = "Print the manifest on one line.")
  private boolean json;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws SettingsException {
    Catalogue.Entry entry;
    try (ObjectStore store = ObjectStores.open(config.read().objectStore())) {
      entry = archive.find(new Catalogue(store));
    }
    StringBuilder text = new StringBuilder();
    if (json) {
      text.append(entry.manifest()).append('\n');
    } else {
      append(text, "", entry.manifest());
    }
    spec.commandLine().getOut().print(text);
    spec.commandLine().getOut().flush();
    return ExitCode.SUCCESS.code();
  }

  private static void append(StringBuilder text, String indent, JsonNode object) {
    for (Map.Entry<String, JsonNode> field : object.properties()) {
      JsonNode value = field.getValue();
      text.append(indent).append(EscapedPath.printableLine(field.getKey())).append(':');
      if (value.isObject()) {
        text.append('\n');
        append(text, indent + "  ", value);
      } else if (value.isArray()) {
        text.append(value.isEmpty() ? " none\n" : "\n");
        value.forEach(item ->
            text.append(indent)
                .append("  - ")
                .append(EscapedPath.printableLine(item.asString("?")))
                .append('\n'));
      } else {
        text.append(' ').append(EscapedPath.printableLine(value.asString(""))).append('\n');
      }
    }
  }
}
