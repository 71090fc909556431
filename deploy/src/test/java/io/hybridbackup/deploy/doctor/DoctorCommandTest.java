package io.hybridbackup.deploy.doctor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.hybridbackup.deploy.doctor.Finding.Level;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class DoctorCommandTest {
  /** Looks at one thing in a way that a test wants. */
  private record Look(String area, ThrowingLook look) implements Examination {
    @Override
    public void examine(Findings findings) throws Exception {
      look.examine(findings);
    }
  }

  @FunctionalInterface
  private interface ThrowingLook {
    void examine(Findings findings) throws Exception;
  }

  @Test
  void shouldNotWaitForWhatHangs() throws Exception {
    // given
    CountDownLatch never = new CountDownLatch(1);
    Look hanging =
        new Look(
            "source edms",
            findings -> {
              findings.ok("source edms", "the database is there");
              never.await();
            });
    Look quick = new Look("source wiki", findings -> findings.ok("source wiki", "all is well"));

    // when
    List<Finding> findings = DoctorCommand.examine(List.of(hanging, quick), Duration.ofMillis(500));

    // then
    assertThat(findings)
        .containsExactly(
            new Finding("source edms", Level.OK, "the database is there", null),
            new Finding(
                "source edms",
                Level.PROBLEM,
                "no answer within 0 s",
                "see whether a server or a network drive hangs"),
            new Finding("source wiki", Level.OK, "all is well", null));
  }

  @Test
  void shouldReportWhatNobodyExpectedAndGoOn() throws Exception {
    // given
    Look broken =
        new Look(
            "store",
            findings -> {
              throw new IllegalStateException("odd");
            });
    Look quick = new Look("tools", findings -> findings.ok("tools", "all is well"));

    // then
    assertThat(DoctorCommand.examine(List.of(broken, quick), Duration.ofSeconds(10)))
        .extracting(Finding::area, Finding::level)
        .containsExactly(tuple("store", Level.PROBLEM), tuple("tools", Level.OK));
  }
}
