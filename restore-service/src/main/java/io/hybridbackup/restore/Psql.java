package io.hybridbackup.restore;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.process.ToolCommand;
import io.hybridbackup.common.process.ToolException;
import io.hybridbackup.common.process.ToolProcess;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.Map;

/** The program that carries out SQL which pg_restore has written. */
record Psql(NativeTools tools, String program) {
  /** What it is given to carry out. */
  interface Script {
    void writeTo(OutputStream input) throws ComponentFailure, IOException, InterruptedException;
  }

  /** Makes sure that it understands what a pg_restore of that version writes. */
  void requireVersion(String ofPgRestore) throws ComponentFailure, InterruptedException {
    String version = Postgres.toolVersion(tools, program);
    if (!version.equals(ofPgRestore)) {
      throw ComponentFailure.permanent(
          FailureCode.TOOL_TOO_OLD,
          "%s is of version %s and pg_restore of %s; name both of one version under hybrid-backup.tools"
              .formatted(program, version, ofPgRestore),
          null);
    }
  }

  /**
   * Carries a script out, up to the first error. What it has not committed by its end is not done.
   *
   * @param environment by which it finds the database
   */
  void run(Postgres database, Map<String, String> environment, Script script, Work work)
      throws ComponentFailure, IOException, InterruptedException {
    ToolCommand command =
        new ToolCommand(
            program,
            List.of(
                "--no-psqlrc",
                "--no-password",
                "--quiet",
                "--set=ON_ERROR_STOP=1",
                "--output=/dev/null",
                "--file=-"),
            environment);
    try (ToolProcess process = tools.startFed(command)) {
      work.own(process);
      try {
        feed(process, script);
      } finally {
        work.disown(process);
      }
    } catch (ToolException e) {
      throw failure(e, database);
    }
  }

  private static ComponentFailure failure(ToolException e, Postgres database) {
    boolean waited =
        e.errors().contains("lock timeout") || e.errors().contains("deadlock detected");
    return waited
        ? ComponentFailure.passing(
            FailureCode.TARGET_IN_USE,
            "sessions at database "
                + database
                + " hold what is to be overwritten; stop them: "
                + e.errors(),
            e)
        : PgRestore.failure(e, database);
  }

  private static void feed(ToolProcess process, Script script)
      throws ComponentFailure, ToolException, IOException, InterruptedException {
    try (OutputStream input = process.input()) {
      script.writeTo(input);
    } catch (IOException e) {
      // It has ended early; why, it says itself.
      String _ = process.await();
      throw e;
    }
    String _ = process.await();
  }
}
