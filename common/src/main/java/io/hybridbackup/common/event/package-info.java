/**
 * The public contract: requests that others publish, facts that this product publishes, and their
 * envelope.
 */
@NullMarked
package io.hybridbackup.common.event;

import org.jspecify.annotations.NullMarked;
