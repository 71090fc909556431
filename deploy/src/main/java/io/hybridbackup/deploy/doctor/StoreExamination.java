package io.hybridbackup.deploy.doctor;

import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.Leftovers;
import io.hybridbackup.common.job.OpenRuns;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.ObjectStores;
import io.hybridbackup.common.store.StoreCapabilities;
import io.hybridbackup.common.store.StoreException;
import io.hybridbackup.common.store.StoredObject;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** What can the object store do, and what of the runs lies there that people should know of? */
final class StoreExamination implements Examination {
  private static final String RUNS = "runs";
  private static final String BACKUPS = "backups";
  private static final String LEFTOVERS = "leftovers";

  private final Settings settings;
  private final Instant now;

  StoreExamination(Settings settings, Instant now) {
    this.settings = settings;
    this.now = now;
  }

  @Override
  public String area() {
    return "store";
  }

  @Override
  public void examine(Findings findings) throws IOException {
    if (settings.objectStore() instanceof Settings.FilesystemStore filesystem
        && !Files.isDirectory(filesystem.directory())) {
      findings.problem(
          area(),
          "there is no folder " + filesystem.directory(),
          "mount or make it, or correct hybrid-backup.object-store.directory");
      return;
    }
    try (ObjectStore store = ObjectStores.open(settings.objectStore())) {
      capabilities(store.probe(), findings);
      Runs runs = new Runs(store);
      long largest = backups(runs, findings);
      if (settings.objectStore() instanceof Settings.FilesystemStore filesystem) {
        Space.examine(area(), "the store's folder", filesystem.directory(), 2 * largest, findings);
      }
      openRuns(runs, findings);
      leftovers(runs, findings);
    } catch (StoreException e) {
      String said = String.valueOf(e.getMessage());
      findings.problem(
          area(),
          place() + " cannot be used: " + said,
          "see to that, or correct hybrid-backup.object-store");
    }
  }

  private String place() {
    return switch (settings.objectStore()) {
      case Settings.FilesystemStore filesystem -> "the folder " + filesystem.directory();
      case Settings.S3Store s3 ->
          "the bucket " + s3.bucket() + (s3.endpoint() == null ? "" : " at " + s3.endpoint());
    };
  }

  private void capabilities(StoreCapabilities found, Findings findings) {
    findings.ok(area(), place() + " can be written and read");
    if (found.conditionalCreate()) {
      findings.ok(area(), "of several writers of one key exactly one wins");
    } else {
      findings.problem(
          area(),
          "it does not honour conditional creates",
          "never run more than one replica of a service on it; better use another store");
    }
    if (found.rangeCopy()) {
      findings.ok(area(), "it copies ranges by itself");
    } else {
      findings.warning(
          area(),
          "it does not copy ranges: archives pass through the packager",
          "nothing needs to be done; another store would be faster");
    }
    if (found.sharedBlockBytes() > 1) {
      findings.ok(
          area(), "its filesystem shares blocks: what archives have in common takes room once");
    }
    boolean checked =
        found.fullObjectChecksum() || settings.objectStore() instanceof Settings.FilesystemStore;
    if (checked) {
      findings.ok(area(), "whole archives are compared by checksum");
    } else {
      findings.warning(
          area(),
          "it keeps no checksums of whole objects: of a composed archive only the size is compared",
          "nothing needs to be done; parts are read back all the same");
    }
  }

  /** Gives the size of the largest of the newest archives. */
  private long backups(Runs runs, Findings findings) {
    long largest = 0;
    for (SourceName source : settings.sources().keySet()) {
      List<ArchiveName> archives = runs.archives(source);
      if (archives.isEmpty()) {
        findings.warning(
            BACKUPS, "there is no backup of " + source, "hybrid-backup backup " + source);
        continue;
      }
      Optional<StoredObject> newest =
          runs.store().find(RunKeys.archive(source, archives.getLast()));
      if (newest.isEmpty()) {
        findings.problem(
            BACKUPS,
            "the newest archive of " + source + ", " + archives.getLast() + ", is gone",
            "hybrid-backup backup " + source);
        continue;
      }
      largest = Math.max(largest, newest.get().bytes());
      findings.ok(
          BACKUPS,
          "%s: %d, the newest %s, %s, finished %s ago"
              .formatted(
                  source,
                  archives.size(),
                  archives.getLast(),
                  Space.bytes(newest.get().bytes()),
                  age(newest.get().modified())));
    }
    return largest;
  }

  private void openRuns(Runs runs, Findings findings) {
    List<OpenRuns.OpenRun> open = new OpenRuns(runs, settings.jobs().lease()).look(now);
    for (OpenRuns.OpenRun run : open) {
      String text =
          "%s, %s%s, waits for %s"
              .formatted(
                  run.subject(),
                  run.run(),
                  run.since() == null ? "" : ", accepted " + age(run.since()) + " ago",
                  run.waitsFor().isEmpty() ? "nothing" : String.join(", and for ", run.waitsFor()));
      if (run.since() == null) {
        findings.problem(
            RUNS,
            text,
            "put that record back as it was, or remove %s to give the run up"
                .formatted(RunKeys.open(run.run())));
      } else if (run.stuck()) {
        findings.problem(
            RUNS,
            text,
            "start that service, or see in its log why it does not; cancel: hybrid-backup cancel "
                + run.run());
      } else {
        findings.ok(RUNS, text);
      }
    }
    if (open.isEmpty()) {
      findings.ok(RUNS, "none is open");
    }
  }

  private void leftovers(Runs runs, Findings findings) {
    Leftovers.Found found =
        new Leftovers(runs).find(settings.jobs().deadline().multipliedBy(2), now);
    if (!found.removable().isEmpty()) {
      findings.warning(
          LEFTOVERS,
          "objects that ended runs have left: %d, such as %s"
              .formatted(found.removable().size(), found.removable().getFirst()),
          "the packager removes them within "
              + age(settings.jobs().lease().multipliedBy(20))
              + " where it runs");
    }
    for (Leftovers.Unexplained one : found.unexplained()) {
      int cure = one.reason().indexOf("; ");
      findings.warning(
          LEFTOVERS,
          one.key() + ": " + (cure < 0 ? one.reason() : one.reason().substring(0, cure)),
          cure < 0 ? "look at it" : one.reason().substring(cure + 2));
    }
    if (found.removable().isEmpty() && found.unexplained().isEmpty()) {
      findings.ok(LEFTOVERS, "none in the store");
    }
  }

  private String age(Instant since) {
    return age(Duration.between(since, now));
  }

  private static String age(Duration age) {
    if (age.toSeconds() < 120) {
      return Math.max(0, age.toSeconds()) + " s";
    }
    if (age.toMinutes() < 120) {
      return age.toMinutes() + " min";
    }
    return age.toHours() < 48 ? age.toHours() + " h" : age.toDays() + " days";
  }
}
