package io.hybridbackup.dbdump;

import io.hybridbackup.common.archive.ArchiveCorruptException;
import io.hybridbackup.common.archive.Compressor;
import io.hybridbackup.common.archive.DatabasePart;
import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.archive.PartObjects;
import io.hybridbackup.common.archive.PartReader;
import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.database.ReadingRights;
import io.hybridbackup.common.event.Fact.DatabaseDumpCompleted;
import io.hybridbackup.common.event.Fact.DatabaseSnapshotTaken;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.MediaReferences;
import io.hybridbackup.common.job.PartMaker;
import io.hybridbackup.common.job.ProgressReporter;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Told;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.process.ToolCommand;
import io.hybridbackup.common.process.ToolException;
import io.hybridbackup.common.process.ToolProcess;
import io.hybridbackup.common.settings.Settings;
import java.io.IOException;
import java.io.InputStream;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Dumps a source's database: the real pg_dump, from an exported snapshot that is taken after media
 * has been prepared, streamed into the object store without touching a disk.
 */
final class DatabasePartMaker implements PartMaker {
  private final Settings settings;
  private final Runs runs;
  private final EventPublisher publisher;
  private final NativeTools tools;
  private final Compressor compressor;
  private final Clock clock;

  DatabasePartMaker(
      Settings settings,
      Runs runs,
      EventPublisher publisher,
      NativeTools tools,
      Compressor compressor,
      Clock clock) {
    this.settings = settings;
    this.runs = runs;
    this.publisher = publisher;
    this.tools = tools;
    this.compressor = compressor;
    this.clock = clock;
  }

  @Override
  public Component component() {
    return Component.DATABASE;
  }

  @Override
  public boolean isReady(Task task) {
    boolean waitedLongEnough =
        !clock
            .instant()
            .isBefore(task.opened().announcement().at().plus(settings.jobs().prepareWait()));
    return !task.opened().started().components().contains(Component.MEDIA)
        || waitedLongEnough
        || isPrepared(task);
  }

