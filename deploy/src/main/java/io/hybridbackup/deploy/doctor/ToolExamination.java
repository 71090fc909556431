package io.hybridbackup.deploy.doctor;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.process.ToolCommand;
import io.hybridbackup.common.process.ToolException;
import io.hybridbackup.common.settings.Settings;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;

/** Are the native programs there, and in which versions? */
final class ToolExamination implements Examination {
  private final Settings settings;
  private final NativeTools tools;

  ToolExamination(Settings settings, NativeTools tools) {
    this.settings = settings;
    this.tools = tools;
  }

  @Override
  public String area() {
    return "tools";
  }

  @Override
  public void examine(Findings findings) throws InterruptedException {
    Settings.Tools configured = settings.tools();
    boolean databases =
        settings.sources().values().stream().anyMatch(source -> source.database() != null)
            || settings.targets().values().stream().anyMatch(target -> target.database() != null);
    if (databases) {
      postgres(configured, findings);
    }
    version(configured.rsync(), "install rsync, or correct hybrid-backup.tools.rsync", findings);
    if (settings.sources().values().stream()
        .anyMatch(source -> source.version() instanceof Settings.GitVersion)) {
      version("git", "install git, or give the source's version as literal", findings);
    }
    present("setpriv", "native programs may outlive a service that is killed", findings);
    present("setsid", "what native programs fork may outlive a service that is killed", findings);
    present("flock", "what a killed service has left running may disturb the next one", findings);
    libdeflate(findings);
  }

  @SuppressWarnings("restricted") // it is only looked for
  private void libdeflate(Findings findings) {
    try (Arena arena = Arena.ofConfined()) {
      SymbolLookup _ = SymbolLookup.libraryLookup("libdeflate.so.0", arena);
      findings.ok(area(), "libdeflate is installed");
    } catch (IllegalArgumentException e) {
      findings.warning(
          area(),
          "libdeflate is not installed: the JDK's zlib compresses, slower and a little worse",
          "install libdeflate0");
    }
  }

  private void postgres(Settings.Tools configured, Findings findings) throws InterruptedException {
    try {
      String dump = Postgres.toolVersion(tools, configured.pgDump());
      findings.ok(area(), configured.pgDump() + " " + dump);
      String restore = Postgres.toolVersion(tools, configured.pgRestore());
      Postgres.requireReadable(configured.pgRestore(), restore, dump);
      findings.ok(area(), configured.pgRestore() + " " + restore);
    } catch (ComponentFailure e) {
      findings.problem(area(), e);
    }
  }

  private void version(String program, String cure, Findings findings) throws InterruptedException {
    try {
      String said = tools.run(ToolCommand.of(program, "--version"));
      findings.ok(area(), said.lines().findFirst().orElse(program).replaceAll("\\s+", " "));
    } catch (ToolException e) {
      findings.problem(area(), String.valueOf(e.getMessage()), cure);
    }
  }

  private void present(String program, String lack, Findings findings) {
    if (NativeTools.find(program).isPresent()) {
      findings.ok(area(), program + " is installed");
    } else {
      findings.warning(area(), program + " is not installed: " + lack, "install util-linux");
    }
  }
}
