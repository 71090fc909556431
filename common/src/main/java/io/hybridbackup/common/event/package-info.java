/**
 * The public contract: requests that others publish, facts and states that this product publishes,
 * and the CloudEvents envelope around them. {@link io.hybridbackup.common.event.EventCodec} writes
 * and reads them. What they look like on the wire is written down in {@code
 * io/hybridbackup/contract}: an AsyncAPI document and a JSON Schema for each type.
 *
 * <p>Released types only ever gain optional fields; anything else is a new type.
 */
@NullMarked
package io.hybridbackup.common.event;

import org.jspecify.annotations.NullMarked;
