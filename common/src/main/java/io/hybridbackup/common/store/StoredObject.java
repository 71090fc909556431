package io.hybridbackup.common.store;

import java.time.Instant;

/**
 * What the store says of an object.
 *
 * @param bytes its size
 * @param etag changes whenever the content does; opaque
 * @param modified by the store's clock
 */
public record StoredObject(ObjectKey key, long bytes, String etag, Instant modified) {}
