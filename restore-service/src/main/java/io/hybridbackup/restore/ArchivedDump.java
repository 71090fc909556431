package io.hybridbackup.restore;

import io.hybridbackup.restore.PgRestore.DumpSource;
import org.jspecify.annotations.Nullable;

/**
 * A dump that has not been fetched.
 *
 * @param dumpedBy version of the pg_dump that made it
 * @param showingGlobals the command that shows how roles can be made; null if there is none
 */
record ArchivedDump(String dumpedBy, DumpSource content, @Nullable String showingGlobals) {}
