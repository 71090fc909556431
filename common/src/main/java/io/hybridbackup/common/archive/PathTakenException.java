package io.hybridbackup.common.archive;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * An entry could not be put where it belongs, as something else is there. The target does not tell
 * whether that is another entry of the archive.
 */
final class PathTakenException extends IOException {
  private final ArchiveEntry entry;
  private final EntryPath path;
  private final String finding;

  /**
   * @param path in the archive: the entry's own, or that of a folder that it lies in
   */
  PathTakenException(
      ArchiveEntry entry, EntryPath path, String finding, @Nullable Throwable cause) {
    super(
        EscapedPath.brief(entry.path())
            + " cannot be put back: "
            + finding
            + ", and by nothing that the archive has there. The filesystem may take names for the"
            + " same that differ in case, or in how their letters are composed; use a folder where"
            + " they are told apart, and where nobody else writes",
        cause);
    this.entry = entry;
    this.path = path;
    this.finding = finding;
  }

  /**
   * The damage that it is if the archive has something else at that path.
   *
   * @param part that the entry is of
   */
  IOException explained(PartReader part) throws IOException {
    boolean own = path.equals(entry.path());
    boolean damaged =
        part.has(
            other -> other.path().equals(path) && (own || other.type() != ArchiveEntry.Type.FOLDER),
            own ? 2 : 1);
    return damaged ? EntryDelivery.corrupt(entry, finding + " by another entry") : this;
  }
}
