package io.hybridbackup.common.archive;

import io.hybridbackup.common.store.ObjectKey;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What was read is not what was once written. Reading it again does not help. */
public final class ArchiveCorruptException extends IOException {
  private final String where;
  private final @Nullable ObjectKey object;
  private final long offset;
  private final String finding;

  /**
   * @param where what is damaged: an entry's path, or the piece of the archive
   * @param object that it lies in; null if that is not known
   * @param offset of the first byte of what was being read: in the archive for its manifest and
   *     root index, else in the part's content, index or lookup
   */
  ArchiveCorruptException(
      String where,
      @Nullable ObjectKey object,
      long offset,
      String finding,
      @Nullable Throwable cause) {
    super(
        "the archive is damaged in "
            + where
            + ", at byte "
            + offset
            + ": "
            + finding
            + ". Use another archive, and check the store that holds this one",
        cause);
    this.where = where;
    this.object = object;
    this.offset = offset;
    this.finding = finding;
  }

  ArchiveCorruptException(String where, long offset, String finding, @Nullable Throwable cause) {
    this(where, null, offset, finding, cause);
  }

  ArchiveCorruptException(String where, long offset, String finding) {
    this(where, offset, finding, null);
  }

  /** The same finding, told of the entry that it hit. */
  ArchiveCorruptException in(String entry) {
    return new ArchiveCorruptException(entry, object, offset, finding, this);
  }

  /** What is damaged: an entry's path, or the piece of the archive. */
  public String where() {
    return where;
  }

  /** The object that is damaged; empty if that is not known. */
  public Optional<ObjectKey> object() {
    return Optional.ofNullable(object);
  }

  /** First byte of what was being read, see the message for what it counts from. */
  public long offset() {
    return offset;
  }
}
