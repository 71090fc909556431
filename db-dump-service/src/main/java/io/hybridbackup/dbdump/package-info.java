/**
 * Makes the database part of a backup. When media is prepared, {@link
 * io.hybridbackup.dbdump.DatabasePartMaker} holds a {@link io.hybridbackup.dbdump.Snapshot} and
 * streams pg_dump into the object store.
 */
@NullMarked
package io.hybridbackup.dbdump;

import org.jspecify.annotations.NullMarked;
