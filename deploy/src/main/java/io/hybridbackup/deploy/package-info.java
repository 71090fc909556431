/** The {@code hybrid-backup} program: everything in one process, and the command line. */
@NullMarked
package io.hybridbackup.deploy;

import org.jspecify.annotations.NullMarked;
