package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.Slice;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A finished part of an archive: where its bytes lie in the store and what they hold.
 *
 * @param component {@code DATABASE} or {@code MEDIA}
 * @param content the part's tar entries as whole gzip members, in order; never empty
 * @param contentCrc CRC64NVME of each slice of {@code content}, 16 hex digits, in the same order
 * @param index the part's index as whole gzip members; never empty. Offsets in it count from the
 *     beginning of the part's content
 * @param indexCrc CRC64NVME of each slice of {@code index}
 * @param lookup finds paths in the index; null if there is none
 * @param unpackedBytes the dump's size, or the sum of the files' sizes
 * @param files how many files there are, folders not counted; for a database 1, or 2 with {@code
 *     globals.sql}
 * @param folders how many folders there are; 0 for a database
 * @param sha256 of the dump, 64 hex digits; of media, of the plain bytes of the index
 * @param globalsSha256 of {@code globals.sql}, 64 hex digits; null if there is none
 * @param reusedBytes bytes of {@code content} that lie in earlier parts: in an earlier archive, or
 *     in what an earlier attempt has made
 * @param warnings for people; what the part could not hold, or holds though it has vanished
 */
public record PartInventory(
    Component component,
    List<Slice> content,
    List<String> contentCrc,
    List<Slice> index,
    List<String> indexCrc,
    @Nullable Lookup lookup,
    long unpackedBytes,
    long files,
    long folders,
    String sha256,
    @Nullable String globalsSha256,
    long reusedBytes,
    List<String> warnings) {

  /**
   * The lookup of a part's index.
   *
   * @param pages its pages as whole gzip members, in order; never empty
   * @param crc CRC64NVME of each slice of {@code pages}
   */
  public record Lookup(List<Slice> pages, List<String> crc, LookupDirectory directory) {}

  /** The same part, with one more warning. */
  public PartInventory warned(String warning) {
    List<String> all = new ArrayList<>(warnings);
    all.add(warning);
    return new PartInventory(
        component,
        content,
        contentCrc,
        index,
        indexCrc,
        lookup,
        unpackedBytes,
        files,
        folders,
        sha256,
        globalsSha256,
        reusedBytes,
        all);
  }
}
