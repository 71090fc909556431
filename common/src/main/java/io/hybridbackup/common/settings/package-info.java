/** The configuration that all programs share: one file, read and checked in one place. */
@NullMarked
package io.hybridbackup.common.settings;

import org.jspecify.annotations.NullMarked;
