package io.hybridbackup.restore;

import static io.hybridbackup.restore.Interruption.GIVEN_UP;
import static io.hybridbackup.restore.Interruption.isKilled;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.restore.Interruption.Frozen;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Kills an exchange at every step: the target is wholly what it was, or wholly what it was to
 * become, and a later epoch can tell which.
 */
@Timeout(300)
class SwapIT extends ExchangeCase {
  @ParameterizedTest
  @EnumSource(Kind.class)
  void shouldBeWhollyNewWhenKilledAtAnyStepAndCarriedOn(Kind kind) throws Exception {
    boolean killed = true;
    for (int step = 0; killed; step++) {
      // given
      Target target = new Target(kind);
      killed = isKilled(step, steps -> target.epoch(1, steps), Ending::forward);

      // when
      target.epoch(killed ? 2 : 1, ExchangeCase::noTrouble).forward();

      // then
      target.assertNew("killed at step " + step);
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void shouldBeWhollyOldOrNewWhenKilledAtAnyStepAndGivenUp(Kind kind) throws Exception {
    boolean killed = true;
    int old = 0;
    for (int step = 0; killed; step++) {
      // given
      Target target = new Target(kind);
      killed = isKilled(step, steps -> target.epoch(1, steps), Ending::forward);

      // when
      boolean back = killed && giveUp(target.epoch(2, ExchangeCase::noTrouble));

      // then
      target.assertOldOrNew(back, "killed at step " + step);
      old += back ? 1 : 0;
    }
    assertThat(old).isPositive();
  }

  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {"DATABASE_AND_FOLDER", "MOUNT_POINT_ALONE", "UNDOING"})
  void shouldBeWhollyOldOrNewWhenKilledOnceMoreWhileItGoesBack(Kind kind) throws Exception {
    boolean killed = true;
    for (int step = 0; killed; step++) {
      boolean killedAgain = true;
      for (int backStep = 0; killed && killedAgain; backStep++) {
        // given
        Target target = new Target(kind);
        killed = isKilled(step, steps -> target.epoch(1, steps), Ending::forward);
        if (killed) {
          killedAgain = isKilled(backStep, steps -> target.epoch(2, steps), ExchangeCase::giveUp);

          // when
          Swap last = target.epoch(3, ExchangeCase::noTrouble);
          boolean back = !last.forward() && last.back(GIVEN_UP);

          // then
          target.assertOldOrNew(back, "killed at step " + step + ", again at " + backStep);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {"DATABASE_AND_FOLDER", "FOLDER_ALONE", "MOUNT_POINT_ALONE"})
  void shouldWaitForADiskThatIsAwayWhenKilledAtAnyStep(Kind kind) throws Exception {
    boolean killed = true;
    for (int step = 0; killed; step++) {
      // given
      Target target = new Target(kind);
      killed = isKilled(step, steps -> target.epoch(1, steps), Ending::forward);
      Swap next = target.epoch(2, ExchangeCase::noTrouble);
      target.takeTheDiskAway();

      // when
      if (killed) {
        assertWaits(next::forward);
        assertWaits(() -> next.back(GIVEN_UP));
      } else {
        assertThat(next.forward()).isTrue();
      }

      // then
      target.bringTheDiskBack();
      boolean back = killed && step % 2 == 0 && giveUp(next);
      assertThat(next.forward()).isEqualTo(!back);
      target.assertOldOrNew(back, "killed at step " + step);
    }
  }

  private static void assertWaits(ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            ComponentFailure.class,
            failure -> {
              assertThat(failure.retryable()).isTrue();
              assertThat(failure.code()).isEqualTo(FailureCode.MEDIA_MISSING);
            });
  }

  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {"DATABASE_AND_MOUNT_POINT", "FOLDER_ALONE", "MOUNT_POINT_ALONE"})
  void shouldKeepWhatTheApplicationGoesOnToMakeWhenKilledAtAnyStep(Kind kind) throws Exception {
    boolean killed = true;
    int made = 0;
    for (int step = 0; killed; step++) {
      // given
      Target target = new Target(kind);
      Target.Application application = target.new Application();
      killed =
          isKilled(step, steps -> target.epoch(1, application.andThen(steps)), Ending::forward);

      // when
      Swap next = target.epoch(2, application);
      boolean back = killed && step % 2 == 0 && giveUp(next);
      assertThat(next.forward()).isEqualTo(!back);

      // then
      application.assertKept(back, "killed at step " + step);
      made += application.made.size();
    }
    assertThat(made).isPositive();
  }

  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {"DATABASE_ALONE", "NOTHING_WAS_THERE"})
  void shouldEndSessionsAtTheNewDatabaseToo(Kind kind) throws Exception {
    // given
    Target target = new Target(kind);
    String next = requireNonNull(requireNonNull(target.begun.exchange().database()).nextName());
    List<String> refusals = new ArrayList<>();
    try (Connection _ = new Postgres(asUser(next)).connect()) {

      // when
      boolean forward =
          target
              .epoch(
                  1,
                  step -> {
                    if (step.equals("rename the databases")) {
                      assertThatThrownBy(() -> postgres.connect(next))
                          .hasMessageContaining("not currently accepting connections");
                      refusals.add(step);
                    }
                  })
              .forward();

      // then
      assertThat(forward).isTrue();
    }
    assertThat(refusals).hasSize(1);
    target.assertNew("");
  }

  @Test
  void shouldWaitForAnRsyncThatAnEarlierEpochHasLeftBehind() throws Exception {
    // given
    Target target = new Target(Kind.DATABASE_AND_MOUNT_POINT);
    Path started = folder.resolve("rsync.started");
    Path go = folder.resolve("rsync.go");
    target.rsync = slowRsync(started, go);
    try (Frozen first =
        new Frozen(Integer.MAX_VALUE, steps -> target.epoch(1, steps), Ending::forward)) {
      await().atMost(Duration.ofSeconds(30)).until(() -> Files.exists(started));
      target.rsync = "rsync";
      Swap next = target.epoch(2, ExchangeCase::noTrouble);
      CompletableFuture<Boolean> back = new CompletableFuture<>();
      Thread.ofPlatform()
          .daemon()
          .start(() -> {
            try {
              back.complete(next.back(GIVEN_UP));
            } catch (Throwable e) {
              back.completeExceptionally(e);
            }
          });

      // when
      assertThatThrownBy(() -> back.get(2, TimeUnit.SECONDS)).isInstanceOf(TimeoutException.class);
      Files.createFile(go);

      // then
      assertThat(back.get(60, TimeUnit.SECONDS)).isTrue();
      assertThat(first.thaw()).isFalse();
      target.assertOld("");
    }
  }

  /** It has read what the target is to be like when it is held up. */
  private static String slowRsync(Path started, Path go) throws IOException {
    Path script =
        Files.writeString(
            folder.resolve("slow-rsync"),
            """
            #!/bin/bash
            cp -a "${@: -2:1}" %1$s.read
            touch %1$s
            until [ -e %2$s ]; do sleep 0.05; done
            exec rsync "${@:1:$#-2}" %1$s.read/ "${@: -1}"
            """
                .formatted(started, go));
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    return script.toString();
  }

  @Test
  void shouldEndSessionsThatDoNotSayWhatTheyAre() throws Exception {
    // given
    Target target = new Target(Kind.DATABASE_ALONE);
    try (Connection application = new Postgres(asUser(target.name)).connect()) {
      DatabaseTarget.execute(application, "SET application_name = ''");

      // when
      boolean forward = target.epoch(1, ExchangeCase::noTrouble).forward();

      // then
      assertThat(forward).isTrue();
      assertThat(application.isValid(1)).isFalse();
    }
    target.assertNew("");
  }

  @Test
  void shouldExchangeDatabasesAtWhichAutovacuumIsAtWork() throws Exception {
    // given
    Target target = new Target(Kind.DATABASE_ALONE);
    String next = requireNonNull(requireNonNull(target.begun.exchange().database()).nextName());
    postgres.execute("postgres", "ALTER SYSTEM SET autovacuum_naptime = '1s'");
    postgres.execute("postgres", "SELECT pg_reload_conf()");
    for (String database : List.of(target.name, next)) {
      postgres.execute(
          database,
          """
          CREATE TABLE dead (id int, text text) WITH (
            autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0,
            autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1);
          INSERT INTO dead SELECT n, repeat('x', 1000) FROM generate_series(1, 20000) n;
          DELETE FROM dead;
          """);
    }
    await()
        .atMost(Duration.ofMinutes(2))
        .until(() ->
            one("SELECT count(DISTINCT datname) FROM pg_stat_activity"
                    + " WHERE query LIKE 'autovacuum: VACUUM%dead'")
                .equals("2"));

    // when
    boolean forward = target.epoch(1, ExchangeCase::noTrouble).forward();

    // then
    assertThat(forward).isTrue();
    target.assertNew("");
  }

  @Test
  void shouldBeOnDiskBeforeItIsDoneWhateverTheUsersSettings() throws Exception {
    // given
    Target target = new Target(Kind.DATABASE_ALONE);
    postgres.execute("postgres", "ALTER ROLE " + USER + " SET synchronous_commit = off");
    postgres.execute("postgres", "ALTER SYSTEM SET wal_writer_delay = '10s'");
    postgres.execute("postgres", "SELECT pg_reload_conf()");
    List<String> before = new ArrayList<>();
    List<String> flushed = new ArrayList<>();

    // when
    boolean forward =
        target
            .epoch(
                1,
                step -> {
                  if (step.equals("rename the databases")) {
                    before.add(one("SELECT pg_current_wal_insert_lsn()"));
                  } else if (step.equals("done")) {
                    flushed.add(
                        one(
                            "SELECT pg_current_wal_flush_lsn() > '%s'"
                                .formatted(before.getFirst())));
                  }
                })
            .forward();

    // then
    assertThat(forward).isTrue();
    assertThat(flushed).containsExactly("t");
    postgres.execute("postgres", "ALTER ROLE " + USER + " RESET synchronous_commit");
    postgres.execute("postgres", "ALTER SYSTEM RESET wal_writer_delay");
    postgres.execute("postgres", "SELECT pg_reload_conf()");
  }

  private static String one(String query) {
    return Commands.run(postgres.program("psql"), "-Atc", query, postgres.url("postgres")).strip();
  }
}
