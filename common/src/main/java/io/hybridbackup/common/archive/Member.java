package io.hybridbackup.common.archive;

/**
 * A finished member.
 *
 * @param gzip its bytes in the archive
 * @param plainBytes length of its content
 * @param sha256 of its content, 64 hex digits
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Member(byte[] gzip, int plainBytes, String sha256) {}
