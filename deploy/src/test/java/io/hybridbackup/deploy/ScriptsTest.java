package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ScriptsTest {
  private static final Path SCRIPTS = Path.of("").toAbsolutePath();

  @TempDir Path folder;

  private record Outcome(int exitCode, String output) {}

  @ParameterizedTest
  @ValueSource(
      strings = {
        "hybrid-backup",
        "quickstart",
        "test",
        "bench",
        "chaos",
        "lib.sh",
        "bench-data.sh",
        "bench-report.sh"
      })
  void shouldBeBash(String script) throws Exception {
    assertThat(run(List.of("bash", "-n", SCRIPTS.resolve(script).toString())))
        .isEqualTo(new Outcome(0, ""));
  }

  @Test
  void shouldFindItselfThroughALinkAndSayWhatToDoBeforeItIsBuilt() throws Exception {
    // given
    Path home = Files.createDirectories(folder.resolve("a clone/deploy"));
    for (String script : List.of("hybrid-backup", "lib.sh")) {
      Files.copy(SCRIPTS.resolve(script), home.resolve(script));
    }
    Path link = Files.createSymbolicLink(folder.resolve("a link"), home.resolve("hybrid-backup"));

    // when
    Outcome outcome = run(List.of("bash", link.toString(), "list"));

    // then
    assertThat(outcome.exitCode).isEqualTo(1);
    assertThat(outcome.output)
        .contains("has not been built yet", "in " + home.getParent(), "mvn -q package");
  }

  @Test
  void shouldKeepNoClassesWhereThereIsNoHome() throws Exception {
    // given
    Path home = Files.createDirectories(folder.resolve("deploy"));
    for (String script : List.of("hybrid-backup", "lib.sh")) {
      Files.copy(SCRIPTS.resolve(script), home.resolve(script));
    }
    Files.createDirectories(home.resolve("target/hybrid-backup/lib"));
    Files.createFile(home.resolve("target/hybrid-backup/lib/hybrid-backup.jar"));
    Path jdk = jdk("25.0.1");
    Files.writeString(jdk.resolve("bin/java"), "#!/bin/sh\necho \"$@\"\n");
    String program = home.resolve("hybrid-backup").toString();
    String java = "JAVA_HOME=" + jdk;

    // when
    Outcome homeless =
        run(List.of("env", "-u", "HOME", "-u", "XDG_CACHE_HOME", java, "bash", program, "list"));
    Outcome atHome =
        run(
            List.of(
                "env", "-u", "XDG_CACHE_HOME", "HOME=" + folder, java, "bash", program, "list"));

    // then
    assertThat(homeless.exitCode).isZero();
    assertThat(homeless.output).endsWith("hybrid-backup.jar list").doesNotContain(".jsa");
    assertThat(atHome.output).contains(folder.resolve(".cache/hybrid-backup") + "/store-");
  }

  @ParameterizedTest
  @CsvSource({"17.0.9,17", "25,25", "26.0.1,26"})
  void shouldReadTheVersionOfAJdk(String version, String major) throws Exception {
    // given
    Path jdk = jdk(version);

    // when
    Outcome outcome = library("jdk_version '" + jdk + "'");

    // then
    assertThat(outcome).isEqualTo(new Outcome(0, major));
  }

  @Test
  void shouldPreferTheJdkInJavaHomeIfItIsNewEnough() throws Exception {
    assertThat(library("JAVA_HOME='" + jdk("25.0.1") + "'; find_jdk").output)
        .isEqualTo(folder.resolve("jdk 25.0.1").toString());
    assertThat(library("JAVA_HOME='" + jdk("21.0.1") + "'; find_jdk").output)
        .isNotEqualTo(folder.resolve("jdk 21.0.1").toString());
  }

  @Test
  void shouldSayWhatToInstallWhereThereIsNoJdk() throws Exception {
    // when
    Outcome outcome = library("find_jdk() { return 1; }; require_jdk");

    // then
    assertThat(outcome.exitCode).isEqualTo(1);
    assertThat(outcome.output).contains("version 25 or newer", "openjdk-25-jdk-headless");
  }

  @Test
  void shouldNameTheCasesOfTheBenchmarkWhereOneIsUnknown() throws Exception {
    // when
    Outcome outcome =
        run(List.of(SCRIPTS.resolve("bench").toString(), "--cases", "full,never", "--quick"));

    // then
    assertThat(outcome.exitCode).isEqualTo(1);
    assertThat(outcome.output).contains("no case never", "full,nightly-unchanged");
  }

  @Test
  void shouldDescribeEveryCaseOfTheBenchmark() throws Exception {
    // given
    Outcome refusal = run(List.of(SCRIPTS.resolve("bench").toString(), "--cases", "never"));
    String cases = refusal.output.substring(refusal.output.lastIndexOf(' ') + 1);

    // when
    String readme = Files.readString(SCRIPTS.resolve("README.md"));

    // then
    assertThat(cases.split(","))
        .hasSizeGreaterThan(5)
        .allSatisfy(name -> assertThat(readme).contains("| `" + name + "` |"));
  }

  private Path jdk(String version) throws IOException {
    Path jdk = folder.resolve("jdk " + version);
    Files.createDirectories(jdk.resolve("bin"));
    for (String program : List.of("java", "javac")) {
      Files.createFile(
          jdk.resolve("bin").resolve(program),
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
    }
    Files.writeString(jdk.resolve("release"), "JAVA_VERSION=\"" + version + "\"\n");
    return jdk;
  }

  private Outcome library(String command) throws IOException, InterruptedException {
    return run(
        List.of(
            "bash",
            "-c",
            "set -euo pipefail; source '" + SCRIPTS.resolve("lib.sh") + "'; " + command));
  }

  private static Outcome run(List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Outcome(process.waitFor(), output.strip());
  }
}
