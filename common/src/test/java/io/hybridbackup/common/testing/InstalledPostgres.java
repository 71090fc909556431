package io.hybridbackup.common.testing;

import static java.util.Objects.requireNonNull;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipalNotFoundException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.util.FileSystemUtils;

/** A server of the installed programs, in a folder of its own; it ends when this process does. */
final class InstalledPostgres implements PostgresTestServer.Engine {
  private final Path programs;
  private final Path folder;
  private final int port;
  private @Nullable Process process;

  /** An empty server. */
  InstalledPostgres(Path programs) {
    this(
        programs,
        data ->
            List.of(
                "initdb",
                "--pgdata=" + data,
                "--username=" + PostgresTestServer.USER,
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync"));
    try {
      Files.writeString(data().resolve("pg_hba.conf"), PostgresTestServer.ACCESS);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A hot standby of another server. */
  static InstalledPostgres standby(Path programs, int primaryPort) {
    return new InstalledPostgres(
        programs,
        data ->
            List.of(
                "pg_basebackup",
                "--pgdata=" + data,
                "--host=" + PostgresTestServer.HOST,
                "--port=" + primaryPort,
                "--username=" + PostgresTestServer.USER,
                "--checkpoint=fast",
                "--write-recovery-conf",
                "--no-sync"));
  }

  private InstalledPostgres(Path programs, Function<Path, List<String>> filling) {
    this.programs = programs;
    try {
      folder = Files.createTempDirectory("postgres");
      // Another user than root has to come through.
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx--x--x"));
      port = freePort();
      for (String name : List.of("data", "socket")) {
        Path made = Files.createDirectory(folder.resolve(name));
        Files.setPosixFilePermissions(made, PosixFilePermissions.fromString("rwx------"));
        if (Commands.root()) {
          Files.setOwner(
              made,
              FileSystems.getDefault()
                  .getUserPrincipalLookupService()
                  .lookupPrincipalByName(owner()));
        }
      }
      List<String> command = filling.apply(data());
      Commands.run(
          Map.of(),
          asOwner(command.getFirst(), command.subList(1, command.size()).toArray(String[]::new)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The folder of the newest server's programs; empty if none is installed. */
  static Optional<Path> programs() {
    Stream<Path> onPath =
        Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1))
            .filter(folder -> !folder.isEmpty())
            .map(Path::of);
    return Stream.concat(
            Stream.concat(versions("/usr/lib/postgresql"), versions("/usr/pgsql")), onPath)
        .filter(folder -> Files.isExecutable(folder.resolve("initdb")))
        .filter(folder -> Files.isExecutable(folder.resolve("pg_dump")))
        .findFirst();
  }

  @Override
  public int port() {
    return port;
  }

  @Override
  public void start() {
    try {
      process =
          new ProcessBuilder(
                  asOwner(
                      "postgres",
                      "-D",
                      data().toString(),
                      "-p",
                      Integer.toString(port),
                      "-c",
                      "listen_addresses=" + PostgresTestServer.HOST,
                      "-c",
                      "unix_socket_directories=" + folder.resolve("socket"),
                      "-c",
                      "fsync=off",
                      "-c",
                      "wal_level=logical",
                      "-c",
                      "max_prepared_transactions=8"))
              .directory(folder.toFile())
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.appendTo(folder.resolve("log").toFile()))
              .start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public boolean isRunning() {
    return process != null && process.isAlive();
  }

  @Override
  public String log() {
    try {
      return Files.readString(folder.resolve("log"));
    } catch (IOException e) {
      return e.toString();
    }
  }

  @Override
  public void stop() {
    if (process == null || !process.isAlive()) {
      return;
    }
    try {
      Commands.run("kill", "-INT", Long.toString(process.pid()));
      if (!process.waitFor(20, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new AssertionError("PostgreSQL does not stop: " + log());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void remove() {
    try {
      FileSystemUtils.deleteRecursively(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Path data() {
    return folder.resolve("data");
  }

  /** PostgreSQL refuses to run as root. */
  private List<String> asOwner(String program, String... arguments) {
    List<String> command = new ArrayList<>(List.of("setpriv", "--pdeathsig", "INT"));
    if (Commands.root()) {
      String owner = owner();
      command.addAll(
          List.of(
              "--reuid",
              Commands.run("id", "-u", owner).strip(),
              "--regid",
              Commands.run("id", "-g", owner).strip(),
              "--clear-groups"));
    }
    command.addAll(List.of("--", programs.resolve(program).toString()));
    command.addAll(List.of(arguments));
    return command;
  }

  private static String owner() {
    try {
      return requireNonNull(
              FileSystems.getDefault()
                  .getUserPrincipalLookupService()
                  .lookupPrincipalByName("postgres"))
          .getName();
    } catch (UserPrincipalNotFoundException e) {
      return "nobody";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Stream<Path> versions(String prefix) {
    Path path = Path.of(prefix);
    // Debian: /usr/lib/postgresql/15/bin; Red Hat: /usr/pgsql-15/bin.
    Path parent = Files.isDirectory(path) ? path : requireNonNull(path.getParent());
    String begin = Files.isDirectory(path) ? "" : path.toFile().getName() + "-";
    try (Stream<Path> found = Files.list(parent)) {
      return found
          .filter(folder -> folder.toFile().getName().matches(begin + "\\d+"))
          .sorted(Comparator.comparingInt(InstalledPostgres::version).reversed())
          .map(folder -> folder.resolve("bin"))
          .toList()
          .stream();
    } catch (IOException e) {
      return Stream.empty();
    }
  }

  private static int version(Path folder) {
    return Integer.parseInt(folder.toFile().getName().replaceAll("\\D", ""));
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
