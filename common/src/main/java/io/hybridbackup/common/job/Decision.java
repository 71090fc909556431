package io.hybridbackup.common.job;

import io.hybridbackup.common.store.ObjectKey;

/** The place of a write-once record, and what is written there. */
public record Decision<T>(ObjectKey key, Class<T> type) {}
