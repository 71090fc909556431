package io.hybridbackup.common.process;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A native program that runs. Its standard error is read all the while, so it never blocks on it;
 * its standard output is the caller's to read to the end. Closing ends the program if it still
 * runs, and what it has started: SIGTERM first, SIGKILL when it has not gone after two seconds. One
 * that not even that ends, because the kernel holds it up, is left behind two seconds later.
 */
public final class ToolProcess implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ToolProcess.class);
  private static final int ERRORS_KEPT = 8 * 1024;
  private static final long GRACE_SECONDS = 2;

  private final String program;
  private final Process process;
  private final CompletableFuture<String> errors;

  ToolProcess(String program, Process process) {
    this.program = program;
    this.process = process;
    this.errors = new CompletableFuture<>();
    Thread.ofVirtual().name(program + " errors").start(() -> errors.complete(tail()));
  }

  /** What the program reads from its standard input; the caller closes it to end the input. */
  public OutputStream input() {
    return process.getOutputStream();
  }

  /** What the program writes to its standard output. It ends early if the program is closed. */
  public InputStream output() {
    return process.getInputStream();
  }

  /**
   * Waits for the program's end.
   *
   * @return what it wrote to its standard error, at most the last 8 KiB
   * @throws ToolException if its exit code is not 0
   */
  public String await() throws ToolException, InterruptedException {
    int exitCode = exitCode();
    if (exitCode != 0) {
      throw new ToolException(program, exitCode, errors());
    }
    return errors();
  }

  /** Waits for the program's end, whatever its exit code. */
  public int exitCode() throws InterruptedException {
    return process.waitFor();
  }

  /** What it wrote to its standard error, at most the last 8 KiB; known once it has ended. */
  public String errors() {
    return errors.join();
  }

  /** Hands each line of the standard output to {@code line}, then waits for the program's end. */
  public String awaitLines(Consumer<String> line) throws ToolException, InterruptedException {
    return awaitLines(StandardCharsets.UTF_8, line);
  }

  /** As {@link #awaitLines(Consumer)}, of an output that is written in another way. */
  public String awaitLines(Charset charset, Consumer<String> line)
      throws ToolException, InterruptedException {
    try (BufferedReader reader = new BufferedReader(new InputStreamReader(output(), charset))) {
      for (String next = reader.readLine(); next != null; next = reader.readLine()) {
        line.accept(next);
      }
    } catch (IOException e) {
      if (process.isAlive()) {
        throw new UncheckedIOException(e);
      }
    }
    return await();
  }

  @Override
  public void close() {
    if (!process.isAlive()) {
      return;
    }
    // A configured program may be a script around the real one, which holds the pipes as well.
    List<ProcessHandle> all =
        Stream.concat(Stream.of(process.toHandle()), process.descendants()).toList();
    all.forEach(ProcessHandle::destroy);
    boolean interrupted = awaitEnd();
    all.forEach(ProcessHandle::destroyForcibly);
    interrupted |= awaitEnd();
    if (process.isAlive()) {
      LOG.atWarn()
          .addKeyValue("program", program)
          .addKeyValue("pid", process.pid())
          .log("does not end although it was killed; it is left behind, check its disks");
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Waits for a while; gives whether it was interrupted. */
  private boolean awaitEnd() {
    try {
      boolean _ = process.waitFor(GRACE_SECONDS, TimeUnit.SECONDS);
      return false;
    } catch (InterruptedException e) {
      return true;
    }
  }

  private String tail() {
    StringBuilder text = new StringBuilder();
    try (InputStreamReader reader =
        new InputStreamReader(process.getErrorStream(), StandardCharsets.UTF_8)) {
      char[] buffer = new char[2048];
      for (int count = reader.read(buffer); count >= 0; count = reader.read(buffer)) {
        text.append(buffer, 0, count);
        if (text.length() > ERRORS_KEPT) {
          text.delete(0, text.length() - ERRORS_KEPT);
        }
      }
    } catch (IOException e) {
      text.append(" (its error output broke off: ").append(e.getMessage()).append(')');
    }
    return text.toString().strip();
  }
}
