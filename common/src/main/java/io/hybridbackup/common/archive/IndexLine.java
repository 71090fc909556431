package io.hybridbackup.common.archive;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import io.hybridbackup.common.identity.Component;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Base64;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.annotation.JsonNaming;

/** One line of a part's index; exactly one of the five is there. */
record IndexLine(
    @Nullable Header index,
    IndexLine.@Nullable Span member,
    IndexLine.@Nullable Entry entry,
    IndexLine.@Nullable Missing missing,
    IndexLine.@Nullable End end) {
  static final int VERSION = 1;

  static IndexLine header(Component component) {
    return new IndexLine(new Header(VERSION, component), null, null, null, null);
  }

  static IndexLine member(Span member) {
    return new IndexLine(null, member, null, null, null);
  }

  static IndexLine entry(ArchiveEntry entry) {
    return new IndexLine(null, null, Entry.of(entry), null, null);
  }

  static IndexLine missing(EntryPath path) {
    return new IndexLine(null, null, null, new Missing(path.utf8(), base64(path)), null);
  }

  static IndexLine end(long members, long entries) {
    return new IndexLine(null, null, null, null, new End(members, entries));
  }

  /** The first line. */
  record Header(int version, Component component) {}

  /** A path that the database refers to and the part does not have. */
  record Missing(@Nullable String path, @JsonProperty("path_base64") @Nullable String pathBase64) {

    /**
     * @throws IllegalArgumentException if it makes no sense
     */
    EntryPath toPath() {
      EntryPath missing = decoded(path, pathBase64);
      if (missing == null) {
        throw new IllegalArgumentException("a missing path is not told");
      }
      return missing;
    }
  }

  /** The last line: how many lines of either kind came before. */
  record End(long members, long entries) {}

  /**
   * A member.
   *
   * @param offset from the beginning of the part's content
   * @param length in the archive
   * @param plain length of its content
   * @param sha256 of its content
   * @param crc64nvme of its bytes in the archive, 16 hex digits
   */
  record Span(long offset, int length, int plain, String sha256, String crc64nvme) {}

  /** An entry; what is false, empty or absent is left out. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  record Entry(
      @Nullable String path,
      @JsonProperty("path_base64") @Nullable String pathBase64,
      ArchiveEntry.Type type,
      @Nullable Long size,
      int mode,
      long uid,
      long gid,
      @Nullable String user,
      @Nullable String group,
      long mtime,
      int mtimeNanos,
      @Nullable String sha256,
      @Nullable String target,
      @JsonProperty("target_base64") @Nullable String targetBase64,
      ArchiveEntry.@Nullable Device device,
      @Nullable TreeMap<String, byte[]> xattrs,
      @Nullable String aclAccess,
      @Nullable String aclDefault,
      @Nullable Boolean vanished,
      ArchiveEntry.Place header,
      ArchiveEntry.@Nullable Place content) {

    @SuppressWarnings("JavaInstantGetSecondsGetNano") // both are told, in two fields
    static Entry of(ArchiveEntry entry) {
      return new Entry(
          entry.path().utf8(),
          base64(entry.path()),
          entry.type(),
          entry.type() == ArchiveEntry.Type.FILE ? entry.size() : null,
          entry.mode(),
          entry.uid(),
          entry.gid(),
          entry.user(),
          entry.group(),
          entry.modified().getEpochSecond(),
          entry.modified().getNano(),
          entry.sha256(),
          entry.target() == null ? null : entry.target().utf8(),
          entry.target() == null ? null : base64(entry.target()),
          entry.device(),
          entry.attributes().isEmpty() ? null : new TreeMap<>(entry.attributes()),
          entry.accessAcl(),
          entry.defaultAcl(),
          entry.vanished() ? true : null,
          entry.header(),
          entry.content());
    }

    /**
     * @throws IllegalArgumentException if it makes no sense
     */
    ArchiveEntry toEntry() {
      EntryPath name = decoded(path, pathBase64);
      if (name == null) {
        throw new IllegalArgumentException("an entry has no path");
      }
      if (type == null || header == null) {
        throw new IllegalArgumentException("an entry has no type or no place");
      }
      boolean file = type == ArchiveEntry.Type.FILE;
      if (file != (sha256 != null) || file != (content != null) || file != (size != null)) {
        throw new IllegalArgumentException("only files have content, and all files have");
      }
      if ((size != null && size < 0)
          || header.offset() < 0
          || (content != null && content.offset() < 0)) {
        throw new IllegalArgumentException("a length or an offset is negative");
      }
      EntryPath linked = decoded(target, targetBase64);
      if (name.octets().length() > EntryPath.LONGEST
          || (linked != null && linked.octets().length() > EntryPath.LONGEST)) {
        throw new IllegalArgumentException("a path has more than " + EntryPath.LONGEST + " bytes");
      }
      if (isTooLong(user) || isTooLong(group)) {
        throw new IllegalArgumentException(
            "an owner's name has more than " + ArchiveEntry.LONGEST_OWNER + " bytes");
      }
      Instant modified;
      try {
        modified = Instant.ofEpochSecond(mtime, mtimeNanos);
      } catch (DateTimeException e) {
        throw new IllegalArgumentException("an entry has an impossible time", e);
      }
      SortedMap<String, byte[]> attributes = xattrs == null ? new TreeMap<>() : xattrs;
      attributes.forEach((attribute, value) -> {
        if (value == null) {
          throw new IllegalArgumentException("an attribute has no value");
        }
        byte[] _ = ExtendedAttributes.bytes(attribute);
      });
      return new ArchiveEntry(
          name,
          type,
          size == null ? 0 : size,
          mode,
          uid,
          gid,
          user == null ? "" : user,
          group == null ? "" : group,
          modified,
          sha256,
          linked,
          device,
          attributes,
          aclAccess,
          aclDefault,
          Boolean.TRUE.equals(vanished),
          header,
          content);
    }
  }

  private static boolean isTooLong(@Nullable String owner) {
    return owner != null
        && owner.getBytes(StandardCharsets.UTF_8).length > ArchiveEntry.LONGEST_OWNER;
  }

  private static @Nullable String base64(EntryPath path) {
    return path.utf8() != null ? null : Base64.getEncoder().encodeToString(path.bytes());
  }

  private static @Nullable EntryPath decoded(@Nullable String text, @Nullable String base64) {
    if (base64 != null) {
      return EntryPath.of(Base64.getDecoder().decode(base64));
    }
    return text == null ? null : EntryPath.of(text);
  }
}
