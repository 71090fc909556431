/**
 * Native functions. Whoever needs one declares it, of the C library by {@link CLibrary}, and calls
 * it by that or by a {@link NativeCall}; the handles of open files are {@link Descriptor}s.
 */
@NullMarked
package io.hybridbackup.common.natives;

import org.jspecify.annotations.NullMarked;
