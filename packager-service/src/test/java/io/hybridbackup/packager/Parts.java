package io.hybridbackup.packager;

import io.hybridbackup.common.archive.ArchiveCorruptException;
import io.hybridbackup.common.archive.Compressor;
import io.hybridbackup.common.archive.DatabasePart;
import io.hybridbackup.common.archive.MediaPart;
import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.archive.PartObjects;
import io.hybridbackup.common.archive.PartReader;
import io.hybridbackup.common.archive.ProgressListener;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.DatabaseDumpCompleted;
import io.hybridbackup.common.event.Fact.DatabaseSnapshotTaken;
import io.hybridbackup.common.event.Fact.MediaPrepared;
import io.hybridbackup.common.event.Fact.MediaSyncCompleted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Decision;
import io.hybridbackup.common.job.PartMaker;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Simulation;
import io.hybridbackup.common.job.Told;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.settings.Settings;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * Makes real parts, of content that tells who has made them and when: a step of the simulation
 * stands for what pg_dump or rsync would have seen then.
 */
final class Parts {
  private Parts() {}

  /**
   * @param machine whose staging folder it is; that outlives the replica
   */
  record Surroundings(
      Simulation simulation,
      Settings.Jobs jobs,
      Compressor compressor,
      Path folder,
      int machine,
      Map<Integer, Staged> staging) {}

  /** What a staging folder holds. */
  record Staged(RunId run, int attempt, int step) {}

  interface Making {
    PartMaker with(Runs runs, EventPublisher publisher);
  }

  static Making database(Surroundings here) {
    return (runs, publisher) -> new DatabaseMaker(here, runs, publisher);
  }

  static Making media(Surroundings here) {
    return (runs, publisher) -> new MediaMaker(here, runs, publisher);
  }

  private abstract static class Maker implements PartMaker {
    final Surroundings here;
    final Runs runs;
    final EventPublisher publisher;

    Maker(Surroundings here, Runs runs, EventPublisher publisher) {
      this.here = here;
      this.runs = runs;
      this.publisher = publisher;
    }

    final int step() {
      return here.simulation.steps();
    }

    final byte[] content(Task task, Work work, String seen) {
      return "%s %d %s %d %s\n"
          .formatted(task.run(), task.attempt(), component().label(), work.epoch(), seen)
          .getBytes(StandardCharsets.US_ASCII);
    }

    final PartObjects objects(Task task, Work work) {
      return new PartObjects(
          runs.store(), RunKeys.work(task.run(), task.attempt(), component(), work.epoch()));
    }

    /** Decides what there can only be one of in an attempt, and tells of it. */
    final void decide(Decision<Told> decision, Fact fact, Work work)
        throws ComponentFailure, InterruptedException {
      Told mine = new Told(new Announcement(fact, here.simulation.instant()));
      Told standing = work.insist(() -> runs.decisions().decide(decision, mine));
      if (!standing.equals(mine)) {
        throw ComponentFailure.passing(
            FailureCode.INTERRUPTED, "another worker had decided " + decision.key(), null);
      }
      work.insist(() -> publisher.publish(mine.announcement().envelope()));
    }

    final Made made(PartInventory inventory, int passes, Function<Origin, Fact> fact) {
      return new Made(
          inventory, Map.of(component().label(), "1"), Map.of(), passes, 0, null, null, fact);
    }
  }

  private static final class DatabaseMaker extends Maker {
    DatabaseMaker(Surroundings here, Runs runs, EventPublisher publisher) {
      super(here, runs, publisher);
    }

    @Override
    public Component component() {
      return Component.DATABASE;
    }

    @Override
    public boolean isReady(Task task) {
      return !here.simulation
              .instant()
              .isBefore(task.opened().announcement().at().plus(here.jobs.prepareWait()))
          || isPrepared(task);
    }

    private boolean isPrepared(Task task) {
      return runs.decisions().isMade(RunKeys.prepared(task.run(), task.attempt()));
    }

