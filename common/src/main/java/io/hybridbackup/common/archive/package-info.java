/**
 * The archive: a tar of gzip members with an index behind it, how its parts are written, put
 * together and read again.
 */
@NullMarked
package io.hybridbackup.common.archive;

import org.jspecify.annotations.NullMarked;
