package io.hybridbackup.common.archive;

/**
 * How files are put back.
 *
 * @param restoreOwners whether each entry gets its owner and group by number, and attributes
 *     outside {@code user.}; needs root
 * @param deviceNodes whether device nodes are made; needs root
 */
public record ExtractOptions(boolean restoreOwners, boolean deviceNodes) {}
