package io.hybridbackup.common.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class NativeToolsTest {
  private final NativeTools tools = new NativeTools();

  @AfterEach
  void closeTools() {
    tools.close();
  }

  @Test
  void shouldGiveWhatAProgramPrints() throws Exception {
    assertThat(tools.run(ToolCommand.of("printf", "%s\\n", "a b", "$HOME")))
        .isEqualTo("a b\n$HOME\n");
  }

  @Test
  void shouldGiveAProgramNothingToRead() throws Exception {
    assertThat(tools.run(ToolCommand.of("cat"))).isEmpty();
  }

  @Test
  void shouldMakeProgramsSpeakEnglish() throws Exception {
    assertThat(tools.run(shell("echo $LC_ALL"))).isEqualTo("C.UTF-8\n");
  }

  @Test
  void shouldNotLetTheEnvironmentLeadAProgramToAnotherServer() {
    // given
    Map<String, String> environment =
        new HashMap<>(
            Map.of(
                "PGHOSTADDR", "10.0.0.1",
                "PGSERVICE", "another",
                "PGSERVICEFILE", "/etc/another",
                "PGOPTIONS", "-c search_path=another",
                "PGHOST", "another",
                "PGPASSFILE", "/run/pgpass",
                "PGSSLMODE", "verify-full"));

    // when
    NativeTools.prepare(
        environment, new ToolCommand("pg_dump", List.of(), Map.of("PGHOST", "db.example.org")));

    // then
    assertThat(environment)
        .containsOnly(
            Map.entry("PGHOST", "db.example.org"),
            Map.entry("PGPASSFILE", "/run/pgpass"),
            Map.entry("PGSSLMODE", "verify-full"),
            Map.entry("LC_ALL", "C.UTF-8"));
  }

  @Test
  void shouldReportHowAProgramFailed() throws Exception {
    ToolException failure =
        catchThrowableOfType(
            ToolException.class, () -> tools.run(shell("echo it is full >&2; exit 7")));

    assertThat(failure.program()).isEqualTo("sh");
    assertThat(failure.exitCode()).isEqualTo(7);
    assertThat(failure.errors()).isEqualTo("it is full");
    assertThat(failure).hasMessage("sh ended with exit code 7: it is full");
  }

  @Test
  void shouldReportAFailureWithoutAWord() {
    assertThatThrownBy(() -> tools.run(shell("exit 3"))).hasMessage("sh ended with exit code 3");
  }

  @Test
  void shouldEndAProgramThatTakesTooLong(@TempDir Path folder) throws Exception {
    // given
    Path pid = folder.resolve("pid");

    // when
    ToolException failure =
        catchThrowableOfType(
            ToolException.class,
            () -> tools.run(shell("echo $$ > " + pid + "; exec sleep 60"), Duration.ofSeconds(1)));

    // then
    assertThat(failure.exitCode()).isEqualTo(ToolException.TOO_SLOW);
    assertThat(failure).hasMessage("sh was ended: it took longer than 1 s");
    long process = Long.parseLong(Files.readString(pid).strip());
    assertThat(ProcessHandle.of(process).filter(ProcessHandle::isAlive)).isEmpty();
  }

  @Test
  void shouldReportHowAProgramFailedThatHadALimit() {
    assertThatThrownBy(() -> tools.run(shell("echo no >&2; exit 3"), Duration.ofSeconds(20)))
        .hasMessage("sh ended with exit code 3: no");
  }

  @Test
  void shouldGiveTheWarningsOfAProgramThatSucceeds() throws Exception {
    try (ToolProcess process = tools.start(shell("echo careful >&2"))) {
      assertThat(process.await()).isEqualTo("careful");
      assertThat(process.exitCode()).isZero();
    }
  }

  @Test
  void shouldKeepOnlyTheEndOfManyErrorsAndNotBlockOnThem() throws Exception {
    try (ToolProcess process =
        tools.start(shell("seq 1 200000 >&2; echo printed; echo the last words >&2; exit 1"))) {
      // when
      byte[] output = process.output().readAllBytes();

      // then
      assertThat(output).asString().isEqualTo("printed\n");
      assertThat(process.exitCode()).isEqualTo(1);
      assertThat(process.errors())
          .hasSizeBetween(8_000, 8_192)
          .endsWith("200000\nthe last words")
          .doesNotContain("\n100000\n");
    }
  }

  @Test
  void shouldHandOnEachLine() throws Exception {
    List<String> lines = new ArrayList<>();

    try (ToolProcess process = tools.start(shell("printf 'a\\rb\\nc'; echo careful >&2"))) {
      assertThat(process.awaitLines(lines::add)).isEqualTo("careful");
    }

    assertThat(lines).containsExactly("a", "b", "c");
  }

  @Test
  void shouldSayThatAProgramIsMissing() {
    for (String missing : List.of("no-such-program", "/no/such/program")) {
      ToolException failure =
          catchThrowableOfType(ToolException.class, () -> tools.run(ToolCommand.of(missing)));

      assertThat(failure.exitCode()).isEqualTo(ToolException.NOT_STARTED);
      assertThat(failure).hasMessageContaining(missing).hasMessageContaining("not installed");
    }
  }

  @Test
  void shouldSayThatAFileIsNoProgram(@TempDir Path directory) throws Exception {
    Path file = Files.writeString(directory.resolve("program"), "no program");

    assertThatThrownBy(() -> tools.run(ToolCommand.of(file.toString())))
        .isInstanceOf(ToolException.class)
        .hasMessageContaining(file.toString());
  }

  @Test
  void shouldEndAProgramPolitelyWhenItIsClosed() throws Exception {
    // given
    ToolProcess process =
        tools.start(
            shell("trap 'echo going >&2; exit 5' TERM; echo ready; while :; do sleep 0.1; done"));
    awaitReady(process);

    // when
    process.close();
    process.close();

    // then
    assertThat(process.errors()).endsWith("going");
    assertThat(process.exitCode()).isEqualTo(5);
  }

  @Test
  void shouldKillAProgramThatDoesNotGo() throws Exception {
    // given
    ToolProcess process =
        tools.start(shell("trap '' TERM; echo ready; while :; do sleep 0.1; done"));
    awaitReady(process);
    long closed = System.nanoTime();

    // when
    process.close();

    // then
    assertThat(process.exitCode()).isEqualTo(128 + 9);
    assertThat(Duration.ofNanos(System.nanoTime() - closed))
        .isBetween(Duration.ofSeconds(2), Duration.ofSeconds(10));
  }

  @Test
  void shouldEndWhatAProgramHasStartedWithIt() throws Exception {
    // given
    ToolProcess wrapper = tools.start(shell("sleep 1000 & echo $!; wait"));
    BufferedReader output =
        new BufferedReader(new InputStreamReader(wrapper.output(), StandardCharsets.UTF_8));
    long child = Long.parseLong(output.readLine());
    assertThat(isRunning(child)).isTrue();

    // when
    wrapper.close();

    // then
    await().until(() -> !isRunning(child));
    assertThat(output.readLine()).isNull();
  }

  @Test
  void shouldEndTheOutputForWhoeverReadsItWhenItIsClosed() throws Exception {
    // given
    ToolProcess process = tools.start(shell("echo ready; exec sleep 1000"));
    awaitReady(process);
    Thread reader = Thread.ofVirtual().start(() -> readToTheEnd(process));

    // when
    process.close();

    // then
    assertThat(reader.join(Duration.ofSeconds(10))).isTrue();
  }

  @Test
  void shouldCloseAProgramThatHasEnded() throws Exception {
    ToolProcess process = tools.start(shell("exit 4"));
    assertThat(process.exitCode()).isEqualTo(4);

    process.close();

    assertThat(process.exitCode()).isEqualTo(4);
  }

  @Test
  void shouldNeverShowWhatIsInTheEnvironment() throws Exception {
    // given
    Map<String, String> environment = Map.of("PGPASSWORD", "s3cret");
    ToolCommand failing = new ToolCommand("sh", List.of("-c", "exit 1"), environment);
    ToolCommand missing = new ToolCommand("no-such-program", List.of(), environment);

    // then
    assertThat(tools.run(new ToolCommand("sh", List.of("-c", "echo $PGPASSWORD"), environment)))
        .isEqualTo("s3cret\n");
    assertThat(failing.with(List.of("more"))).hasToString("sh -c exit 1 more");
    assertThat(failing.with(List.of("more")).environment()).isEqualTo(environment);
    for (ToolCommand command : List.of(failing, missing)) {
      assertThatThrownBy(() -> tools.run(command))
          .satisfies(failure -> assertThat(failure.toString()).doesNotContain("s3cret"));
    }
  }

  @Test
  void shouldEndItsProgramsWhenItIsClosed() throws Exception {
    ToolProcess process = tools.start(ToolCommand.of("sleep", "1000"));

    tools.close();

    assertThat(process.exitCode()).isEqualTo(128 + 9);
  }

  @Test
  void shouldKeepOthersOutForAsLongAsAnythingLivesThatAProgramHasStarted(@TempDir Path folder)
      throws Exception {
    // given
    Path lock = folder.resolve("lock");
    Path end = folder.resolve("end");
    ToolCommand leaving =
        shell("(until [ -e %s ]; do sleep 0.1; done) > /dev/null 2>&1 &".formatted(end));
    try (ToolProcess process = tools.startHolding(lock, leaving)) {
      process.await();
    }

    // when
    ToolException refusal =
        catchThrowableOfType(ToolException.class, () -> runHolding(lock, shell("echo it runs")));

    // then
    assertThat(refusal.exitCode()).isEqualTo(ToolException.LOCKED);
    assertThat(refusal).hasMessage("sh was not run: another program holds its lock");

    Files.createFile(end);
    await()
        .ignoreExceptionsInstanceOf(ToolException.class)
        .untilAsserted(
            () -> assertThat(runHolding(lock, shell("echo it runs"))).isEqualTo("it runs\n"));
  }

  private String runHolding(Path lock, ToolCommand command) throws Exception {
    try (ToolProcess process = tools.startHolding(lock, command)) {
      String output = new String(process.output().readAllBytes(), StandardCharsets.UTF_8);
      process.await();
      return output;
    }
  }

  @Test
  void shouldTakeItsProgramsAlongWhenItIsKilled() throws Exception {
    assertGoesWithItsService("echo $$; exec sleep 1000");
  }

  @Test
  void shouldTakeAlongWhatItsProgramsHaveForkedWhenItIsKilled() throws Exception {
    assertGoesWithItsService("sleep 1000 & echo $!; wait");
  }

  private static void assertGoesWithItsService(String script) throws Exception {
    // given
    for (String program : List.of("setpriv", "setsid")) {
      Assumptions.assumeTrue(
          NativeTools.find(program).isPresent(), program + " (util-linux) is not installed");
    }
    Process service =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Sleeper.class.getName(),
                script)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    try (BufferedReader output = service.inputReader()) {
      long child = Long.parseLong(output.readLine());
      assertThat(isRunning(child)).isTrue();

      // when
      service.destroyForcibly();

      // then
      await().until(() -> !isRunning(child));
    } finally {
      service.destroyForcibly();
    }
  }

  /** A service that runs one script, says the process id that it prints, and waits. */
  static final class Sleeper {
    private Sleeper() {}

    static void main(String[] script) throws Exception {
      try (NativeTools tools = new NativeTools();
          ToolProcess process = tools.start(shell(script[0]))) {
        process.awaitLines(System.out::println);
      }
    }
  }

  private static ToolCommand shell(String script) {
    return ToolCommand.of("sh", "-c", script);
  }

  private static boolean isRunning(long pid) {
    return ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
  }

  private static void awaitReady(ToolProcess process) throws Exception {
    assertThat(process.output().readNBytes(6)).asString().isEqualTo("ready\n");
  }

  private static void readToTheEnd(ToolProcess process) {
    try {
      process.awaitLines(line -> {});
    } catch (ToolException | InterruptedException e) {
      // It was killed.
    }
  }
}
