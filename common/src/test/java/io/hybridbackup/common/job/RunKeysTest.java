package io.hybridbackup.common.job;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RunKeysTest {
  private static final RunId RUN = new RunId("abcdefghijklmnopqrstuvwxyz");
  private static final SourceName SOURCE = new SourceName("edms");
  private static final ArchiveName ARCHIVE = new ArchiveName("backup_20260111_020000");

  @Test
  void shouldKeepEverythingWhereReleasedVersionsLookForIt() {
    assertThat(
            Stream.of(
                RunKeys.archive(SOURCE, ARCHIVE),
                RunKeys.manifest(SOURCE, ARCHIVE),
                RunKeys.expired(SOURCE, ARCHIVE),
                RunKeys.reservedName(SOURCE, ARCHIVE),
                RunKeys.slots(SOURCE),
                RunKeys.slots(new TargetName("edms")),
                RunKeys.scrubs(SOURCE, Component.MEDIA),
                RunKeys.open(RUN),
                RunKeys.claim(RUN).key(),
                RunKeys.outcome(RUN).key(),
                RunKeys.epochs(RUN, Component.PACKAGER),
                RunKeys.opened(RUN, 1).key(),
                RunKeys.prepared(RUN, 1).key(),
                RunKeys.snapshot(RUN, 1).key(),
                RunKeys.part(RUN, 1, Component.MEDIA).key(),
                RunKeys.epochs(RUN, 1, Component.MEDIA),
                RunKeys.plan(RUN, 12).key(),
                RunKeys.verdict(RUN, 12).key(),
                RunKeys.work(RUN, 1, Component.DATABASE, 3)))
        .extracting(Object::toString)
        .containsExactly(
            "backups/edms/backup_20260111_020000.tar.gz",
            "backups/edms/backup_20260111_020000.manifest.json",
            "backups/edms/backup_20260111_020000.expired",
            "names/edms/backup_20260111_020000",
            "slots/backup/edms",
            "slots/restore/edms",
            "scrubs/edms/media",
            "open/abcdefghijklmnopqrstuvwxyz",
            "runs/abcdefghijklmnopqrstuvwxyz/claim",
            "runs/abcdefghijklmnopqrstuvwxyz/outcome",
            "runs/abcdefghijklmnopqrstuvwxyz/packager",
            "runs/abcdefghijklmnopqrstuvwxyz/attempt-01/opened",
            "runs/abcdefghijklmnopqrstuvwxyz/attempt-01/prepared",
            "runs/abcdefghijklmnopqrstuvwxyz/attempt-01/snapshot",
            "runs/abcdefghijklmnopqrstuvwxyz/attempt-01/media/outcome",
            "runs/abcdefghijklmnopqrstuvwxyz/attempt-01/media",
            "runs/abcdefghijklmnopqrstuvwxyz/attempt-12/plan",
            "runs/abcdefghijklmnopqrstuvwxyz/attempt-12/verdict",
            "work/abcdefghijklmnopqrstuvwxyz/attempt-01/database/epoch-00003");
  }

  @ParameterizedTest
  @CsvSource({
    "attempt-01, 1",
    "attempt-12, 12",
    "attempt-123, 123",
    "claim, 0",
    "attempt-1, 0",
    "attempt-001, 0"
  })
  void shouldReadTheNumberOfAnAttempt(String name, int number) {
    assertThat(RunKeys.attemptNumber(name)).isEqualTo(number);
  }
}
