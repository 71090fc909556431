package io.hybridbackup.common.job;

import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.store.Piece;
import java.util.List;

/**
 * Everything that the archive's bytes follow from: whoever carries the plan out makes the same
 * archive.
 *
 * @param bytes the archive's size
 * @param crc64nvme of the whole archive, 16 hex digits
 */
public record Plan(Manifest manifest, List<Piece> pieces, long bytes, String crc64nvme) {}
