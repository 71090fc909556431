package io.hybridbackup.deploy.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class FactTextTest {
  private static final RunId RUN = RunId.ofRequest("/test", "1");
  private static final Origin ORIGIN = new Origin(Component.PACKAGER, 1, 1, 1);

  @Test
  void shouldGiveEachWarningOneLineThatATerminalCanShow() {
    Fact completed =
        new Fact.BackupCompleted(
            RUN,
            "edms",
            ORIGIN,
            Fact.BackupOutcome.COMPLETE_WITH_WARNINGS,
            ArchiveName.at(ZonedDateTime.of(2026, 1, 11, 2, 0, 0, 0, ZoneOffset.UTC)),
            "archive",
            "manifest",
            1000,
            null,
            1000L,
            0,
            1000,
            Map.of("total", Duration.ofSeconds(1)),
            List.of("a socket was left out: storage/x\u001b[31mRED\nwarning: faked", "another"),
            null,
            null);

    assertThat(FactText.of(completed).lines())
        .hasSize(3)
        .endsWith(
            "warning: a socket was left out: storage/x\\033[31mRED\\nwarning: faked",
            "warning: another");
  }

  @Test
  void shouldKeepAMessageOnItsLine() {
    Fact failed =
        new Fact.BackupFailed(
            RUN,
            "edms",
            ORIGIN,
            FailureCode.INTERNAL,
            "x\ncomplete: all is well\u009b2J",
            Set.of(),
            null);

    assertThat(FactText.of(failed))
        .isEqualTo("failed (INTERNAL): x\\ncomplete: all is well\\302\\2332J");
  }
}
