/**
 * Brings a backup back. {@link io.hybridbackup.restore.RestoreRequests} answers requests; {@link
 * io.hybridbackup.restore.RestoreJobs} has each carried out by a {@link
 * io.hybridbackup.restore.Restoration}: it fetches and verifies everything and makes it whole
 * beside the target. Then a {@link io.hybridbackup.restore.Swap} exchanges it for what is there, as
 * the {@link io.hybridbackup.restore.Journal} says: the files through a {@link
 * io.hybridbackup.restore.Gate}, the database under a {@link io.hybridbackup.restore.DatabaseLock}.
 * What was there is kept until {@link io.hybridbackup.restore.KeptRemoval} finds that it is time.
 * Or, where that was asked for, an {@link io.hybridbackup.restore.Overwrite} changes what is there.
 */
@NullMarked
package io.hybridbackup.restore;

import org.jspecify.annotations.NullMarked;
