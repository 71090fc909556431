package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.settings.SettingsException;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Asks that a backup be cancelled. */
@Command(name = "cancel", description = "Cancel a backup.")
public final class CancelCommand implements Callable<Integer> {
  @Mixin private RunOptions options = new RunOptions();

  @Parameters(paramLabel = "ID", description = "The id of the backup.")
  private String run = "";

  @Option(names = "--reason", paramLabel = "TEXT", description = "For the record.")
  private @Nullable String reason;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws SettingsException {
    return options
        .client()
        .cancel(Names.run(spec, run), reason, RunOptions.requestedBy(), options.waits())
        .code();
  }
}
