package io.hybridbackup.common.archive;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Random;

/** A folder with everything in it that files can be. */
final class OddTree {
  private static final int MIB = 1024 * 1024;

  private final Path root;
  private final Random random = new Random(7);

  private OddTree(Path root) {
    this.root = root;
  }

  static Path plant(Path root) throws IOException {
    new OddTree(Files.createDirectories(root)).plant();
    return root;
  }

  private void plant() throws IOException {
    names();
    sizes();
    links();
    attributes();
    special();
    times();
    modes();
  }

  private void names() throws IOException {
    text("plain.txt");
    text("käse – 文件 😀.txt");
    text("new\nline and \t tab");
    text("back\\slash and * and \" and '");
    text(" space ");
    text("-dash");
    text("n".repeat(255));
    text("ü".repeat(127));
    raw("latin-1-caf\u00e9", true);
    raw("\u00ff\u00fe\u0080" + "\u00ff".repeat(150), true);
    raw("folder-\u00e9", false);
    raw("folder-\u00e9/inner-\u00fc", true);
    text("deep/" + ("d".repeat(120) + "/").repeat(6) + "leaf");
    text("deep/" + ("ü".repeat(60) + "/").repeat(6) + "leaf");
    Files.createDirectories(root.resolve("empty folder"));
    Files.createDirectories(root.resolve("empty/nested/folders"));
    for (int length = 80; length < 110; length++) {
      text("lengths/" + "l".repeat(length));
      Files.createDirectories(root.resolve("lengths/" + "f".repeat(length)));
    }
  }

  private void sizes() throws IOException {
    for (int size :
        new int[] {
          0,
          1,
          511,
          512,
          513,
          65535,
          65536,
          65537,
          MIB - 513,
          MIB - 1,
          MIB,
          MIB + 1,
          2 * MIB,
          3 * MIB + 7
        }) {
      bytes("sizes/random-" + size, size);
      Files.write(root.resolve("sizes/zero-" + size), new byte[size]);
    }
    for (int i = 0; i < 300; i++) {
      bytes("many/file-" + i, random.nextInt(9000));
    }
    Path sparse = root.resolve("sizes/sparse");
    try (RandomAccessFile file = new RandomAccessFile(sparse.toFile(), "rw")) {
      file.seek(5 * MIB);
      file.write(1);
      file.setLength(9 * MIB + 5);
    }
  }

  private void links() throws IOException {
    Path folder = Files.createDirectories(root.resolve("links"));
    Files.createSymbolicLink(folder.resolve("relative"), Path.of("../plain.txt"));
    Files.createSymbolicLink(folder.resolve("absolute"), Path.of("/nowhere/at/all"));
    Files.createSymbolicLink(folder.resolve("to folder"), Path.of("../empty"));
    Files.createSymbolicLink(folder.resolve("long"), Path.of("x/".repeat(150) + "y"));
    Files.createSymbolicLink(folder.resolve("ünïcode"), Path.of("käse/文件"));
    Libc.symlink(
        new EntryPath("caf\u00e9//trailing/"), EntryPath.of(folder).resolve(EntryPath.of("raw")));
    bytes("links/small", 100);
    Files.createLink(root.resolve("a-first-link"), folder.resolve("small"));
    Files.createLink(folder.resolve("z-other"), folder.resolve("small"));
    Files.createLink(root.resolve("lengths/" + "k".repeat(120)), folder.resolve("small"));
    bytes("links/large", 200_000);
    Files.createLink(folder.resolve("large-2"), folder.resolve("large"));
    Files.createLink(
        root.resolve("deep/" + ("d".repeat(120) + "/").repeat(3) + "link"),
        folder.resolve("large"));
    // Dangling, as Python's tarfile sets a mode through such a link.
    Files.createSymbolicLink(folder.resolve("beside"), Path.of("nothing"));
    Libc.link(EntryPath.of(folder.resolve("beside")), EntryPath.of(folder.resolve("beside-too")));
  }

