package io.hybridbackup.packager;

import io.hybridbackup.common.archive.ArchiveLayout;
import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.event.Fact.DatabaseSnapshotTaken;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.AttemptOpened;
import io.hybridbackup.common.job.PartOutcome.Committed;
import io.hybridbackup.common.job.Plan;
import io.hybridbackup.common.job.Told;
import io.hybridbackup.common.manifest.Consistency;
import io.hybridbackup.common.manifest.DatabasePart;
import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.manifest.StoragePart;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Plans an archive out of the records of an attempt. Pure: the same records, the same plan. */
final class Planner {
  private Planner() {}

  /**
   * @param parts what each component has committed
   * @param prepared absent where there is no media or the database did not wait for it
   * @param version of the application, if it is known
   * @param createdBy this product and its version
   * @param warnings besides those of the parts
   * @param blockBytes as {@link io.hybridbackup.common.store.ObjectStore#sharedBlockBytes} says
   */
  static Plan plan(
      AttemptOpened opened,
      Map<Component, Committed> parts,
      Optional<Told> prepared,
      Optional<Told> snapshot,
      @Nullable String version,
      String createdBy,
      List<String> warnings,
      int blockBytes) {
    var started = opened.started();
    Map<String, String> tools = new TreeMap<>();
    List<String> allWarnings = new ArrayList<>(warnings);
    List<PartInventory> inventories = new ArrayList<>();
    for (Committed part : new EnumMap<>(parts).values()) {
      tools.putAll(part.tools());
      allWarnings.addAll(part.inventory().warnings());
      inventories.add(part.inventory());
    }
    Consistency consistency = consistency(parts, prepared, snapshot);
    if (parts.size() == 2 && !consistency.fenced()) {
      allWarnings.add(
          "the database did not wait for the media: files that rows refer to may be missing");
    }
    Manifest manifest =
        new Manifest(
            opened.timestamp(),
            version,
            createdBy,
            started.backupId(),
            new SourceName(started.source()),
            started.archive(),
            started.origin().attempt(),
            database(parts.get(Component.DATABASE), snapshot),
            storage(parts.get(Component.MEDIA)),
            consistency,
            tools,
            allWarnings);
    ArchiveLayout.Composition composition =
        ArchiveLayout.compose(
            manifest.toJson(), opened.timestamp().toInstant(), inventories, blockBytes);
    return new Plan(manifest, composition.pieces(), composition.bytes(), composition.crc64nvme());
  }

  private static @Nullable DatabasePart database(
      @Nullable Committed part, Optional<Told> snapshot) {
    if (part == null) {
      return null;
    }
    DatabaseSnapshotTaken taken = taken(snapshot).orElseThrow();
    return new DatabasePart(
        part.inventory().sha256(),
        part.inventory().unpackedBytes(),
        part.tools().getOrDefault("postgresql", "unknown"),
        part.tools().getOrDefault("pg_dump", "unknown"),
        taken.snapshotAt(),
        taken.lsn(),
        part.inventory().globalsSha256());
  }

  private static @Nullable StoragePart storage(@Nullable Committed part) {
    if (part == null) {
      return null;
    }
    PartInventory inventory = part.inventory();
    return new StoragePart(
        inventory.files(), inventory.folders(), inventory.unpackedBytes(), inventory.sha256());
  }

  private static Consistency consistency(
      Map<Component, Committed> parts, Optional<Told> prepared, Optional<Told> snapshot) {
    Optional<DatabaseSnapshotTaken> taken = taken(snapshot);
    Committed media = parts.get(Component.MEDIA);
    return new Consistency(
        media != null && taken.map(DatabaseSnapshotTaken::fenced).orElse(false),
        prepared.map(Told::announcement).map(Announcement::at).orElse(null),
        taken.map(DatabaseSnapshotTaken::snapshotAt).orElse((Instant) null),
        media == null ? 0 : media.passes(),
        media == null ? 0 : media.vanished(),
        media == null ? null : media.kindChanges(),
        media == null ? null : media.references());
  }

  private static Optional<DatabaseSnapshotTaken> taken(Optional<Told> snapshot) {
    return snapshot.map(told -> told.announcement().fact(DatabaseSnapshotTaken.class));
  }
}
