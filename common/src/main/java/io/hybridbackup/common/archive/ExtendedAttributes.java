package io.hybridbackup.common.archive;

import io.hybridbackup.common.natives.CallException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.Comparator;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A file's extended attributes, POSIX ACLs apart from the others. A name that is not UTF-8 is told
 * as {@code base64:} and its bytes in base 64; no real name looks so, as each begins with its
 * namespace and a dot.
 *
 * @param others those of {@code user}, {@code trusted} and {@code security}
 */
record ExtendedAttributes(
    SortedMap<String, byte[]> others, @Nullable String accessAcl, @Nullable String defaultAcl) {
  private static final String ACCESS = "system.posix_acl_access";
  private static final String DEFAULT = "system.posix_acl_default";
  private static final String BASE64 = "base64:";

  /** Those of a file, of a symbolic link itself; none where the filesystem knows none. */
  static ExtendedAttributes read(EntryPath path) throws CallException {
    SortedMap<String, byte[]> others = new TreeMap<>();
    String accessAcl = null;
    String defaultAcl = null;
    byte[] names = names(path);
    for (int from = 0, to = 0; to < names.length; to++) {
      if (names[to] != 0) {
        continue;
      }
      byte[] raw = Arrays.copyOfRange(names, from, to);
      from = to + 1;
      String name = name(raw);
      switch (name) {
        case ACCESS -> accessAcl = PosixAcl.text(Libc.lgetxattr(path, raw));
        case DEFAULT -> defaultAcl = PosixAcl.text(Libc.lgetxattr(path, raw));
        default -> {
          if (new String(raw, StandardCharsets.ISO_8859_1)
              .matches("(?s)(user|trusted|security)\\..*")) {
            others.put(name, Libc.lgetxattr(path, raw));
          }
        }
      }
    }
    return new ExtendedAttributes(others, accessAcl, defaultAcl);
  }

  /**
   * Takes the longest of the others away, until all have room.
   *
   * @param most how many bytes of a tar header all may take
   * @return how many were taken away
   */
  int leaveOutBeyond(long most) {
    long bytes = (accessAcl == null ? 0 : accessAcl.length());
    bytes += (defaultAcl == null ? 0 : defaultAcl.length());
    for (Map.Entry<String, byte[]> attribute : others.entrySet()) {
      bytes += TarHeader.mostRecordBytes(attribute.getKey(), attribute.getValue());
    }
    int left = 0;
    for (; bytes > most && !others.isEmpty(); left++) {
      Map.Entry<String, byte[]> longest =
          Collections.max(others.entrySet(), Comparator.comparingInt(one -> one.getValue().length));
      bytes -= TarHeader.mostRecordBytes(longest.getKey(), longest.getValue());
      others.remove(longest.getKey());
    }
    return left;
  }

  private static byte[] names(EntryPath path) throws CallException {
    try {
      return Libc.llistxattr(path);
    } catch (CallException e) {
      if (e.errno() == Libc.EOPNOTSUPP) {
        return new byte[0];
      }
      throw e;
    }
  }

  static void set(EntryPath path, String name, byte[] value) throws CallException {
    Libc.lsetxattr(path, bytes(name), value);
  }

  /** Sets the ACLs that are not null. */
  static void setAcls(
      EntryPath path, @Nullable String accessAcl, @Nullable String defaultAcl, OwnerMapping owners)
      throws CallException {
    if (accessAcl != null) {
      set(path, ACCESS, PosixAcl.binary(accessAcl, owners));
    }
    if (defaultAcl != null) {
      set(path, DEFAULT, PosixAcl.binary(defaultAcl, owners));
    }
  }

  private static String name(byte[] raw) {
    String text = EntryPath.of(raw).utf8();
    return text != null ? text : BASE64 + Base64.getEncoder().encodeToString(raw);
  }

  /** Whether every owner of a file may set it. */
  static boolean isOfUser(String name) {
    return EntryPath.of(bytes(name)).octets().startsWith("user.");
  }

  /** The bytes that {@link #read} told as {@code name}. */
  static byte[] bytes(String name) {
    return name.startsWith(BASE64)
        ? Base64.getDecoder().decode(name.substring(BASE64.length()))
        : name.getBytes(StandardCharsets.UTF_8);
  }
}
