package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.event.Request;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.settings.SettingsException;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Asks for a restore, or for one to be undone. */
@Command(
    name = "restore",
    description = "Restore an archive to a target, or bring back what a restore replaced.")
public final class RestoreCommand implements Callable<Integer> {
  private static final String ID = "restoreId";

  @Mixin private RunOptions options = new RunOptions();

  @ArgGroup(multiplicity = "1")
  private Asked asked = new Asked();

  @Spec private CommandSpec spec = CommandSpec.create();

  /** One or the other. */
  private static final class Asked {
    @ArgGroup(exclusive = false)
    private @Nullable Restore restore;

    @Option(
        names = "--undo",
        required = true,
        paramLabel = "ID",
        description = "Bring back what that restore replaced, as long as it is kept.")
    private @Nullable String undo;
  }

  private static final class Restore {
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

    @Option(
        names = "--replace",
        description = "Replace a target that is in use; what it was is kept for a while.")
    private boolean replace;
  }

  @Override
  public Integer call() throws SettingsException {
    RunClient client = options.client();
    Restore restore = asked.restore;
    if (restore == null) {
      RunId undone = Names.run(spec, String.valueOf(asked.undo));
      return client.undo(undone, RunOptions.requestedBy(), ID, options.waits()).code();
    }
    Request request =
        new Request.RestoreRequested(
            Names.source(spec, restore.source),
            Names.archiveOrLatest(spec, restore.archive),
            Names.target(spec, restore.target),
            Names.components(spec, restore.only),
            RestoreOptions.orAbsent(new RestoreOptions(restore.replace ? true : null)),
            null,
            RunOptions.requestedBy());
    return client.request(request, ID, options.waits()).code();
  }
}
