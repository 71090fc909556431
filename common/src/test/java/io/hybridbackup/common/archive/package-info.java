/** Archives as real tools and this code read them. */
@NullMarked
package io.hybridbackup.common.archive;

import org.jspecify.annotations.NullMarked;
