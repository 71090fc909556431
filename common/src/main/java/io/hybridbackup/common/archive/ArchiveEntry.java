package io.hybridbackup.common.archive;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.time.Instant;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/**
 * One entry of a part, as its index tells it.
 *
 * @param path as tar has it, without a slash at the end of a folder: {@code database.dump}, {@code
 *     storage}, {@code storage/…}
 * @param size of a file's content in bytes; 0 for everything else
 * @param mode permissions with set-uid, set-gid and sticky bits; no type
 * @param user name of the owner, empty if there is none
 * @param group name of the group, likewise
 * @param sha256 of a file's content, 64 hex digits; null for everything else
 * @param target of a symbolic link, or the path within the archive that a hard link shares its file
 *     with; else null
 * @param device of a device node, else null
 * @param attributes extended attributes by name, ACLs not among them
 * @param accessAcl POSIX ACL in its short text form with numeric ids, null if there is none
 * @param defaultAcl as {@code accessAcl}, of folders only
 * @param vanished whether the entry was kept though the original had gone
 * @param header where its tar header begins
 * @param content where a file's content begins; null for everything else
 */
public record ArchiveEntry(
    EntryPath path,
    Type type,
    long size,
    int mode,
    long uid,
    long gid,
    String user,
    String group,
    Instant modified,
    @Nullable String sha256,
    @Nullable EntryPath target,
    @Nullable Device device,
    SortedMap<String, byte[]> attributes,
    @Nullable String accessAcl,
    @Nullable String defaultAcl,
    boolean vanished,
    Place header,
    @Nullable Place content) {

  /** How many bytes the name of an owner may have; Linux allows 255. */
  public static final int LONGEST_OWNER = 256;

  /** What an attribute takes of memory besides its name and value. */
  private static final int ATTRIBUTE_BYTES = 128;

  /** What kind of thing an entry is. */
  public enum Type {
    FILE,
    FOLDER,
    SYMLINK,
    HARDLINK,
    FIFO,
    CHARACTER_DEVICE,
    BLOCK_DEVICE;

    @JsonValue
    String label() {
      return name().toLowerCase(Locale.ROOT);
    }

    @JsonCreator
    static Type ofLabel(String label) {
      return valueOf(label.toUpperCase(Locale.ROOT));
    }
  }

  /**
   * A point in a part's plain bytes.
   *
   * @param member the member's number within the part, from 0
   * @param offset in the member's plain bytes
   */
  public record Place(long member, int offset) {}

  /** A device's numbers. */
  public record Device(int major, int minor) {}

  /** How much memory there is to what can be long of it, in bytes. */
  long heldBytes() {
    long bytes = (long) path.octets().length() + user.length() + group.length();
    bytes += target == null ? 0 : target.octets().length();
    bytes += accessAcl == null ? 0 : accessAcl.length();
    bytes += defaultAcl == null ? 0 : defaultAcl.length();
    for (Map.Entry<String, byte[]> attribute : attributes.entrySet()) {
      bytes += attribute.getKey().length() + attribute.getValue().length + ATTRIBUTE_BYTES;
    }
    return bytes;
  }

  /** The same entry, now that it has been written. */
  ArchiveEntry placed(Place newHeader, @Nullable Place newContent, @Nullable String newSha256) {
    return new ArchiveEntry(
        path,
        type,
        size,
        mode,
        uid,
        gid,
        user,
        group,
        modified,
        newSha256,
        target,
        device,
        attributes,
        accessAcl,
        defaultAcl,
        vanished,
        newHeader,
        newContent);
  }

  /** Whether the tar headers of both say the same. */
  boolean isLike(ArchiveEntry other) {
    return path.equals(other.path)
        && type == other.type
        && size == other.size
        && mode == other.mode
        && uid == other.uid
        && gid == other.gid
        && user.equals(other.user)
        && group.equals(other.group)
        && modified.equals(other.modified)
        && Objects.equals(target, other.target)
        && Objects.equals(device, other.device)
        && Arrays.equals(attributes.keySet().toArray(), other.attributes.keySet().toArray())
        && Arrays.deepEquals(attributes.values().toArray(), other.attributes.values().toArray())
        && Objects.equals(accessAcl, other.accessAcl)
        && Objects.equals(defaultAcl, other.defaultAcl);
  }

  /**
   * Whether an index tells both alike. A hard link may have become the file, and is told by its
   * path alone.
   */
  boolean isToldAs(ArchiveEntry other) {
    return path.equals(other.path)
        && (type != other.type
            || (isLike(other)
                && header.equals(other.header)
                && Objects.equals(content, other.content)
                && Objects.equals(sha256, other.sha256)));
  }

  /** The same under another path. */
  ArchiveEntry named(EntryPath other) {
    return new ArchiveEntry(
        other,
        type,
        size,
        mode,
        uid,
        gid,
        user,
        group,
        modified,
        sha256,
        target,
        device,
        attributes,
        accessAcl,
        defaultAcl,
        vanished,
        header,
        content);
  }

  /** The same file under another name. */
  ArchiveEntry linkedAs(EntryPath other, boolean otherVanished) {
    return new ArchiveEntry(
        other,
        Type.HARDLINK,
        0,
        mode,
        uid,
        gid,
        user,
        group,
        modified,
        null,
        path,
        null,
        attributes,
        accessAcl,
        defaultAcl,
        otherVanished,
        header,
        null);
  }
}
