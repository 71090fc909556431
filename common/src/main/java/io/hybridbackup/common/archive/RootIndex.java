package io.hybridbackup.common.archive;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.json.Json;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Where everything lies in an archive.
 *
 * @param version of the archive's format
 * @param tarEnd the member of tar's two zero blocks
 */
record RootIndex(
    int version, Range manifest, List<Part> parts, @JsonProperty("tar_end") Range tarEnd) {
  static final int VERSION = 1;

  RootIndex {
    if (manifest == null || parts == null || parts.stream().anyMatch(Objects::isNull)) {
      throw new IllegalArgumentException("manifest or parts are not told");
    }
  }

  /** What there is of a root index of any version. */
  record Version(int version) {}

  /** A stretch of the archive, in bytes from its beginning. */
  record Range(long offset, long length) {
    Range {
      if (offset < 0 || length < 1 || offset + length < 0) {
        throw new IllegalArgumentException("no such range: " + offset + " + " + length);
      }
    }

    long end() {
      return offset + length;
    }
  }

  /**
   * One part.
   *
   * @param sha256 as in {@link PartInventory#sha256}
   * @param lookup null if there is none; its pages lie right behind the index
   */
  record Part(
      Component component,
      Range content,
      Range index,
      String sha256,
      @Nullable LookupDirectory lookup) {
    Part {
      if (component == null || content == null || index == null || !Sha256.isHex(sha256)) {
        throw new IllegalArgumentException("a part is not told whole");
      }
      if (lookup != null && lookup.indexBytes() != index.length()) {
        throw new IllegalArgumentException("a lookup does not cover its index");
      }
    }

    /** Where index and lookup end. */
    long end() {
      return lookup == null ? index.end() : index.end() + lookup.pageBytes();
    }
  }

  byte[] toJson() {
    return Json.write(this);
  }
}
