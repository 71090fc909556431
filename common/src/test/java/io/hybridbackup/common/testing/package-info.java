/** Servers that the tests of every module can start. */
@NullMarked
package io.hybridbackup.common.testing;

import org.jspecify.annotations.NullMarked;
