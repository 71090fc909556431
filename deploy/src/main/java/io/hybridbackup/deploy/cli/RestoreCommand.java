package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.event.Request;
import io.hybridbackup.common.settings.SettingsException;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Asks for a restore. */
@Command(name = "restore", description = "Restore an archive to a target.")
public final class RestoreCommand implements Callable<Integer> {
  @Mixin private RunOptions options = new RunOptions();

  @Parameters(paramLabel = "ARCHIVE", description = "Its name, or latest.")
  private String archive = "";

  @Option(
      names = "--source",
      required = true,
      paramLabel = "SOURCE",
      description = "Whose archive.")
  private String source = "";

  @Option(
      names = "--target",
      required = true,
      paramLabel = "TARGET",
      description = "A target of the configuration.")
  private String target = "";

  @Option(
      names = "--only",
      paramLabel = "database|media",
      description = "Restore one component alone.")
  private @Nullable String only;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws SettingsException {
    Request request =
        new Request.RestoreRequested(
            Names.source(spec, source),
            Names.archiveOrLatest(spec, archive),
            Names.target(spec, target),
            Names.components(spec, only),
            RunOptions.requestedBy());
    return options.client().request(request, "restoreId", options.waits()).code();
  }
}