  private void attributes() throws IOException {
    text("attributes/binary");
    Path file = root.resolve("attributes/binary");
    ExtendedAttributes.set(
        EntryPath.of(file), "user.binary", new byte[] {0, 1, '\n', (byte) 0xff, '=', 0});
    ExtendedAttributes.set(EntryPath.of(file), "user.empty", new byte[0]);
    ExtendedAttributes.set(
        EntryPath.of(file), "user.odd=name%25", "value".getBytes(StandardCharsets.UTF_8));
    ExtendedAttributes.set(
        EntryPath.of(file), "user.ünïcode", "ü".getBytes(StandardCharsets.UTF_8));
    Path folder = Files.createDirectories(root.resolve("attributes/folder"));
    ExtendedAttributes.set(
        EntryPath.of(folder), "user.folder", "f".getBytes(StandardCharsets.UTF_8));
    text("attributes/acl");
    Tool.run(root, "setfacl", "-m", "u:1234:rw,g:4321:r,m::rw", "attributes/acl");
    Path shared = Files.createDirectories(root.resolve("attributes/default-acl"));
    Tool.run(root, "setfacl", "-m", "u:1234:rwx,d:u:1234:rwx,d:g:99:r-x", shared.toString());
    text("attributes/default-acl/inherits");
    Files.createDirectories(shared.resolve("inherits too"));
    if (Tool.root()) {
      text("attributes/capable");
      Path capable = root.resolve("attributes/capable");
      Tool.run(root, "chown", "1001:1002", capable.toString());
      ExtendedAttributes.set(
          EntryPath.of(capable), "trusted.mark", "t".getBytes(StandardCharsets.UTF_8));
      ExtendedAttributes.set(
          EntryPath.of(capable),
          "security.capability",
          new byte[] {1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    }
  }

  private void special() throws IOException {
    Tool.run(root, "mkfifo", "-m", "640", "fifo");
    if (Tool.root()) {
      text("owned");
      Tool.run(root, "chown", "12345:54321", "owned");
      text("owned by many");
      Tool.run(root, "chown", "3000000000:2999999999", "owned by many");
      Tool.run(root, "chown", "-h", "7:8", "links/absolute");
      Tool.run(root, "chown", "daemon:adm", "empty");
    }
  }

  private void times() throws IOException {
    time("times/nanos", 1_700_000_000, 123_456_789);
    time("times/one", 1_700_000_000, 1);
    time("times/epoch", 0, 0);
    time("times/before", -1_000_000, 0);
    time("times/future", 8_589_934_600L, 5);
    time("times/far", 15_000_000_000L, 999_999_999);
    Libc.setModified(
        EntryPath.of(root.resolve("links/absolute")), Instant.ofEpochSecond(1_600_000_000, 77));
    Libc.setModified(
        EntryPath.of(root.resolve("empty folder")), Instant.ofEpochSecond(1_500_000_000, 42));
    Libc.setModified(EntryPath.of(root), Instant.ofEpochSecond(1_400_000_000, 99));
  }

  private void modes() throws IOException {
    mode("modes/setuid", 04755);
    mode("modes/setgid", 02750);
    mode("modes/none", 0);
    mode("modes/read-only", 0444);
    mode("modes/all", 07777);
    Files.createDirectories(root.resolve("modes/sticky"));
    Libc.chmod(EntryPath.of(root.resolve("modes/sticky")), Tool.root() ? 01777 : 0777);
    text("modes/locked/file");
    Libc.chmod(EntryPath.of(root.resolve("modes/locked")), 0555);
    if (!Tool.root()) {
      Files.delete(root.resolve("modes/none"));
    }
  }

  private void mode(String name, int mode) throws IOException {
    text(name);
    // Who cannot give files to their owners does not get these bits back.
    Libc.chmod(EntryPath.of(root.resolve(name)), Tool.root() ? mode : mode & 0777);
  }

  private void time(String name, long seconds, int nanos) throws IOException {
    text(name);
    Libc.setModified(EntryPath.of(root.resolve(name)), Instant.ofEpochSecond(seconds, nanos));
  }

  private void text(String name) throws IOException {
    Path file = root.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, "the content of " + name);
  }

  private void bytes(String name, int size) throws IOException {
    byte[] content = new byte[size];
    random.nextBytes(content);
    Path file = root.resolve(name);
    Files.createDirectories(file.getParent());
    Files.write(file, content);
  }

  private void raw(String octets, boolean file) throws IOException {
    Path path = EntryPath.of(root).resolve(new EntryPath(octets)).toPath();
    if (file) {
      Files.writeString(path, "raw");
    } else {
      Files.createDirectories(path);
    }
  }
}
