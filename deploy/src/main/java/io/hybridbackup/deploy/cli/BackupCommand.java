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

/** Asks for a backup. */
@Command(name = "backup", description = "Back a source up.")
public final class BackupCommand implements Callable<Integer> {
  @Mixin private RunOptions options = new RunOptions();

  @Parameters(paramLabel = "SOURCE", description = "A source of the configuration.")
  private String source = "";

  @Option(
      names = "--only",
      paramLabel = "database|media",
      description = "Back up one component alone.")
  private @Nullable String only;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws SettingsException {
    Request request =
        new Request.BackupRequested(
            Names.source(spec, source), Names.components(spec, only), RunOptions.requestedBy());
    return options.client().request(request, "backupId", options.waits()).code();
  }
}
