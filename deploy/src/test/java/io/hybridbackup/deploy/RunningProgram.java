package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.testing.Commands;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * A program of the product in a process of its own; it ends when the thread does that has started
 * it.
 */
public final class RunningProgram implements AutoCloseable {
  /** The environment variable that names a service's configuration. */
  public static final String CONFIG = "HYBRID_BACKUP_CONFIG";

  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private final Process process;
  private final Path log;
  private final String ready;
  private final long written;

  private RunningProgram(Process process, Path log, String ready, long written) {
    this.process = process;
    this.log = log;
    this.ready = ready;
    this.written = written;
  }

  /**
   * Begins to start a service that runs alone. It and whatever it starts have the configuration's
   * name in their environment, by which they can be found.
   *
   * @param log is appended to
   */
  public static RunningProgram service(String name, Path config, Path log) throws IOException {
    return start(
        log,
        "message=\"started\"",
        Map.of(CONFIG, config.toString()),
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-jar",
        built("hybrid-backup.test." + name).toString(),
        "--config",
        config.toString());
  }

  /** Starts the launcher with {@code standalone} and waits until it is ready. */
  static RunningProgram standalone(Path config, Path log) throws IOException {
    return start(
            log,
            "ready: ",
            Map.of(),
            built("hybrid-backup.test.program").toString(),
            "standalone",
            "--config",
            config.toString())
        .awaitReady();
  }

  private static Path built(String property) {
    String path = System.getProperty(property);
    assertThat(path).as("the system property %s, which the build sets", property).isNotNull();
    assertThat(new File(path)).as("built before this test runs").exists();
    return Path.of(path).normalize();
  }

  /**
   * Begins to start a program.
   *
   * @param ready what it prints when it has started
   */
  public static RunningProgram start(
      Path log, String ready, Map<String, String> environment, String... command)
      throws IOException {
    long written = Files.exists(log) ? Files.size(log) : 0;
    List<String> line = new ArrayList<>(List.of("setpriv", "--pdeathsig", "KILL", "--"));
    line.addAll(List.of(command));
    ProcessBuilder builder =
        new ProcessBuilder(line)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    builder.environment().putAll(environment);
    Process process = builder.start();
    return new RunningProgram(process, log, ready, written);
  }

  /** Waits until it has started. */
  public RunningProgram awaitReady() {
    try {
      await(ready + " in " + log)
          .atMost(PATIENCE)
          .pollInterval(Duration.ofMillis(50))
          .failFast(() -> !process.isAlive())
          .until(() -> read().substring((int) written).contains(ready));
      return this;
    } catch (RuntimeException e) {
      close();
      throw new AssertionError("the program did not start: " + read(), e);
    }
  }

  private String read() {
    try {
      return new String(Files.readAllBytes(log), StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      return e.toString();
    }
  }

  /** Waits until the program runs this native program on something. */
  ProcessHandle awaitChild(String program, String argument) {
    return await(program + " below " + process.pid())
        .atMost(PATIENCE)
        .pollInterval(Duration.ofMillis(5))
        .until(() -> child(program, argument), Optional::isPresent)
        .orElseThrow();
  }

  private Optional<ProcessHandle> child(String program, String argument) {
    return process
        .descendants()
        .filter(child -> child.info().command().orElse("").endsWith("/" + program))
        .filter(child -> List.of(child.info().arguments().orElse(new String[0])).contains(argument))
        .findFirst();
  }

  /** SIGSTOP: the process stays where it is. */
  public static void freeze(ProcessHandle process) {
    Commands.run("kill", "-STOP", Long.toString(process.pid()));
  }

  /** SIGCONT. */
  public static void thaw(ProcessHandle process) {
    Commands.run("kill", "-CONT", Long.toString(process.pid()));
  }

  public ProcessHandle process() {
    return process.toHandle();
  }

  /** SIGKILL. */
  public void kill() {
    process.destroyForcibly();
    awaitEnd();
  }

  /** SIGTERM; returns the exit code. */
  int terminate() {
    process.destroy();
    return awaitEnd();
  }

  @Override
  public void close() {
    process.destroyForcibly();
    awaitEnd();
  }

  private int awaitEnd() {
    try {
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).as("the program ends").isTrue();
      return process.exitValue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }
}
