package io.hybridbackup.common.archive;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A POSIX ACL in the two forms that matter: the kernel's (linux/posix_acl_xattr.h: version 2, then
 * tag, permissions and id of each entry, little-endian) and the short text with numeric ids that
 * tar carries, such as {@code user::rw-,user:1000:r--,group::r--,mask::r--,other::---}.
 */
final class PosixAcl {
  private static final int VERSION = 2;
  private static final int ENTRY_BYTES = 8;

  private enum Tag {
    USER(0x01, 0x02),
    GROUP(0x04, 0x08),
    MASK(0x10, -1),
    OTHER(0x20, -1);

    private final int unnamed;
    private final int named;

    Tag(int unnamed, int named) {
      this.unnamed = unnamed;
      this.named = named;
    }
  }

  private PosixAcl() {}

  static String text(byte[] binary) {
    ByteBuffer buffer = ByteBuffer.wrap(binary).order(ByteOrder.LITTLE_ENDIAN);
    if (binary.length < 4 || (binary.length - 4) % ENTRY_BYTES != 0 || buffer.getInt() != VERSION) {
      throw new IllegalArgumentException("not a POSIX ACL of version " + VERSION);
    }
    List<String> entries = new ArrayList<>();
    while (buffer.hasRemaining()) {
      int tag = buffer.getShort();
      int permissions = buffer.getShort();
      long id = Integer.toUnsignedLong(buffer.getInt());
      entries.add(entry(tag, permissions, id));
    }
    return String.join(",", entries);
  }

  private static String entry(int number, int permissions, long id) {
    for (Tag tag : Tag.values()) {
      if (number == tag.unnamed || number == tag.named) {
        return tag.name().toLowerCase(Locale.ROOT)
            + ":"
            + (number == tag.named ? Long.toString(id) : "")
            + ":"
            + ((permissions & 4) != 0 ? "r" : "-")
            + ((permissions & 2) != 0 ? "w" : "-")
            + ((permissions & 1) != 0 ? "x" : "-");
      }
    }
    throw new IllegalArgumentException("a POSIX ACL has no tag " + number);
  }

  /** As the kernel has it, with the users and groups that the mapping gives. */
  static byte[] binary(String text, OwnerMapping owners) {
    String[] entries = text.split(",", -1);
    ByteBuffer buffer =
        ByteBuffer.allocate(4 + entries.length * ENTRY_BYTES)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(VERSION);
    for (String entry : entries) {
      String[] fields = entry.split(":", -1);
      if (fields.length != 3 || !fields[2].matches("[r-][w-][x-]")) {
        throw new IllegalArgumentException("'" + entry + "' is not an entry of a POSIX ACL");
      }
      Tag tag = Tag.valueOf(fields[0].toUpperCase(Locale.ROOT));
      boolean named = !fields[1].isEmpty();
      String permissions = fields[2];
      buffer
          .putShort((short) (named ? tag.named : tag.unnamed))
          .putShort(
              (short)
                  ((permissions.charAt(0) == 'r' ? 4 : 0)
                      | (permissions.charAt(1) == 'w' ? 2 : 0)
                      | (permissions.charAt(2) == 'x' ? 1 : 0)))
          .putInt(named ? (int) mapped(tag, Integer.parseUnsignedInt(fields[1]), owners) : -1);
    }
    return buffer.array();
  }

  private static long mapped(Tag tag, int id, OwnerMapping owners) {
    long number = Integer.toUnsignedLong(id);
    return tag == Tag.USER ? owners.user(number) : owners.group(number);
  }
}
