package io.hybridbackup.restore;

import io.hybridbackup.common.archive.ArchiveReader;
import io.hybridbackup.common.archive.ArchiveReader.Amount;
import io.hybridbackup.common.archive.ArchiveReader.Room;
import io.hybridbackup.common.archive.ProgressListener;
import io.hybridbackup.common.archive.Selection;
import io.hybridbackup.common.event.Fact.RestoreStarted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.manifest.ArchiveManifest;
import io.hybridbackup.common.manifest.DatabasePart;
import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.manifest.StoragePart;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.StoreException;
import io.hybridbackup.common.store.StoredObject;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An archive that is restored, and what its manifest says. */
record OpenedArchive(ArchiveReader reader, Manifest manifest) {
  private static final Logger LOG = LoggerFactory.getLogger(OpenedArchive.class);

  /** Opens the archive, and makes sure that it is the one that its manifest describes. */
  static OpenedArchive open(Runs runs, RestoreStarted started, Work work)
      throws ComponentFailure, IOException, InterruptedException {
    try {
      return openOnce(runs, started, work);
    } catch (ComponentFailure e) {
      // A bit may have been turned over on the way.
      LOG.atWarn()
          .addKeyValue("run", started.restoreId())
          .addKeyValue("finding", e.getMessage())
          .log("the archive is opened once more");
      return openOnce(runs, started, work);
    }
  }

  private static OpenedArchive openOnce(Runs runs, RestoreStarted started, Work work)
      throws ComponentFailure, IOException, InterruptedException {
    SourceName source = new SourceName(started.source());
    ObjectKey key = RunKeys.archive(source, started.archive());
    ObjectKey manifestKey = RunKeys.manifest(source, started.archive());
    ArchiveManifest beside =
        ArchiveManifest.parse(
            work.insist(() ->
                runs.store()
                    .read(manifestKey)
                    .orElseThrow(() -> new StoreException.Missing(manifestKey))));
    StoredObject object =
        work.insist(
            () -> runs.store().find(key).orElseThrow(() -> new StoreException.Missing(key)));
    if (object.bytes() != beside.archive().bytes()) {
      throw corrupt(
          "%s has %d bytes, its manifest says %d"
              .formatted(key, object.bytes(), beside.archive().bytes()));
    }
    ArchiveReader reader = ArchiveReader.open(runs.store(), object);
    Manifest manifest = Manifest.parse(reader.manifest());
    if (!manifest.equals(beside.manifest())) {
      throw corrupt("the manifest in " + key + " is not the one beside it");
    }
    return new OpenedArchive(reader, manifest);
  }

  private static ComponentFailure corrupt(String message) {
    return ComponentFailure.permanent(
        FailureCode.ARCHIVE_CORRUPT, message + "; use another archive", null);
  }

  /** The dump; only where the archive has one. */
  DatabasePart dump() {
    return Objects.requireNonNull(manifest.databasePart());
  }

  /** The dump, to be looked at where it is; only where the archive has one. */
  ArchivedDump archivedDump() {
    return new ArchivedDump(
        dump().toolVersion(),
        out -> reader.copyDatabase(out, ProgressListener.NONE),
        showingGlobals());
  }

  /** How to see the roles and tablespaces that the dump names; null if the archive has none. */
  @Nullable String showingGlobals() {
    return dump().globalsSha256() == null
        ? null
        : "hybrid-backup cat %s --source %s globals.sql"
            .formatted(manifest.archiveName(), manifest.source());
  }

  /**
   * How much of the files is asked for; only where the archive has any. Where all are, the room is
   * what they take at most, as the index of many takes its time.
   *
   * @param blockBytes what a file's size is rounded up to a multiple of
   * @throws ComponentFailure if a pattern matches nothing
   */
  Amount files(RestoreOptions options, long blockBytes) throws ComponentFailure, IOException {
    List<String> paths = options.paths();
    if (paths == null) {
      StoragePart part = Objects.requireNonNull(manifest.storagePart());
      return new Amount(
          part.files(),
          part.bytes(),
          new Room(part.bytes() + part.files() * (blockBytes - 1), part.files() + part.folders()));
    }
    Selection selection = Selection.of(paths);
    Amount amount = reader.mediaAmount(selection, blockBytes);
    if (!selection.unmatched().isEmpty()) {
      throw ComponentFailure.permanent(
          FailureCode.NOTHING_TO_DO,
          "the archive has nothing that matches "
              + String.join(" or ", selection.unmatched())
              + "; 'hybrid-backup files' lists what there is, paths begin with storage/",
          null);
    }
    return amount;
  }

  /** How much all files are, by the index. */
  Amount allFiles(long blockBytes) throws IOException {
    return reader.mediaAmount(Selection.of(List.of()), blockBytes);
  }
}
