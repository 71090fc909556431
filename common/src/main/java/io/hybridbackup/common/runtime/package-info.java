/** What every service runs on: the store, the broker, native programs, and the life of a worker. */
@NullMarked
package io.hybridbackup.common.runtime;

import org.jspecify.annotations.NullMarked;
