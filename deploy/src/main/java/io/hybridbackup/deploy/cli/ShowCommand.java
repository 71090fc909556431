package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.settings.SettingsException;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.ObjectStores;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;

/** Shows the manifest of an archive. */
@Command(name = "show", description = "Show the manifest of an archive.")
public final class ShowCommand implements Callable<Integer> {
  @Mixin private ConfigOption config = new ConfigOption();

  @Parameters(paramLabel = "ARCHIVE", description = "Its name, or latest.")
  private String archive = "";

  @Option(
      names = "--source",
      paramLabel = "SOURCE",
      description = "Whose archive; needed for latest, and where several sources have that name.")
  private @Nullable String source;

  @Option(names = "--json", description = "Print the manifest on one line.")
  private boolean json;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws SettingsException {
    Catalogue.Entry entry;
    try (ObjectStore store = ObjectStores.open(config.read().objectStore())) {
      entry = find(new Catalogue(store));
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

  private Catalogue.Entry find(Catalogue catalogue) {
    if (source == null && Names.isLatest(archive)) {
      throw new ParameterException(spec.commandLine(), "latest of which source? Add --source");
    }
    List<Catalogue.Entry> found =
        source == null
            ? catalogue.named(Names.archive(spec, archive))
            : ofSource(catalogue, Names.source(spec, source));
    if (found.isEmpty()) {
      throw new CommandException(
          ExitCode.NOTHING_FOUND,
          "there is no archive " + archive + "; hybrid-backup list shows what there is");
    }
    if (found.size() > 1) {
      throw new ParameterException(
          spec.commandLine(),
          archive
              + " exists for several sources ("
              + found.stream().map(Catalogue.Entry::source).collect(Collectors.joining(", "))
              + "); add --source");
    }
    return found.getFirst();
  }

  private List<Catalogue.Entry> ofSource(Catalogue catalogue, String name) {
    List<Catalogue.Entry> all = catalogue.of(name);
    if (Names.isLatest(archive)) {
      return all.isEmpty() ? all : List.of(all.getLast());
    }
    return all.stream()
        .filter(entry -> entry.archive().equals(Names.archive(spec, archive)))
        .toList();
  }

  private static void append(StringBuilder text, String indent, JsonNode object) {
    for (Map.Entry<String, JsonNode> field : object.properties()) {
      JsonNode value = field.getValue();
      text.append(indent).append(field.getKey()).append(':');
      if (value.isObject()) {
        text.append('\n');
        append(text, indent + "  ", value);
      } else if (value.isArray()) {
        text.append(value.isEmpty() ? " none\n" : "\n");
        value.forEach(
            item -> text.append(indent).append("  - ").append(item.asString("?")).append('\n'));
      } else {
        text.append(' ').append(value.asString("")).append('\n');
      }
    }
  }
}
