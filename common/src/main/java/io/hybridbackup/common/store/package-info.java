/** The shared object storage: one small interface, kept on a filesystem or in S3. */
@NullMarked
package io.hybridbackup.common.store;

import org.jspecify.annotations.NullMarked;
