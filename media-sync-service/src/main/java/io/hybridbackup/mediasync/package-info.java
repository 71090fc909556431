/**
 * Makes the media part of a backup. {@link io.hybridbackup.mediasync.MediaPartMaker} has rsync
 * bring the {@link io.hybridbackup.mediasync.StagedTree} up to date, a copy or links in the {@link
 * io.hybridbackup.mediasync.Staging} folder, before the database's snapshot and after it, and packs
 * it into the object store.
 */
@NullMarked
package io.hybridbackup.mediasync;

import org.jspecify.annotations.NullMarked;
