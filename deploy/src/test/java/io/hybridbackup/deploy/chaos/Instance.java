package io.hybridbackup.deploy.chaos;

import static java.util.Objects.requireNonNull;

import io.hybridbackup.deploy.RunningProgram;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One of the programs of a service: it is killed and started again, frozen and thawed. */
final class Instance {
  private final String service;
  private final String name;
  private final Path config;
  private final Path log;
  private @Nullable RunningProgram program;
  private boolean ready;
  private boolean frozen;

  /**
   * @param service such as {@code packager}
   * @param name unique
   */
  Instance(String service, String name, Path config, Path log) {
    this.service = service;
    this.name = name;
    this.config = config;
    this.log = log;
  }

  String service() {
    return service;
  }

  /** Starts it; it ends when the calling thread does. */
  synchronized void begin() throws IOException {
    program = RunningProgram.service(service, config, log);
    frozen = false;
  }

  void awaitReady() {
    RunningProgram _ = program().awaitReady();
    synchronized (this) {
      ready = true;
    }
  }

  private synchronized RunningProgram program() {
    return requireNonNull(program);
  }

  /** Whether it has started and neither been killed nor frozen since. */
  synchronized boolean isWell() {
    return ready && !frozen && program().process().isAlive();
  }

  /** Whether it runs; gives false if it does not, and was not killed either. */
  synchronized boolean isAsItShouldBe() {
    return !ready || program().process().isAlive();
  }

  /** SIGKILL, for the service alone; gives the native programs that it had started. */
  synchronized List<ProcessHandle> kill() {
    ready = false;
    List<ProcessHandle> children = program().process().descendants().toList();
    program().kill();
    return children;
  }

  /** SIGSTOP, for the service alone and not for the native programs that it has started. */
  synchronized void freeze() {
    if (program().process().isAlive()) {
      frozen = true;
      RunningProgram.freeze(program().process());
    }
  }

  /** SIGCONT, if it has not been killed meanwhile. */
  synchronized void thaw() {
    if (frozen && program().process().isAlive()) {
      RunningProgram.thaw(program().process());
    }
    frozen = false;
  }

  @Override
  public String toString() {
    return name;
  }
}
