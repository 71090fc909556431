/**
 * What things are called: runs, sources, targets, archives and the components that work on them.
 */
@NullMarked
package io.hybridbackup.common.identity;

import org.jspecify.annotations.NullMarked;
