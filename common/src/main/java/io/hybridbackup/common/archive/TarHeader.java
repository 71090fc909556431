package io.hybridbackup.common.archive;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.apache.commons.compress.archivers.zip.ZipEncoding;
import org.apache.commons.compress.archivers.zip.ZipEncodingHelper;

/**
 * The blocks that stand before an entry's content: a pax extended header where the fields of ustar
 * do not hold everything, GNU's long names, which busybox reads instead of pax, and the ustar block
 * itself. Names are in raw bytes everywhere but in pax, which has them only if they are UTF-8.
 */
final class TarHeader {
  static final int BLOCK = 512;

  private static final int NAME_BYTES = 100;
  private static final int OWNER_BYTES = 31;
  private static final long LARGEST_OCTAL_11 = 077777777777L;
  private static final long LARGEST_OCTAL_7 = 07777777L;
  private static final String RAW_NAME = StandardCharsets.ISO_8859_1.name();
  private static final ZipEncoding RAW = ZipEncodingHelper.getZipEncoding(RAW_NAME);

  private TarHeader() {}

  /** How many zero bytes follow content of that length. */
  static int padding(long contentBytes) {
    return (int) (-contentBytes & (BLOCK - 1));
  }

  static byte[] encode(ArchiveEntry entry) {
    EntryPath path =
        entry.type() == ArchiveEntry.Type.FOLDER
            ? new EntryPath(entry.path().octets() + "/")
            : entry.path();
    EntryPath target = entry.target() == null ? new EntryPath("") : entry.target();
    ByteArrayOutputStream blocks = new ByteArrayOutputStream(3 * BLOCK);
    byte[] records = records(entry, path, target);
    if (records.length > 0) {
      auxiliary(blocks, "././@PaxHeader", TarConstants.LF_PAX_EXTENDED_HEADER_LC, records);
    }
    longName(blocks, TarConstants.LF_GNUTYPE_LONGLINK, target);
    longName(blocks, TarConstants.LF_GNUTYPE_LONGNAME, path);

    TarArchiveEntry block = new TarArchiveEntry(path.octets(), flag(entry.type()), true);
    block.setLinkName(target.octets());
    block.setSize(entry.size());
    block.setMode(entry.mode());
    block.setUserId(entry.uid());
    block.setGroupId(entry.gid());
    block.setUserName(EntryPath.of(entry.user()).octets());
    block.setGroupName(EntryPath.of(entry.group()).octets());
    block.setModTime(FileTime.from(entry.modified().getEpochSecond(), TimeUnit.SECONDS));
    if (entry.device() != null) {
      block.setDevMajor(entry.device().major());
      block.setDevMinor(entry.device().minor());
    }
    write(blocks, block);
    return blocks.toByteArray();
  }

  /** An attribute's record is no longer. */
  static long mostRecordBytes(String attribute, byte[] value) {
    return 32 + 3L * ExtendedAttributes.bytes(attribute).length + value.length;
  }

  /** A file with nothing around it. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record SoleFile(byte[] content, Instant modified) {}

  /**
   * The file that a tar without an end consists of.
   *
   * @throws IOException if it is another one
   */
  static SoleFile soleFile(byte[] tar, EntryPath path) throws IOException {
    try (TarArchiveInputStream entries =
        new TarArchiveInputStream(new ByteArrayInputStream(tar), RAW_NAME)) {
      TarArchiveEntry entry = entries.getNextEntry();
      if (entry == null || !entry.getName().equals(path.octets()) || !entry.isFile()) {
        throw new IOException("it does not begin with " + path);
      }
      byte[] content = entries.readAllBytes();
      if (content.length != entry.getSize()) {
        throw new IOException(path + " ends early");
      }
      return new SoleFile(content, entry.getLastModifiedTime().toInstant());
    }
  }

  private static byte flag(ArchiveEntry.Type type) {
    return switch (type) {
      case FILE -> TarConstants.LF_NORMAL;
      case FOLDER -> TarConstants.LF_DIR;
      case SYMLINK -> TarConstants.LF_SYMLINK;
      case HARDLINK -> TarConstants.LF_LINK;
      case FIFO -> TarConstants.LF_FIFO;
      case CHARACTER_DEVICE -> TarConstants.LF_CHR;
      case BLOCK_DEVICE -> TarConstants.LF_BLK;
    };
  }

