package io.hybridbackup.common.archive;

/**
 * How files are put back.
 *
 * @param restoreOwners whether each entry gets its owner and group by number, attributes outside
 *     {@code user.}, and set-uid, set-gid and sticky bits; needs root
 * @param deviceNodes whether device nodes are made; needs root
 * @param owners who gets what; without a meaning unless owners are restored. A file that gets
 *     another owner loses its set-uid bit, and one that gets another group its set-gid bit
 */
public record ExtractOptions(boolean restoreOwners, boolean deviceNodes, OwnerMapping owners) {
  /** Everything belongs to whom it belonged, if owners are restored. */
  public ExtractOptions(boolean restoreOwners, boolean deviceNodes) {
    this(restoreOwners, deviceNodes, OwnerMapping.NONE);
  }
}
