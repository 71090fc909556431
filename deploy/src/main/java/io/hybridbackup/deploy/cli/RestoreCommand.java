package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.event.Request;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.settings.SettingsException;
import java.util.List;
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

    @Option(
        names = "--as-of",
        paramLabel = "TIME",
        description =
            "With latest: the newest archive whose database snapshot was made then or before, as"
                + " 2026-01-11T02:00:00Z.")
    private @Nullable String asOf;

    @Option(
        names = "--no-owner",
        description = "Leave owners and grants out: everything belongs to whoever restores it.")
    private boolean noOwner;

    @Option(
        names = "--schema",
        paramLabel = "NAME",
        description = "Only this schema of the database; may be given several times.")
    private @Nullable List<String> schemas;

    @Option(
        names = "--table",
        paramLabel = "NAME",
        description =
            "Only this table, of the given schemas or of public; may be given several times.")
    private @Nullable List<String> tables;

    @Option(
        names = "--path",
        paramLabel = "GLOB",
        description = Names.GLOBS + " May be given several times.")
    private @Nullable List<String> paths;

    @Option(
        names = "--map-user",
        paramLabel = "OLD:NEW",
        description = "Give files of that user, by number, to another; may be given several times.")
    private @Nullable List<String> users;

    @Option(names = "--map-group", paramLabel = "OLD:NEW", description = "Likewise for a group.")
    private @Nullable List<String> groups;

    @Option(
        names = "--override",
        paramLabel = "WHAT",
        description =
            "With --replace: go on though the database has replication-slots, subscriptions (both"
                + " stay with the old one, or where they are with --in-place) or"
                + " prepared-transactions (they are rolled back).")
    private @Nullable List<String> overrides;

    @Option(
        names = "--in-place",
        description =
            "With --replace: overwrite what the target has where it is. This is not atomic and keeps"
                + " nothing of it; the target's configuration has to allow it (in-place: true).")
    private boolean inPlace;

    @Option(names = "--dry-run", description = "Only say what would be done.")
    private boolean dryRun;

    @Nullable RestoreOptions options(CommandSpec spec) {
      return RestoreOptions.orAbsent(
          new RestoreOptions(
              given(replace),
              given(noOwner),
              schemas,
              tables,
              paths,
              Names.numbers(spec, "--map-user", users),
              Names.numbers(spec, "--map-group", groups),
              Names.dependents(spec, overrides),
              given(inPlace),
              given(dryRun)));
    }

    private static @Nullable Boolean given(boolean option) {
      return option ? true : null;
    }
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
            Names.time(spec, restore.asOf),
            Names.components(spec, restore.only),
            restore.options(spec),
            null,
            RunOptions.requestedBy());
    return client.request(request, ID, options.waits()).code();
  }
}
