package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.archive.ArchiveEntry;
import io.hybridbackup.common.archive.EntryPath;
import io.hybridbackup.common.archive.EscapedPath;
import java.nio.charset.Charset;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** Entries as {@code tar tv} prints them; columns widen as wider entries come. For one thread. */
final class EntryLine {
  private static final String PERMISSIONS = "rwxrwxrwx";

  private final DateTimeFormatter time;
  private final Charset shown;
  private int width = 19;

  /**
   * @param zone of the times
   * @param shown what the terminal or file can have; everything else is escaped
   */
  EntryLine(ZoneId zone, Charset shown) {
    this.time = DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss", Locale.ROOT).withZone(zone);
    this.shown = shown;
  }

  Charset shown() {
    return shown;
  }

  /** The entry's line, with its end. */
  String of(ArchiveEntry entry) {
    String owners = owner(entry.user(), entry.uid()) + "/" + owner(entry.group(), entry.gid());
    ArchiveEntry.Device device = entry.device();
    String size =
        device == null ? Long.toString(entry.size()) : device.major() + "," + device.minor();
    width = Math.max(width, owners.length() + 1 + size.length());
    StringBuilder line = new StringBuilder(mode(entry)).append(' ').append(owners);
    line.repeat(' ', width - owners.length() - size.length()).append(size);
    line.append(' ').append(time.format(entry.modified())).append(' ').append(name(entry.path()));
    EntryPath target = entry.target();
    switch (entry.type()) {
      case FOLDER -> line.append('/');
      case SYMLINK -> line.append(" -> ").append(target == null ? "?" : name(target));
      case HARDLINK -> line.append(" link to ").append(target == null ? "?" : name(target));
      case FILE, FIFO, CHARACTER_DEVICE, BLOCK_DEVICE -> {}
    }
    return line.append('\n').toString();
  }

  private String owner(String name, long number) {
    return name.isEmpty() ? Long.toString(number) : name(EntryPath.of(name));
  }

  private String name(EntryPath path) {
    return EscapedPath.of(path, shown);
  }

  private static String mode(ArchiveEntry entry) {
    StringBuilder mode = new StringBuilder(10).append(letter(entry.type()));
    for (int i = 0; i < 9; i++) {
      mode.append((entry.mode() & (0400 >> i)) == 0 ? '-' : PERMISSIONS.charAt(i));
    }
    special(mode, 3, (entry.mode() & 04000) != 0, 's');
    special(mode, 6, (entry.mode() & 02000) != 0, 's');
    special(mode, 9, (entry.mode() & 01000) != 0, 't');
    return mode.toString();
  }

  private static void special(StringBuilder mode, int at, boolean set, char letter) {
    if (set) {
      mode.setCharAt(at, mode.charAt(at) == 'x' ? letter : Character.toUpperCase(letter));
    }
  }

  private static char letter(ArchiveEntry.Type type) {
    return switch (type) {
      case FILE -> '-';
      case FOLDER -> 'd';
      case SYMLINK -> 'l';
      case HARDLINK -> 'h';
      case FIFO -> 'p';
      case CHARACTER_DEVICE -> 'c';
      case BLOCK_DEVICE -> 'b';
    };
  }
}
