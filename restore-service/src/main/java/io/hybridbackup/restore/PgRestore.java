package io.hybridbackup.restore;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.process.ToolCommand;
import io.hybridbackup.common.process.ToolException;
import io.hybridbackup.common.process.ToolProcess;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The program that fills databases from dumps. */
final class PgRestore {
  private static final Logger LOG = LoggerFactory.getLogger(PgRestore.class);

  /** What writing to a program says that has ended. */
  private static final List<String> NOBODY_READS = List.of("Broken pipe", "Stream closed");

  private static final List<String> WITHOUT_OWNERS = List.of("--no-owner", "--no-privileges");

  /** Of a list of contents: numbers, then what it is. */
  private static final Pattern ENTRY = Pattern.compile("\\d+; \\d+ \\d+ (.*)");

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

  /** Where a dump comes from. */
  @FunctionalInterface
  interface DumpSource {
    /** Writes it, until that fails because nobody wants more of it. */
    void writeTo(OutputStream out) throws IOException;
  }

  /** What the dump wants of a server. That stands at its beginning, and no more is read, twice. */
  DumpSchema schema(DumpSource dump, Postgres database, Work work)
      throws ComponentFailure, IOException, InterruptedException {
    StringBuilder sql = new StringBuilder();
    read(
        ToolCommand.of(program, "--create", "--schema-only", "--no-tablespaces", "--file=-"),
        dump,
        line -> sql.append(line).append('\n'),
        database,
        work);
    Set<String> owners = new TreeSet<>();
    read(
        ToolCommand.of(program, "--list"),
        dump,
        line -> DumpSchema.ownerOfLargeObjects(line).ifPresent(owners::add),
        database,
        work);
    return DumpSchema.parse(sql, owners);
  }

  private void read(
      ToolCommand command, DumpSource dump, Consumer<String> line, Postgres database, Work work)
      throws ComponentFailure, IOException, InterruptedException {
    try (ToolProcess process = tools.startFed(command)) {
      FutureTask<Boolean> feeding = new FutureTask<>(() -> feed(process, dump));
      Thread _ = Thread.ofPlatform().daemon().name("dump to " + program).start(feeding);
      work.own(process);
      try {
        // A dump is written in its database's encoding.
        process.awaitLines(ISO_8859_1, line);
      } catch (ToolException e) {
        requireFed(feeding);
        throw e;
      } finally {
        work.disown(process);
      }
    } catch (ToolException e) {
      throw failure(e, database);
    }
  }

  /** What broke the dump off says more than a program that misses its end. */
  private static void requireFed(FutureTask<Boolean> feeding)
      throws IOException, InterruptedException {
    try {
      boolean _ = feeding.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException failure
          && NOBODY_READS.stream().noneMatch(said(failure)::contains)) {
        throw failure;
      }
      if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      LOG.debug("the program read no more of the dump", e);
    }
  }

  private static String said(IOException failure) {
    return String.valueOf(failure.getMessage());
  }

  private static boolean feed(ToolProcess process, DumpSource dump) throws IOException {
    try (OutputStream input = process.input()) {
      dump.writeTo(input);
    }
    return true;
  }

  /** As it says itself. */
  String version() throws ComponentFailure, InterruptedException {
    return Postgres.toolVersion(tools, program);
  }

  /** Reads a dump to its end, and changes nothing. */
  void verify(Path dump, Postgres database, Work work)
      throws ComponentFailure, InterruptedException {
    run(ToolCommand.of(program, "--file=/dev/null", dump.toString()), line -> {}, database, work);
  }

  /**
   * Writes the SQL that restores a dump into a database which has its extensions already. It ends
   * by committing the transaction that it is in, and not before.
   *
   * @param present what is there already, as a list of contents has it: {@code SCHEMA - letters}
   * @param owners whether owners and grants are restored
   */
  void write(
      Path dump,
      List<String> present,
      boolean owners,
      OutputStream sql,
      Postgres database,
      Work work)
      throws ComponentFailure, IOException, InterruptedException {
    String wanted = contents(dump, present, database, work);
    List<String> arguments =
        new ArrayList<>(List.of("--use-list=/dev/stdin", "--single-transaction", "--file=-"));
    if (!owners) {
      arguments.addAll(WITHOUT_OWNERS);
    }
    arguments.add(dump.toString());
    try (ToolProcess process = tools.startFed(ToolCommand.of(program).with(arguments))) {
      work.own(process);
      try {
        try (OutputStream list = process.input()) {
          list.write(wanted.getBytes(StandardCharsets.UTF_8));
        }
        long _ = process.output().transferTo(sql);
        String _ = process.await();
      } finally {
        work.disown(process);
      }
    } catch (ToolException e) {
      throw failure(e, database);
    }
  }

  /** What a dump has besides extensions and what is there already. */
  private String contents(Path dump, List<String> present, Postgres database, Work work)
      throws ComponentFailure, InterruptedException {
    List<String> left = new ArrayList<>(List.of("EXTENSION - ", "COMMENT - EXTENSION "));
    present.forEach(one -> left.add(one + " "));
    StringBuilder wanted = new StringBuilder();
    run(
        ToolCommand.of(program, "--list", dump.toString()),
        line -> {
          Matcher entry = ENTRY.matcher(line);
          if (entry.matches() && left.stream().noneMatch(entry.group(1)::startsWith)) {
            wanted.append(line).append('\n');
          }
        },
        database,
        work);
    return wanted.toString();
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

  /**
   * Fills a database which has its extensions already.
   *
   * @param present what is there already, as a list of contents has it: {@code SCHEMA - letters}
   * @param owners whether owners and grants are restored
   */
  void fillUp(Postgres database, Path dump, List<String> present, boolean owners, Work work)
      throws ComponentFailure, IOException, InterruptedException {
    String wanted = contents(dump, present, database, work);
    List<String> arguments = new ArrayList<>(List.of("--use-list=/dev/stdin"));
    arguments.addAll(
        arguments(database.name(), dump, new ChosenObjects(RestoreOptions.NONE), owners));
    try (ToolProcess process =
        tools.startFed(new ToolCommand(program, arguments, database.toolEnvironment()))) {
      work.own(process);
      try {
        try (OutputStream list = process.input()) {
          list.write(wanted.getBytes(StandardCharsets.UTF_8));
        }
        String _ = process.awaitLines(line -> {});
      } finally {
        work.disown(process);
      }
    } catch (ToolException e) {
      throw failure(e, database);
    }
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
      arguments.addAll(WITHOUT_OWNERS);
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
  static ComponentFailure failure(ToolException e, Postgres database) {
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
