package io.hybridbackup.dbdump;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.process.ToolCommand;
import io.hybridbackup.common.process.ToolException;
import io.hybridbackup.common.process.ToolProcess;
import java.io.IOException;
import java.util.List;

/**
 * What a dump names and does not hold: roles, their memberships and tablespaces of the server, as
 * the SQL of the real pg_dumpall, without passwords.
 */
final class Globals {
  /** Some 40,000 roles. It is kept in memory. */
  private static final int MOST_BYTES = 8 * 1024 * 1024;

  private static final String LAST_WORDS = "PostgreSQL database cluster dump complete";

  private Globals() {}

  /**
   * Reads them, as the user that dumps the database and through a connection to it.
   *
   * @param program pg_dumpall
   */
  static byte[] dump(NativeTools tools, String program, Postgres postgres, Work work)
      throws ComponentFailure, InterruptedException {
    ToolCommand command =
        new ToolCommand(
            program,
            List.of(
                "--globals-only",
                // They lie where only a superuser may read.
                "--no-role-passwords",
                "--no-password",
                "--database=" + postgres.name()),
            postgres.toolEnvironment());
    try (ToolProcess process = tools.start(command)) {
      work.own(process);
      try {
        byte[] sql = process.output().readNBytes(MOST_BYTES + 1);
        if (sql.length > MOST_BYTES) {
          throw failure(
              FailureCode.TOOL_FAILED,
              "%s writes more than %d MiB about the roles of the server of %s"
                  .formatted(program, MOST_BYTES >> 20, postgres),
              "drop those that are not needed");
        }
        process.await();
        if (!new String(sql, UTF_8).contains(LAST_WORDS)) {
          throw failure(
              FailureCode.TOOL_FAILED,
              "%s has not written all there is about the roles of the server of %s"
                  .formatted(program, postgres),
              "correct hybrid-backup.tools.pg-dumpall");
        }
        return sql;
      } finally {
        work.disown(process);
      }
    } catch (ToolException e) {
      if (e.errors().contains("permission denied")) {
        throw failure(
            FailureCode.DATABASE_PERMISSION,
            "%s may not read the roles and tablespaces of the server of %s as user %s: %s"
                .formatted(program, postgres, postgres.user(), e.errors()),
            "GRANT SELECT on what that names, in this database, to " + postgres.user());
      }
      throw postgres.failure(e);
    } catch (IOException e) {
      throw ComponentFailure.passing(
          FailureCode.INTERNAL, "the roles could not be read: " + e.getMessage(), e);
    }
  }

  private static ComponentFailure failure(FailureCode code, String finding, String cure) {
    return ComponentFailure.permanent(
        code, finding + "; " + cure + ", or take include-globals out of the source", null);
  }
}
