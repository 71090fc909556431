package io.hybridbackup.restore;

import io.hybridbackup.common.archive.ArchiveReader.Amount;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.settings.Settings;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a restore would do, for people. */
final class Rehearsal {
  /**
   * Plain bytes a second, as seen on two cores of a machine of 2026 with local disks: from the dump
   * to the end of pg_restore, and from the archive to the files. Nobody knows those of the target.
   */
  private static final long DATABASE_SPEED = 40_000_000;

  private static final long MEDIA_SPEED = 100_000_000;

  private Rehearsal() {}

  /**
   * The steps in their order, and a rough estimate of the time.
   *
   * @param exchange with no next database yet
   */
  static List<String> of(
      Exchange exchange, Preparation.Findings findings, RestoreOptions options, Settings settings) {
    List<String> plan = new ArrayList<>();
    findings.room().forEach(room -> plan.add("take about " + room));
    long seconds = 0;
    Exchange.@Nullable Databases databases = exchange.database();
    if (findings.database() != null) {
      long bytes = findings.archive().dump().bytes();
      seconds = bytes / DATABASE_SPEED;
      plan.add("fetch the dump, %,d bytes, to %s".formatted(bytes, settings.dataDirectory()));
    }
    if (databases != null) {
      plan.add(
          "restore %s into a new database beside %s%s"
              .formatted(
                  chosen(options),
                  databases.name(),
                  options.leavesOwnersOut() ? ", without owners and grants" : ""));
    }
    if (findings.database() != null && findings.archive().showingGlobals() != null) {
      plan.add(
          "make no roles and no tablespaces; see '%s' for those that the dump may name"
              .formatted(findings.archive().showingGlobals()));
    }
    Exchange.@Nullable Folders folders = exchange.media();
    Amount files = findings.files();
    if (folders != null && files != null) {
      seconds = Math.max(seconds, files.bytes() / MEDIA_SPEED);
      plan.add(
          "fetch %,d files, %,d bytes, %s %s"
              .formatted(
                  files.files(),
                  files.bytes(),
                  folders.within() ? "into a hidden folder in" : "beside",
                  folders.folder()));
      if (options.paths() != null) {
        plan.add("these are the files that match " + String.join(" or ", options.paths()));
      }
      mapped(plan, "user", options.users());
      mapped(plan, "group", options.groups());
    }
    if (options.overwrites()) {
      overwriting(plan, findings, options);
    } else {
      exchanging(plan, exchange, settings);
    }
    plan.add("this takes about %,d seconds on a machine of two cores".formatted(1 + seconds));
    return plan;
  }

  private static void overwriting(
      List<String> plan, Preparation.Findings findings, RestoreOptions options) {
    DatabaseTarget database = findings.database();
    if (database != null) {
      plan.add(
          "in one transaction end all sessions at database %s, drop all that is in it but extensions, and restore the dump%s"
              .formatted(database, options.leavesOwnersOut() ? ", without owners and grants" : ""));
    }
    Exchange.@Nullable Folders folders = findings.folders();
    if (folders != null) {
      plan.add(
          "then make what is in %s equal to the new files, one by one, and delete the rest"
              .formatted(folders.folder()));
    }
    plan.add("keep nothing of what was there");
  }

  private static void exchanging(List<String> plan, Exchange exchange, Settings settings) {
    Exchange.@Nullable Databases databases = exchange.database();
    Exchange.@Nullable Folders folders = exchange.media();
    if (databases != null && databases.previous() != null) {
      plan.add(
          "end all sessions at database %s, and let nobody connect".formatted(databases.name()));
    }
    if (folders != null) {
      plan.add(
          folders.existed()
              ? "rename %s to %s and the new files to %s"
                  .formatted(folders.folder(), folders.keptAs(), folders.folder())
              : "name the new files %s".formatted(folders.folder()));
    }
    if (databases != null) {
      plan.add(
          databases.previous() == null
              ? "name the new database %s".formatted(databases.name())
              : "rename database %s to %s and the new one to %s"
                  .formatted(databases.name(), databases.keptAs(), databases.name()));
    }
    if (exchange.replaces()) {
      plan.add("remove what was kept after %s".formatted(settings.restore().keepPrevious()));
    }
  }

  private static String chosen(RestoreOptions options) {
    if (!options.selects()) {
      return "it";
    }
    ChosenObjects chosen = new ChosenObjects(options);
    String schemas = "schema " + String.join(", ", chosen.schemas());
    return chosen.tables().isEmpty()
        ? schemas
        : "table %s of %s".formatted(String.join(", ", chosen.tables()), schemas);
  }

  private static void mapped(List<String> plan, String kind, @Nullable Map<Long, Long> numbers) {
    if (numbers != null) {
      numbers.forEach(
          (from, to) -> plan.add("give files of %s %d to %s %d".formatted(kind, from, kind, to)));
    }
  }
}
