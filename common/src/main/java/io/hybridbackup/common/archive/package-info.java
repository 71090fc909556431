/**
 * The archive: a tar of gzip members with an index behind it, how its parts are written, put
 * together and read again. The format is in {@code docs/archive-format.md}.
 *
 * <p>{@link DatabasePart} and {@link MediaPart} write a part through a {@link Compressor} into
 * {@link PartObjects} and give its {@link PartInventory}. They take over what {@link KnownMembers}
 * of earlier parts hold, whole entries that are unchanged ({@link EarlierEntries}) and single
 * members of what is not. {@link ArchiveLayout} makes of inventories the pieces of an archive,
 * which the store composes. {@link ArchiveReader} finds its way from the footer, and a {@link
 * PartReader} reads one part by its index. {@link ArchiveFiles} reads what a {@link Selection} asks
 * for and little else, by a {@link SelectiveReading}; a {@link MemberSource} fetches members ahead,
 * in the order of a {@link MemberQueue}. For a few paths that is one of an {@link Excerpt} of the
 * index, which a {@link PathSearch} finds by a lookup: pages of {@link LookupRecords} that an
 * {@link IndexWriter} has written and a {@link LookupReader} reads, in a {@link LookupDirectory}.
 */
@NullMarked
package io.hybridbackup.common.archive;

import org.jspecify.annotations.NullMarked;
