package io.hybridbackup.restore;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.process.ToolCommand;
import io.hybridbackup.common.process.ToolException;
import io.hybridbackup.common.process.ToolProcess;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** The program that fills databases from dumps. */
final class PgRestore {
  private final NativeTools tools;
  private final String program;
  private final int jobs;

  /**
   * @param jobs how many connections fill a database at the same time
   */
  PgRestore(NativeTools tools, String program, int jobs) {
    this.tools = tools;
    this.program = program;
    this.jobs = jobs;
  }

  /** Makes sure that it can read such dumps and write to such a server. */
  void requireFit(Postgres database, String dumpedBy, String serverVersion)
      throws ComponentFailure, InterruptedException {
    String version = Postgres.toolVersion(tools, program);
    Postgres.requireReadable(program, version, dumpedBy);
    database.requireAtLeast(program, version, serverVersion);
  }

  /** What the dump wants of a server. */
  DumpSchema schema(Path dump, Postgres database, Work work)
      throws ComponentFailure, InterruptedException {
    StringBuilder sql = new StringBuilder();
    run(
        ToolCommand.of(
            program, "--create", "--schema-only", "--no-tablespaces", "--file=-", dump.toString()),
        line -> sql.append(line).append('\n'),
        database,
        work);
    return DumpSchema.parse(sql);
  }

  /**
   * Fills a database.
   *
   * @param owners whether owners and grants are restored
   */
  void fill(Postgres database, Path dump, ChosenObjects chosen, boolean owners, Work work)
      throws ComponentFailure, InterruptedException {
    run(
        new ToolCommand(
            program, arguments(database.name(), dump, chosen, owners), database.toolEnvironment()),
        line -> {},
        database,
        work);
  }

  private List<String> arguments(String database, Path dump, ChosenObjects chosen, boolean owners) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "--no-password",
                "--exit-on-error",
                "--jobs=" + jobs,
                "--dbname=dbname='" + database + "'"));
    if (!owners) {
      arguments.addAll(List.of("--no-owner", "--no-privileges"));
    }
    arguments.addAll(chosen.arguments());
    arguments.add(dump.toString());
    return arguments;
  }

  private void run(ToolCommand command, Consumer<String> line, Postgres database, Work work)
      throws ComponentFailure, InterruptedException {
    try (ToolProcess process = tools.start(command)) {
      work.own(process);
      try {
        process.awaitLines(line);
      } finally {
        work.disown(process);
      }
    } catch (ToolException e) {
      throw failure(e, database);
    }
  }

  /** Only a connection that broke off can be better the next time. */
  private static ComponentFailure failure(ToolException e, Postgres database) {
    ComponentFailure failure = database.failure(e);
    boolean connection =
        Stream.of("could not connect", "connection to server", "server closed", "terminating")
            .anyMatch(e.errors()::contains);
    return failure.retryable() && !connection
        ? ComponentFailure.permanent(
            FailureCode.TOOL_FAILED,
            failure.getMessage()
                + "; make what is missing (roles, extensions), or restore into another server",
            e)
        : failure;
  }
}
