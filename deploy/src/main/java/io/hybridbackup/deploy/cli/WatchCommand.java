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

/** Shows what goes on. */
@Command(
    name = "watch",
    description = "Follow a run to its end, or all that goes on until interrupted.")
public final class WatchCommand implements Callable<Integer> {
  @Mixin private ConfigOption config = new ConfigOption();

  @Parameters(arity = "0..1", paramLabel = "ID", description = "The id of a backup or a restore.")
  private @Nullable String run;

  @Option(
      names = "--json",
      description =
          "With an id: print the data of the fact that ends the run, on one line. Without: print"
              + " every fact as a CloudEvent, one a line.")
  private boolean json;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws SettingsException {
    RunClient client = new RunClient(config.read().kafka(), json, System.out, System.err);
    return (run == null ? client.followAll() : client.follow(Names.run(spec, run))).code();
  }
}
