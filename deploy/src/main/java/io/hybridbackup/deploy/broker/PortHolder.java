package io.hybridbackup.deploy.broker;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** Finds out who listens on a port, as far as Linux lets us see it. */
final class PortHolder {
  private static final String LISTENING = "0A";

  private PortHolder() {}

  /** For a message: {@code process 1234 (java)}, or {@code another program}. */
  static String describe(int port) {
    try {
      return holder(sockets(port))
          .map(process -> "process " + process.getFileName() + name(process))
          .orElse("another program");
    } catch (IOException e) {
      return "another program";
    }
  }

  private static String name(Path process) {
    try {
      return " (" + Files.readString(process.resolve("comm")).strip() + ")";
    } catch (IOException e) {
      return "";
    }
  }

  /** The sockets that listen on the port, as links in {@code /proc} show them. */
  private static Set<String> sockets(int port) throws IOException {
    String suffix = String.format(Locale.ROOT, ":%04X", port);
    Set<String> sockets = new HashSet<>();
    for (String table : List.of("/proc/net/tcp", "/proc/net/tcp6")) {
      for (String line : Files.readAllLines(Path.of(table))) {
        List<String> columns = List.of(line.strip().split("\\s+"));
        if (columns.get(1).endsWith(suffix) && columns.get(3).equals(LISTENING)) {
          sockets.add("socket:[" + columns.get(9) + "]");
        }
      }
    }
    return sockets;
  }

  private static Optional<Path> holder(Set<String> sockets) throws IOException {
    try (DirectoryStream<Path> processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (Path process : processes) {
        if (holds(process, sockets)) {
          return Optional.of(process);
        }
      }
    }
    return Optional.empty();
  }

  private static boolean holds(Path process, Set<String> sockets) {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(process.resolve("fd"))) {
      for (Path file : files) {
        if (sockets.contains(Files.readSymbolicLink(file).toString())) {
          return true;
        }
      }
    } catch (IOException e) {
      // The process has ended, or belongs to another user.
      return false;
    }
    return false;
  }
}