  private static byte[] records(ArchiveEntry entry, EntryPath path, EntryPath target) {
    ByteArrayOutputStream records = new ByteArrayOutputStream();
    name(records, "path", path);
    name(records, "linkpath", target);
    number(records, "size", entry.size(), LARGEST_OCTAL_11);
    number(records, "uid", entry.uid(), LARGEST_OCTAL_7);
    number(records, "gid", entry.gid(), LARGEST_OCTAL_7);
    owner(records, "uname", entry.user());
    owner(records, "gname", entry.group());
    time(records, entry.modified());
    for (Map.Entry<String, byte[]> attribute : entry.attributes().entrySet()) {
      String name =
          EntryPath.of(ExtendedAttributes.bytes(attribute.getKey()))
              .octets()
              .replace("%", "%25")
              .replace("=", "%3D");
      record(records, "SCHILY.xattr." + name, attribute.getValue());
    }
    if (entry.accessAcl() != null) {
      record(records, "SCHILY.acl.access", utf8(entry.accessAcl()));
    }
    if (entry.defaultAcl() != null) {
      record(records, "SCHILY.acl.default", utf8(entry.defaultAcl()));
    }
    return records.toByteArray();
  }

  private static void name(ByteArrayOutputStream records, String key, EntryPath value) {
    String text = value.utf8();
    if (text != null && (value.octets().length() > NAME_BYTES || !value.ascii())) {
      record(records, key, utf8(text));
    }
  }

  private static void owner(ByteArrayOutputStream records, String key, String value) {
    byte[] bytes = utf8(value);
    if (bytes.length > OWNER_BYTES || bytes.length != value.length()) {
      record(records, key, bytes);
    }
  }

  private static void number(ByteArrayOutputStream records, String key, long value, long largest) {
    if (value > largest) {
      record(records, key, utf8(Long.toString(value)));
    }
  }

  private static void time(ByteArrayOutputStream records, Instant time) {
    long seconds = time.getEpochSecond();
    if (time.getNano() == 0) {
      if (seconds < 0 || seconds > LARGEST_OCTAL_11) {
        record(records, "mtime", utf8(Long.toString(seconds)));
      }
      return;
    }
    // -1.5 is one and a half seconds before 1970, which Java has as -2 s + 500,000,000 ns.
    String decimal =
        seconds < 0
            ? "-%d.%09d".formatted(-(seconds + 1), 1_000_000_000 - time.getNano())
            : "%d.%09d".formatted(seconds, time.getNano());
    record(records, "mtime", utf8(decimal));
  }

  /** A record begins with its own length in decimal digits, which count too. */
  private static void record(ByteArrayOutputStream records, String key, byte[] value) {
    byte[] name = key.getBytes(StandardCharsets.ISO_8859_1);
    int rest = name.length + value.length + 3;
    int length = rest;
    while (rest + Integer.toString(length).length() != length) {
      length = rest + Integer.toString(length).length();
    }
    records.writeBytes(utf8(length + " "));
    records.writeBytes(name);
    records.write('=');
    records.writeBytes(value);
    records.write('\n');
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void longName(ByteArrayOutputStream blocks, byte flag, EntryPath name) {
    if (name.octets().length() > NAME_BYTES) {
      byte[] bytes = name.bytes();
      auxiliary(blocks, TarConstants.GNU_LONGLINK, flag, Arrays.copyOf(bytes, bytes.length + 1));
    }
  }

  private static void auxiliary(
      ByteArrayOutputStream blocks, String name, byte flag, byte[] content) {
    TarArchiveEntry block = new TarArchiveEntry(name, flag, true);
    block.setMode(0644);
    block.setUserName("");
    block.setModTime(FileTime.from(0, TimeUnit.SECONDS));
    block.setSize(content.length);
    write(blocks, block);
    blocks.writeBytes(content);
    blocks.writeBytes(new byte[padding(content.length)]);
  }

  private static void write(ByteArrayOutputStream blocks, TarArchiveEntry entry) {
    byte[] block = new byte[BLOCK];
    try {
      entry.writeEntryHeader(block, RAW, true);
    } catch (IOException e) {
      throw new UncheckedIOException("an array does not fail", e);
    }
    blocks.writeBytes(block);
  }
}
