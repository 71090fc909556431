/**
 * Running native programs (pg_dump, pg_restore, rsync): started so that they die with this process,
 * watched to the end, their exit code and errors reported.
 */
@NullMarked
package io.hybridbackup.common.process;

import org.jspecify.annotations.NullMarked;
