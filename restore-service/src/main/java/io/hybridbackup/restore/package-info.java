/**
 * Brings a backup back. {@link io.hybridbackup.restore.RestoreRequests} answers requests; a {@link
 * io.hybridbackup.restore.Restoration} fetches and verifies everything, restores the database
 * beside the target ({@link io.hybridbackup.restore.DatabaseTarget}), and only when all is whole
 * puts both in place ({@link io.hybridbackup.restore.MediaTarget}).
 */
@NullMarked
package io.hybridbackup.restore;

import org.jspecify.annotations.NullMarked;
