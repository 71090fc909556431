package io.hybridbackup.common.event;

/** Why something failed; the stable part of a failure, for programs. */
public enum FailureCode {
  /** The request names a source or a target that is not configured. */
  UNKNOWN_SOURCE,
  UNKNOWN_TARGET,
  /** The request asks for what the source, the archive or the target does not have. */
  NOTHING_TO_DO,
  /** The request contradicts itself or is too old to be carried out. */
  INVALID_REQUEST,
  STALE_REQUEST,
  /** Another run of the source is under way, and waiting is not configured. */
  BUSY,
  DATABASE_UNREACHABLE,
  DATABASE_AUTHENTICATION,
  DATABASE_PERMISSION,
  DATABASE_MISSING,
  /** The client program is older than the server. */
  TOOL_TOO_OLD,
  TOOL_MISSING,
  TOOL_FAILED,
  MEDIA_MISSING,
  MEDIA_PERMISSION,
  /** The source's query for the paths that rows refer to cannot be carried out. */
  MEDIA_REFERENCES_FAILED,
  /** Rows refer to files that could not be saved. */
  MEDIA_REFERENCES_MISSING,
  DISK_FULL,
  STORE_REFUSED,
  /** What the store gives back is not what was written. */
  STORE_CORRUPT,
  /**
   * The archive that the backup builds upon has gone, has changed, cannot be read or is damaged.
   */
  BASE_CHANGED,
  ARCHIVE_MISSING,
  ARCHIVE_CORRUPT,
  TARGET_NOT_EMPTY,
  /** Something outside of the target database depends on it. */
  TARGET_IN_USE,
  /**
   * A worker died, was superseded, or lost the object store, where its work cannot be carried on.
   * Tried again until the deadline.
   */
  INTERRUPTED,
  DEADLINE,
  CANCELLED,
  INTERNAL
}
