/**
 * The configuration that all programs share: one file, read and checked in one place, and the start
 * of a program that runs by it.
 */
@NullMarked
package io.hybridbackup.common.settings;

import org.jspecify.annotations.NullMarked;
