package io.hybridbackup.common.archive;

import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Slice;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What was read is not what was once written. Whether reading it again helps, {@link
 * ArchiveReader#isFoundAgain} tells.
 */
public final class ArchiveCorruptException extends IOException {
  private final String where;
  private final @Nullable Slice read;
  private final @Nullable ArchiveEntry entry;
  private final long offset;
  private final String finding;

  /**
   * @param where what is damaged: an entry's path, or the piece of the archive
   * @param read what of an object it was found in; null if that is not known
   * @param entry that makes no sense; null if that is none
   * @param offset of the first byte of what was being read: in the archive for its manifest and
   *     root index, else in the part's content, index or lookup
   */
  ArchiveCorruptException(
      String where,
      @Nullable Slice read,
      @Nullable ArchiveEntry entry,
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
    this.read = read;
    this.entry = entry;
    this.offset = offset;
    this.finding = finding;
  }

  ArchiveCorruptException(String where, long offset, String finding, @Nullable Throwable cause) {
    this(where, null, null, offset, finding, cause);
  }

  ArchiveCorruptException(String where, long offset, String finding) {
    this(where, offset, finding, null);
  }

  /** The same finding, told of the entry that it hit. */
  ArchiveCorruptException in(String path) {
    return new ArchiveCorruptException(path, read, entry, offset, finding, this);
  }

  /** Whether it was found in some of these bytes. */
  boolean isOf(Slice slice) {
    return read != null
        && read.object().equals(slice.object())
        && read.offset() < slice.offset() + slice.bytes()
        && slice.offset() < read.offset() + read.bytes();
  }

  /** The entry that makes no sense; empty if that is none. */
  Optional<ArchiveEntry> entry() {
    return Optional.ofNullable(entry);
  }

  /** What is damaged: an entry's path, or the piece of the archive. */
  public String where() {
    return where;
  }

  /** The object that is damaged; empty if that is not known. */
  public Optional<ObjectKey> object() {
    return Optional.ofNullable(read).map(Slice::object);
  }

  /** First byte of what was being read, see the message for what it counts from. */
  public long offset() {
    return offset;
  }
}
