package io.hybridbackup.restore;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import java.io.IOException;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the configuration allows to be restored to. A restore names its target, and no more. */
final class Targets {
  private static final Logger LOG = LoggerFactory.getLogger(Targets.class);

  private final Settings settings;
  private final NativeTools tools;

  Targets(Settings settings, NativeTools tools) {
    this.settings = settings;
    this.tools = tools;
  }

  /** The database that is restored to; empty if none is. */
  Optional<DatabaseTarget> database(RestoreStarted started) throws ComponentFailure {
    Settings.Target target = target(started);
    Settings.@Nullable Database database = target.database();
    return database == null || !started.components().contains(Component.DATABASE)
        ? Optional.empty()
        : Optional.of(database(database, target.template()));
  }

  /**
   * The database that a restore has begun to change, whatever the configuration names by now.
   *
   * @throws ComponentFailure if it names another one, or none, which may pass
   */
  DatabaseTarget database(RestoreStarted started, String name) throws ComponentFailure {
    Optional<DatabaseTarget> database = database(started);
    if (database.isEmpty() || !database.get().toString().equals(name)) {
      throw ComponentFailure.passing(
          FailureCode.UNKNOWN_TARGET,
          "the restore %s is to the database %s, and target '%s' has %s in the configuration now; configure it as it was"
              .formatted(
                  started.restoreId(),
                  name,
                  started.target(),
                  database.map(DatabaseTarget::toString).orElse("none")),
          null);
    }
    return database.get();
  }

  private DatabaseTarget database(Settings.Database database, String template) {
    return new DatabaseTarget(
        new Postgres(database),
        template,
        new PgRestore(
            tools, settings.tools().pgRestore(), Runtime.getRuntime().availableProcessors()),
        new Psql(tools, settings.tools().psql()));
  }

  /** The restores of which there is something beside that target or in it, known or not. */
  Set<RunId> restores(Settings.Target target) throws ComponentFailure, IOException {
    Set<RunId> runs = new HashSet<>();
    Settings.@Nullable Media media = target.media();
    if (media != null) {
      runs.addAll(new MediaTarget(media.location()).restores());
    }
    Settings.@Nullable Database database = target.database();
    if (database != null) {
      runs.addAll(database(database, target.template()).restores(target.inPlace()));
    }
    return runs;
  }

  /** The folder that is restored to; empty if none is. */
  Optional<MediaTarget> media(RestoreStarted started) throws ComponentFailure {
    Settings.@Nullable Media media = target(started).media();
    return media == null || !started.components().contains(Component.MEDIA)
        ? Optional.empty()
        : Optional.of(new MediaTarget(media.location()));
  }

  private Settings.Target target(RestoreStarted started) throws ComponentFailure {
    Settings.Target target = settings.targets().get(new TargetName(started.target()));
    if (target == null) {
      throw ComponentFailure.permanent(
          FailureCode.UNKNOWN_TARGET,
          "the configuration of this restore service has no target " + started.target(),
          null);
    }
    return target;
  }

  RequiredRoom requiredRoom() {
    return new RequiredRoom(tools);
  }

  /** The gate of this epoch of a restore. */
  Gate gate(RestoreStarted started, Exchange.Folders folders, Work work) {
    return new Gate(folders, work, tools, settings.tools().rsync(), step -> told(started, step));
  }

  /** Tells people of a step by which the target changes. */
  static void told(RestoreStarted started, String step) {
    LOG.atDebug()
        .addKeyValue("run", started.restoreId())
        .addKeyValue("target", started.target())
        .addKeyValue("step", step)
        .log("changing the target");
  }
}
