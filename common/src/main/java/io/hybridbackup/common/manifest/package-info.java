/**
 * {@code manifest.json}: what an archive holds and how far its database and its files agree.
 *
 * <p>There are two. {@link io.hybridbackup.common.manifest.Manifest} is the first file within the
 * archive and knows all but the archive's own size and checksum. {@link
 * io.hybridbackup.common.manifest.ArchiveManifest} lies beside the archive in the store and is the
 * same with these two added. The format is public: {@code manifest.v1.schema.json} describes it,
 * and every released version stays readable.
 */
@NullMarked
package io.hybridbackup.common.manifest;

import org.jspecify.annotations.NullMarked;