  @Override
  public Made make(Task task, List<PartReader> earlier, Work work)
      throws ComponentFailure, ArchiveCorruptException, InterruptedException {
    Settings.Source source = source(task.source());
    Postgres postgres = new Postgres(Objects.requireNonNull(source.database()));
    String pgDump = settings.tools().pgDump();
    String toolVersion = Postgres.toolVersion(tools, pgDump);
    String serverVersion;
    try (Connection connection = postgres.connect()) {
      serverVersion = version(connection, postgres);
      requireRights(connection, postgres);
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
    postgres.requireAtLeast(pgDump, toolVersion, serverVersion);
    String pgDumpall = settings.tools().pgDumpall();
    if (source.includeGlobals()) {
      postgres.requireAtLeast(pgDumpall, Postgres.toolVersion(tools, pgDumpall), serverVersion);
    }
    String pgRestore = settings.tools().pgRestore();
    Postgres.requireReadable(pgRestore, Postgres.toolVersion(tools, pgRestore), toolVersion);

    boolean fenced = work.insist(() -> isPrepared(task));
    long begun = System.nanoTime();
    Connection connection = work.own(postgres.connect());
    try (connection) {
      Snapshot snapshot = Snapshot.take(connection, postgres);
      // Not before T: a role that the dump names may have been made a moment ago.
      byte[] globals =
          source.includeGlobals() ? Globals.dump(tools, pgDumpall, postgres, work) : null;
      record(task, work, snapshot, fenced);
      if (source.mediaReferences() != null
          && task.opened().started().components().contains(Component.MEDIA)) {
        list(task, work, connection, postgres, source.mediaReferences());
      }
      PartInventory inventory =
          dump(task, earlier, work, postgres, snapshot, globals, source.compression());
      return new Made(
          inventory,
          Map.of("pg_dump", toolVersion, "postgresql", serverVersion),
          Map.of("database", Duration.ofNanos(System.nanoTime() - begun)),
          0,
          0,
          null,
          null,
          origin ->
              new DatabaseDumpCompleted(
                  task.run(),
                  task.source(),
                  origin,
                  inventory.unpackedBytes(),
                  inventory.content().stream().mapToLong(slice -> slice.bytes()).sum(),
                  inventory.sha256()));
    } catch (SQLException e) {
      throw postgres.failure(e);
    } finally {
      work.disown(connection);
    }
  }

  /** It has a database. */
  private Settings.Source source(String name) throws ComponentFailure {
    Settings.Source source = settings.sources().get(new SourceName(name));
    if (source == null || source.database() == null) {
      throw ComponentFailure.permanent(
          FailureCode.UNKNOWN_SOURCE,
          "the configuration of the db-dump service has no database for source "
              + name
              + "; give all services the same configuration",
          null);
    }
    return source;
  }

  private static String version(Connection connection, Postgres postgres) throws ComponentFailure {
    try {
      // Distributions add their own to the number.
      String version = connection.getMetaData().getDatabaseProductVersion();
      return version.split(" ", 2)[0];
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  /** pg_dump would find out too, after a while, and one thing at a time. */
  private static void requireRights(Connection connection, Postgres postgres)
      throws ComponentFailure, SQLException {
    List<ReadingRights.Gap> gaps = ReadingRights.gaps(connection, postgres);
    if (!gaps.isEmpty()) {
      throw ComponentFailure.permanent(
          FailureCode.DATABASE_PERMISSION,
          gaps.stream()
              .map(gap -> gap.text() + "; " + gap.cure())
              .collect(Collectors.joining(". ")),
          null);
    }
  }

  private boolean isPrepared(Task task) {
    return runs.decisions().isMade(RunKeys.prepared(task.run(), task.attempt()));
  }

  /** Makes this snapshot the attempt's; there can only be one, since media follows it. */
  private void record(Task task, Work work, Snapshot snapshot, boolean fenced)
      throws ComponentFailure, InterruptedException {
    Told mine =
        new Told(
            new Announcement(
                new DatabaseSnapshotTaken(
                    task.run(),
                    task.source(),
                    work.next(task.attempt()),
                    snapshot.takenAt(),
                    snapshot.lsn(),
                    fenced),
                clock.instant()));
    Told standing =
        work.insist(
            () -> runs.decisions().decide(RunKeys.snapshot(task.run(), task.attempt()), mine));
    if (!standing.equals(mine)) {
      throw ComponentFailure.passing(
          FailureCode.INTERRUPTED,
          "the worker that held the attempt's database snapshot is gone, and the snapshot with it",
          null);
    }
    work.insist(() -> publisher.publish(mine.announcement().envelope()));
  }

  /** Media waits for this. Nobody else can do it: only this epoch has the snapshot. */
  private void list(
      Task task,
      Work work,
      Connection connection,
      Postgres postgres,
      Settings.ReferenceQuery references)
      throws ComponentFailure, InterruptedException {
    MediaReferences listed =
        ReferenceList.write(
            connection,
            postgres,
            references.query(),
            work,
            runs.store(),
            RunKeys.work(task.run(), task.attempt(), component(), work.epoch())
                .resolve("references"));
    MediaReferences _ =
        work.insist(
            () -> runs.decisions().decide(RunKeys.references(task.run(), task.attempt()), listed));
  }

  private PartInventory dump(
      Task task,
      List<PartReader> earlier,
      Work work,
      Postgres postgres,
      Snapshot snapshot,
      byte @Nullable [] globals,
      Settings.Compression compression)
      throws ComponentFailure, ArchiveCorruptException, InterruptedException {
    ToolCommand command =
        new ToolCommand(
            settings.tools().pgDump(),
            List.of(
                "--format=custom",
                // What pg_dump has compressed hardly shrinks, and is mostly stored.
                compression.byPgDump() ? "--compress=9" : "--compress=0",
                "--no-password",
                "--snapshot=" + snapshot.id()),
            postgres.toolEnvironment());
    ProgressReporter progress = new ProgressReporter(publisher, clock, work, task, "dump");
    progress.expected(snapshot.tableBytes(), globals == null ? 1 : 2);
    try (ToolProcess process = tools.start(command);
        PartObjects objects =
            new PartObjects(
                runs.store(),
                RunKeys.work(task.run(), task.attempt(), component(), work.epoch()))) {
      work.own(process);
      try {
        Packing packing =
            dump -> {
              PartInventory inventory =
                  DatabasePart.write(
                      dump,
                      globals,
                      snapshot.takenAt(),
                      earlier,
                      objects,
                      compressor.at(compression.database()),
                      progress);
              process.await();
              return inventory;
            };
        return settings.jobs().readBack()
            ? checked(process.output(), packing, task, work)
            : packing.pack(process.output());
      } finally {
        work.disown(process);
      }
    } catch (ToolException e) {
      throw postgres.failure(e);
    } catch (ArchiveCorruptException e) {
      throw e;
    } catch (IOException e) {
      throw ComponentFailure.passing(
          FailureCode.INTERNAL, "the dump could not be stored: " + e.getMessage(), e);
    }
  }

  /** Packs a dump and waits for the end of what makes it. */
  private interface Packing {
    PartInventory pack(InputStream dump) throws ToolException, IOException, InterruptedException;
  }

  /** Only a dump that pg_restore has read to its end is worth keeping. */
  private PartInventory checked(InputStream dump, Packing packing, Task task, Work work)
      throws ComponentFailure, ToolException, IOException, InterruptedException {
    try (ToolProcess restore =
        tools.startFed(ToolCommand.of(settings.tools().pgRestore(), "--file=/dev/null"))) {
      work.own(restore);
      DumpCheck check = new DumpCheck(dump, restore);
      try {
        PartInventory inventory = packing.pack(check);
        check.await(task.source());
        return inventory;
      } catch (IOException e) {
        if (check.refused()) {
          check.await(task.source());
        }
        throw e;
      } finally {
        work.disown(restore);
      }
    }
  }
}