    @Override
    public Made make(Task task, List<PartReader> earlier, Work work)
        throws ComponentFailure, ArchiveCorruptException, InterruptedException {
      boolean fenced = work.insist(() -> isPrepared(task));
      int taken = step();
      decide(
          RunKeys.snapshot(task.run(), task.attempt()),
          new DatabaseSnapshotTaken(
              task.run(),
              task.source(),
              work.next(task.attempt()),
              here.simulation.instant(),
              "0/" + Integer.toHexString(taken),
              fenced),
          work);
      byte[] dump = content(task, work, "snapshot " + taken);
      try (PartObjects objects = objects(task, work)) {
        PartInventory inventory =
            DatabasePart.write(
                new ByteArrayInputStream(dump),
                null,
                here.simulation.instant(),
                earlier,
                objects,
                here.compressor,
                ProgressListener.NONE);
        return made(
            inventory,
            0,
            origin ->
                new DatabaseDumpCompleted(
                    task.run(), task.source(), origin, dump.length, 1, inventory.sha256()));
      } catch (ArchiveCorruptException e) {
        throw e;
      } catch (IOException e) {
        throw ComponentFailure.passing(FailureCode.INTERNAL, String.valueOf(e.getMessage()), e);
      }
    }
  }

  private static final class MediaMaker extends Maker {
    MediaMaker(Surroundings here, Runs runs, EventPublisher publisher) {
      super(here, runs, publisher);
    }

    @Override
    public Component component() {
      return Component.MEDIA;
    }

    @Override
    public Made make(Task task, List<PartReader> earlier, Work work)
        throws ComponentFailure, ArchiveCorruptException, InterruptedException {
      Staged staged = prepare(task, work);
      Optional<Told> snapshot =
          work.await(
              () -> runs.decisions().find(RunKeys.snapshot(task.run(), task.attempt())),
              here.jobs.deadline());
      if (snapshot.isEmpty()) {
        throw ComponentFailure.passing(
            FailureCode.DEADLINE, "the database took no snapshot in time", null);
      }
      int last = step();
      byte[] content = content(task, work, "prepared " + staged.step + " last-pass " + last);
      try (PartObjects objects = objects(task, work)) {
        PartInventory inventory = pack(content, earlier, objects);
        return made(
            inventory,
            2,
            origin ->
                new MediaSyncCompleted(task.run(), task.source(), origin, 1, content.length, 1));
      } catch (ArchiveCorruptException e) {
        throw e;
      } catch (IOException e) {
        throw ComponentFailure.passing(FailureCode.INTERNAL, String.valueOf(e.getMessage()), e);
      }
    }

    private PartInventory pack(byte[] content, List<PartReader> earlier, PartObjects objects)
        throws IOException {
      Path tree = Files.createTempDirectory(here.folder, "tree");
      Path file = tree.resolve("seen");
      try {
        Path _ = Files.write(file, content);
        return MediaPart.write(
            tree,
            path -> false,
            MediaPart.Missing.NONE,
            new MediaPart.Earlier(earlier, Instant.MAX),
            objects,
            here.compressor,
            ProgressListener.NONE);
      } finally {
        Files.delete(file);
        Files.delete(tree);
      }
    }

    private Staged prepare(Task task, Work work) throws ComponentFailure, InterruptedException {
      boolean announced =
          work.insist(() -> runs.decisions().isMade(RunKeys.prepared(task.run(), task.attempt())));
      Staged before = here.staging.get(here.machine);
      if (announced) {
        if (before == null || !before.run.equals(task.run()) || before.attempt != task.attempt()) {
          throw ComponentFailure.passing(
              FailureCode.INTERRUPTED, "media had been prepared elsewhere", null);
        }
        return before;
      }
      Staged staged = new Staged(task.run(), task.attempt(), step());
      here.staging.put(here.machine, staged);
      decide(
          RunKeys.prepared(task.run(), task.attempt()),
          new MediaPrepared(task.run(), task.source(), work.next(task.attempt())),
          work);
      return staged;
    }
  }
}
