package io.hybridbackup.common.job;

import io.hybridbackup.common.archive.EntryPath;
import io.hybridbackup.common.store.Slice;

/**
 * The record that the database's part maker has listed the paths that rows refer to, as they are in
 * the attempt's snapshot.
 *
 * @param count how many there are
 * @param list holds them: gzip, each path in whatever form its row has it, behind its length as
 *     four bytes, big-endian; of one that is longer than any path, {@link EntryPath#LONGEST} bytes
 *     and one more
 */
public record MediaReferences(long count, Slice list) {}
