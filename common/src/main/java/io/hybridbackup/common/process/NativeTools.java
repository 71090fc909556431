package io.hybridbackup.common.process;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Starts native programs.
 *
 * <p>Where {@code setpriv} is installed (util-linux), a program is killed by the kernel as soon as
 * this process is gone, however it went. The kernel ties that to the thread that started the
 * program, so one thread that lives as long as this object starts them all. It does so for none
 * that the program has forked, such as the workers of pg_restore; with {@code setsid} (util-linux
 * too) all of them are a process group of their own, and a shell that outlives this process kills
 * that.
 *
 * <p>Where {@code flock} is installed (util-linux too), a program can hold a lock on a file that
 * outlasts this process: what it leaves behind nevertheless, or what runs on while it is frozen,
 * keeps others out for as long as it lives.
 */
public final class NativeTools implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(NativeTools.class);

  /** They beat the host or the settings that a command names. */
  private static final Set<String> UNWANTED =
      Set.of("PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGOPTIONS");

  private final ExecutorService starter =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().name("tool-starter").daemon().factory());
  private final Optional<String> setpriv = find("setpriv");
  private final Optional<String> setsid = find("setsid");
  private final Optional<String> flock = find("flock");
  private final Set<Process> running = ConcurrentHashMap.newKeySet();

  public NativeTools() {
    if (setpriv.isEmpty() || setsid.isEmpty()) {
      LOG.warn(
          "setpriv or setsid was not found: native programs may outlive this service if it is killed;"
              + " install util-linux");
    }
    if (flock.isEmpty()) {
      LOG.warn(
          "flock was not found: a native program that outlives this service may disturb the next"
              + " one; install util-linux");
    }
  }

  /**
   * Starts a program with messages in English and an empty standard input. The caller closes it.
   *
   * @throws ToolException if there is no such program or it cannot be run
   */
  public ToolProcess start(ToolCommand command) throws ToolException, InterruptedException {
    return start(command, List.of(), ProcessBuilder.Redirect.from(new File("/dev/null")));
  }

  /**
   * As {@link #start(ToolCommand)}, but the program holds a lock on a file, which is made if need
   * be, until it has ended and so has everything that it has started. If another holds it, the
   * program is not run, and the exit code is {@link ToolException#LOCKED}.
   */
  public ToolProcess startHolding(Path lock, ToolCommand command)
      throws ToolException, InterruptedException {
    List<String> holding =
        flock
            .map(path ->
                List.of(
                    path,
                    "--no-fork",
                    "--nonblock",
                    "--conflict-exit-code",
                    Integer.toString(ToolException.LOCKED),
                    lock.toString()))
            .orElse(List.of());
    return start(command, holding, ProcessBuilder.Redirect.from(new File("/dev/null")));
  }

  /**
   * As {@link #start(ToolCommand)}, but the program reads what is written to {@link
   * ToolProcess#input}.
   */
  public ToolProcess startFed(ToolCommand command) throws ToolException, InterruptedException {
    return start(command, List.of(), ProcessBuilder.Redirect.PIPE);
  }

  private ToolProcess start(
      ToolCommand command, List<String> launcher, ProcessBuilder.Redirect input)
      throws ToolException, InterruptedException {
    String program =
        find(command.program())
            .orElseThrow(() ->
                new ToolException(
                    command.program(),
                    ToolException.NOT_STARTED,
                    "it is not installed or not in PATH"));
    List<String> line = new ArrayList<>();
    setpriv.ifPresent(path -> line.addAll(List.of(path, "--pdeathsig", "KILL", "--")));
    setsid.ifPresent(line::add);
    line.addAll(launcher);
    line.add(program);
    line.addAll(command.arguments());
    ProcessBuilder builder = new ProcessBuilder(line).redirectInput(input);
    prepare(builder.environment(), command);
    try {
      Process process = starter.submit(() -> started(builder)).get();
      running.add(process);
      CompletableFuture<Boolean> _ = process.onExit().thenApply(running::remove);
      return new ToolProcess(command.program(), process);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException cause) {
        throw new ToolException(
            command.program(), ToolException.NOT_STARTED, String.valueOf(cause.getMessage()));
      }
      throw new IllegalStateException(e);
    }
  }

  private Process started(ProcessBuilder builder) throws IOException {
    Process process = builder.start();
    try {
      watch(process);
    } catch (IOException e) {
      process.destroyForcibly();
      throw e;
    }
    return process;
  }

  /** Has the program's group killed when this process is gone, which ends the watcher's input. */
  private void watch(Process program) throws IOException {
    if (setsid.isEmpty()) {
      return;
    }
    Process watcher =
        new ProcessBuilder(
                setsid.get(),
                "sh",
                "-c",
                "read -r _; kill -KILL \"-$0\"",
                Long.toString(program.pid()))
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    CompletableFuture<Process> _ = program.onExit().thenApply(_ -> watcher.destroyForcibly());
  }

  /** Makes the environment of this service the program's. */
  static void prepare(Map<String, String> environment, ToolCommand command) {
    environment.keySet().removeAll(UNWANTED);
    environment.put("LC_ALL", "C.UTF-8");
    environment.putAll(command.environment());
  }

  /** Runs a program to its end and returns its standard output. For little output. */
  public String run(ToolCommand command) throws ToolException, InterruptedException {
    try (ToolProcess process = start(command)) {
      return outputOf(process);
    }
  }

  /**
   * As {@link #run(ToolCommand)}, but a program that takes longer than that is ended.
   *
   * @throws ToolException also if it was, with {@link ToolException#TOO_SLOW}
   */
  public String run(ToolCommand command, Duration limit)
      throws ToolException, InterruptedException {
    try (ToolProcess process = start(command)) {
      // Where the kernel holds the program up, nothing ends the reading of its output.
      FutureTask<String> output = new FutureTask<>(() -> outputOf(process));
      Thread _ = Thread.ofPlatform().daemon().name(command.program() + " output").start(output);
      return output.get(limit.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw new ToolException(
          command.program(),
          ToolException.TOO_SLOW,
          "it took longer than " + limit.toSeconds() + " s");
    } catch (ExecutionException e) {
      if (e.getCause() instanceof ToolException cause) {
        throw cause;
      }
      throw new IllegalStateException(e);
    }
  }

  private static String outputOf(ToolProcess process) throws ToolException, InterruptedException {
    StringBuilder output = new StringBuilder();
    process.awaitLines(line -> output.append(line).append('\n'));
    return output.toString();
  }

  /** Whether this process, and the programs that it starts, may do everything. */
  public static boolean isRoot() {
    try {
      return Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0);
    } catch (IOException e) {
      throw new UncheckedIOException("/proc is not there; this needs Linux", e);
    }
  }

  /** Programs that still run are killed where setpriv is installed. */
  @Override
  public void close() {
    // A program that has only just begun is not tied to the thread yet.
    running.forEach(Process::destroyForcibly);
    starter.shutdownNow();
  }

  /** Where a program is; empty if it is not installed or may not be run. */
  public static Optional<String> find(String program) {
    if (program.indexOf('/') >= 0) {
      return Files.isExecutable(Path.of(program)) ? Optional.of(program) : Optional.empty();
    }
    String path = System.getenv().getOrDefault("PATH", "/usr/local/bin:/usr/bin:/bin");
    for (String folder : path.split(":", -1)) {
      Path candidate = Path.of(folder.isEmpty() ? "." : folder, program);
      if (Files.isRegularFile(candidate) && Files.isExecutable(candidate)) {
        return Optional.of(candidate.toString());
      }
    }
    return Optional.empty();
  }
}
