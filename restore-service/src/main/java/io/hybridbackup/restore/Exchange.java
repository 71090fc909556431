package io.hybridbackup.restore;

import org.jspecify.annotations.Nullable;

/**
 * What takes whose place. Everything by which a later epoch can find out how far an earlier one has
 * come is in it.
 *
 * @param database null if the database stays as it is
 * @param media null if the files stay as they are
 */
record Exchange(@Nullable Databases database, @Nullable Folders media) {
  /** Whether there is something that is kept afterwards. */
  boolean replaces() {
    return (database != null && database.previous() != null) || (media != null && media.existed());
  }

  /**
   * Databases of one server. They are known by their numbers, which stay when names change.
   *
   * @param name the target's
   * @param previous the number of the database that has that name; null if there is none
   * @param keptAs the name that it gets instead
   * @param next the number of the one that takes its place; null if none does
   * @param nextName the name that that one has before
   * @param closed whether nobody may connect to the target, before and after
   */
  record Databases(
      String name,
      @Nullable Long previous,
      String keptAs,
      @Nullable Long next,
      @Nullable String nextName,
      boolean closed) {}

  /**
   * @param folder the target, without symbolic links on the way to it
   * @param within whether the gate, and what is kept, lie in the target itself
   * @param existed whether there was a folder
   * @param keptAs the path that what it held gets
   * @param nextFrom where what takes its place was taken from, to be put back; null if it was made
   *     for this
   * @param bringsNothing whether no folder takes its place
   */
  record Folders(
      String folder,
      boolean within,
      boolean existed,
      String keptAs,
      @Nullable String nextFrom,
      boolean bringsNothing) {}
}
