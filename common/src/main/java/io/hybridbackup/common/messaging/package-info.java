/** The topics, and how events are published to them and heard from them. */
@NullMarked
package io.hybridbackup.common.messaging;

import org.jspecify.annotations.NullMarked;
