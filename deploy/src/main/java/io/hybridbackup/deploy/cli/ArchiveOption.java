package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.identity.ArchiveName;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** How a command that reads one archive is told which. */
final class ArchiveOption {
  @Parameters(index = "0", paramLabel = "ARCHIVE", description = "Its name, or latest.")
  private String archive = "";

  @Option(
      names = "--source",
      paramLabel = "SOURCE",
      description = "Whose archive; needed for latest, and where several sources have that name.")
  private @Nullable String source;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec = CommandSpec.create();

  /**
   * The archive that is meant.
   *
   * @throws ParameterException if it is not clear which is meant
   * @throws CommandException if there is no such archive
   */
  Catalogue.Entry find(Catalogue catalogue) {
    if (source != null) {
      return ofSource(catalogue, Names.source(spec, source)).orElseThrow(this::nothingFound);
    }
    if (Names.isLatest(archive)) {
      throw new ParameterException(spec.commandLine(), "latest of which source? Add --source");
    }
    List<Catalogue.Entry> found = catalogue.named(Names.archive(spec, archive));
    if (found.isEmpty()) {
      throw nothingFound();
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

  private Optional<Catalogue.Entry> ofSource(Catalogue catalogue, String name) {
    if (Names.isLatest(archive)) {
      return catalogue.latest(name);
    }
    ArchiveName wanted = Names.archive(spec, archive);
    return catalogue.named(name, wanted);
  }

  private CommandException nothingFound() {
    return new CommandException(
        ExitCode.NOTHING_FOUND,
        "there is no archive " + archive + "; hybrid-backup list shows what there is");
  }
}
