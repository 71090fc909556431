package io.hybridbackup.common.testing;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/** A folder to which everything happens that happens to files, in an order that a seed gives. */
public final class RestlessTree {
  private static final int KIB = 1024;

  private final Path root;
  private final Random random;
  private int names;

  public RestlessTree(Path root, long seed) throws IOException {
    this.root = Files.createDirectories(root);
    this.random = new Random(seed);
    for (int i = 0; i < 60; i++) {
      add();
    }
  }

  /** Lets several things happen. */
  public void change() throws IOException {
    int changes = 4 + random.nextInt(8);
    for (int i = 0; i < changes; i++) {
      switch (random.nextInt(16)) {
        case 0, 1 -> add();
        case 2 -> editInPlace(file());
        case 3 -> editByRename(file());
        case 4 -> append(file());
        case 5 -> insertInto(file());
        case 6 -> Files.deleteIfExists(file());
        case 7 -> rename(file());
        case 8 -> rename(folder());
        case 9 -> chmod(file());
        case 10 -> chown(file());
        case 11 -> Files.createLink(newPath(), file());
        case 12 -> breakLink(linked());
        case 13 -> becomeFolder(file());
        case 14 -> Files.createSymbolicLink(newPath(), Path.of("../" + random.nextInt()));
        default -> Files.setLastModifiedTime(file(), FileTime.fromMillis(random.nextInt()));
      }
    }
  }

  private void add() throws IOException {
    Files.write(newPath(), bytes(size()));
  }

  /** Tiny, small, with a member of its own, with several. */
  private int size() {
    return switch (random.nextInt(4)) {
      case 0 -> random.nextInt(200);
      case 1 -> random.nextInt(60 * KIB);
      case 2 -> 64 * KIB + random.nextInt(600 * KIB);
      default -> 600 * KIB + random.nextInt(4000 * KIB);
    };
  }

  private byte[] bytes(int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    if (random.nextBoolean()) {
      for (int i = 0; i < count; i++) {
        bytes[i] = (byte) ('a' + (bytes[i] & 7));
      }
    }
    return bytes;
  }

  private void editInPlace(Path file) throws IOException {
    try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
      open.seek(random.nextLong(open.length() + 1));
      open.write(bytes(1 + random.nextInt(100)));
    }
  }

  private void editByRename(Path file) throws IOException {
    Path fresh = newPath();
    byte[] content = Files.readAllBytes(file);
    if (content.length > 0) {
      content[random.nextInt(content.length)]++;
    }
    Files.write(fresh, content);
    Files.move(fresh, file, StandardCopyOption.REPLACE_EXISTING);
  }

  private void append(Path file) throws IOException {
    Files.write(file, bytes(random.nextInt(100 * KIB)), StandardOpenOption.APPEND);
  }

  private void insertInto(Path file) throws IOException {
    byte[] content = Files.readAllBytes(file);
    byte[] more = bytes(1 + random.nextInt(1000));
    int at = random.nextInt(content.length + 1);
    byte[] longer = Arrays.copyOf(content, content.length + more.length);
    System.arraycopy(more, 0, longer, at, more.length);
    System.arraycopy(content, at, longer, at + more.length, content.length - at);
    Files.write(file, longer);
  }

  private void rename(Path path) throws IOException {
    Path to = newPath();
    if (!path.equals(root) && !to.startsWith(path)) {
      Files.move(path, to);
    }
  }

  private void chmod(Path file) throws IOException {
    Files.setPosixFilePermissions(
        file, PosixFilePermissions.fromString(random.nextBoolean() ? "rw-r-----" : "rwxr-xr-x"));
  }

  private void chown(Path file) throws IOException {
    if ("root".equals(System.getProperty("user.name"))) {
      Files.setAttribute(file, "unix:uid", random.nextInt(3), LinkOption.NOFOLLOW_LINKS);
    }
  }

  /** What was one file is two, and nothing but their modes and owners tells. */
  private void breakLink(Path file) throws IOException {
    Path copy = newPath();
    Files.copy(file, copy, StandardCopyOption.COPY_ATTRIBUTES);
    Files.move(copy, file, StandardCopyOption.REPLACE_EXISTING);
    chmod(file);
    chown(file);
  }

  private void becomeFolder(Path file) throws IOException {
    Files.delete(file);
    Files.createDirectory(file);
    Files.write(file.resolve("inside"), bytes(size()));
  }

  private Path newPath() throws IOException {
    Path folder = folder();
    if (random.nextInt(5) == 0) {
      folder = Files.createDirectory(folder.resolve("folder-" + names++));
    }
    return folder.resolve("entry-" + names++);
  }

  private Path folder() throws IOException {
    List<Path> all = all();
    all.removeIf(path -> !Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS));
    return all.get(random.nextInt(all.size()));
  }

  /** A file; a new one if there is none left. */
  private Path file() throws IOException {
    List<Path> all = all();
    all.removeIf(path -> !Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS));
    if (all.isEmpty()) {
      return Files.write(newPath(), bytes(100));
    }
    return all.get(random.nextInt(all.size()));
  }

  /** A file that has several names; any if none has. */
  private Path linked() throws IOException {
    List<Path> all = all();
    all.removeIf(path -> !Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS) || links(path) == 1);
    return all.isEmpty() ? file() : all.get(random.nextInt(all.size()));
  }

  private static int links(Path path) {
    try {
      return (int) Files.getAttribute(path, "unix:nlink", LinkOption.NOFOLLOW_LINKS);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * How many names each file below a folder has; rsync does not tell of names that are too many.
   */
  public static SortedMap<Path, Integer> linkCounts(Path root) throws IOException {
    try (Stream<Path> paths = Files.walk(root)) {
      SortedMap<Path, Integer> counts = new TreeMap<>();
      paths
          .filter(path -> Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS))
          .forEach(path -> counts.put(root.relativize(path), links(path)));
      return counts;
    }
  }

  private List<Path> all() throws IOException {
    try (Stream<Path> paths = Files.walk(root)) {
      return new ArrayList<>(paths.sorted().toList());
    }
  }
}
