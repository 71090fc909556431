package io.hybridbackup.common.archive;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Describes files as entries; remembers the names of owners, which are slow to look up. */
final class EntrySource {
  private static final ArchiveEntry.Place NOWHERE = new ArchiveEntry.Place(0, 0);

  private final Consumer<String> warnings;
  private final Map<Long, String> users = new HashMap<>();
  private final Map<Long, String> groups = new HashMap<>();

  /**
   * @param warnings for people: what an entry has no room for
   */
  EntrySource(Consumer<String> warnings) {
    this.warnings = warnings;
  }

  /** An entry without places and without the hash of its content. */
  ArchiveEntry describe(Path path, FileStatus status, EntryPath archived, boolean vanished)
      throws IOException {
    EntryPath raw = EntryPath.of(path);
    ExtendedAttributes attributes = ExtendedAttributes.read(raw);
    int leftOut = attributes.leaveOutBeyond(PartWriter.MOST_ATTRIBUTE_BYTES);
    if (leftOut > 0) {
      warnings.accept(
          "%d of the extended attributes were left out, as all together are more than a tar header has room for: %s"
              .formatted(leftOut, EscapedPath.brief(archived)));
    }
    ArchiveEntry.Type type = type(status);
    return new ArchiveEntry(
        archived,
        type,
        type == ArchiveEntry.Type.FILE ? status.size() : 0,
        status.permissions(),
        status.uid(),
        status.gid(),
        name(users, status.uid(), "unix:owner", path),
        name(groups, status.gid(), "unix:group", path),
        status.modified(),
        null,
        type == ArchiveEntry.Type.SYMLINK ? Libc.readlink(raw) : null,
        device(type, status.deviceNumber()),
        attributes.others(),
        attributes.accessAcl(),
        attributes.defaultAcl(),
        vanished,
        NOWHERE,
        null);
  }

  static ArchiveEntry.Type type(FileStatus status) {
    return switch (status.type()) {
      case FileStatus.FILE -> ArchiveEntry.Type.FILE;
      case FileStatus.FOLDER -> ArchiveEntry.Type.FOLDER;
      case FileStatus.SYMLINK -> ArchiveEntry.Type.SYMLINK;
      case FileStatus.FIFO -> ArchiveEntry.Type.FIFO;
      case FileStatus.CHARACTER_DEVICE -> ArchiveEntry.Type.CHARACTER_DEVICE;
      case FileStatus.BLOCK_DEVICE -> ArchiveEntry.Type.BLOCK_DEVICE;
      default -> throw new IllegalArgumentException("tar knows no type " + status.type());
    };
  }

  private static ArchiveEntry.@Nullable Device device(ArchiveEntry.Type type, long number) {
    if (type != ArchiveEntry.Type.CHARACTER_DEVICE && type != ArchiveEntry.Type.BLOCK_DEVICE) {
      return null;
    }
    return new ArchiveEntry.Device(
        (int) (((number >>> 8) & 0xfff) | ((number >>> 32) & 0xfffff000L)),
        (int) ((number & 0xff) | ((number >>> 12) & 0xffffff00L)));
  }

  private static String name(Map<Long, String> known, long id, String attribute, Path path)
      throws IOException {
    String name = known.get(id);
    if (name == null) {
      String found = String.valueOf(Files.getAttribute(path, attribute, LinkOption.NOFOLLOW_LINKS));
      // Java names an owner without a name by the number.
      boolean unnamed = found.equals(Long.toString(id)) || found.equals(Integer.toString((int) id));
      boolean tooLong = found.getBytes(StandardCharsets.UTF_8).length > ArchiveEntry.LONGEST_OWNER;
      name = unnamed || tooLong ? "" : found;
      known.put(id, name);
    }
    return name;
  }
}
