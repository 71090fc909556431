package io.hybridbackup.packager;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.process.ToolCommand;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.settings.Settings.WhenBusy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class ApplicationVersionTest {
  @TempDir private Path folder;
  private final NativeTools tools = new NativeTools();
  private final List<String> warnings = new ArrayList<>();

  @AfterEach
  void closeTools() {
    tools.close();
  }

  @Test
  void shouldDoWithoutTheCommitOfAFolderThatDoesNotAnswer() throws Exception {
    // given
    String _ = tools.run(ToolCommand.of("git", "init", "--quiet", folder.toString()));
    Path head = folder.resolve(".git/HEAD");
    Files.delete(head);
    String _ = tools.run(ToolCommand.of("mkfifo", head.toString()));

    // when
    ApplicationVersion version = new ApplicationVersion(settings(), tools, Duration.ofSeconds(1));

    // then
    assertThat(version.find("edms", warnings)).isEmpty();
    assertThat(warnings)
        .containsExactly(
            "the application's version is not known: git in "
                + folder
                + ": git was ended: it took longer than 1 s");
  }

  private Settings settings() {
    Settings base =
        BackupProtocol.settings(
            new History(
                0, null, Duration.ofHours(1), Duration.ofHours(1), WhenBusy.WAIT, List.of()),
            folder);
    return new Settings(
        base.kafka(),
        base.objectStore(),
        base.dataDirectory(),
        base.zone(),
        base.jobs(),
        base.restore(),
        base.tools(),
        Map.of(
            new SourceName("edms"),
            new Settings.Source(null, null, new Settings.GitVersion(folder))),
        Map.of());
  }
}
