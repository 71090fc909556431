package io.hybridbackup.restore;

import static io.hybridbackup.restore.ApplicationFiles.NEW;
import static io.hybridbackup.restore.ApplicationFiles.OLD;
import static io.hybridbackup.restore.ApplicationFiles.describe;
import static io.hybridbackup.restore.ApplicationFiles.list;
import static io.hybridbackup.restore.ApplicationFiles.plant;
import static io.hybridbackup.restore.Interruption.GIVEN_UP;
import static io.hybridbackup.restore.Interruption.isKilled;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Decisions;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.restore.Interruption.Frozen;
import io.hybridbackup.restore.Journal.Begun;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.io.TempDirFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Kills and freezes an exchange at every step: the target is wholly what it was, or wholly what it
 * was to become, and a later epoch can tell which. It is done as a user who owns the databases and
 * is no superuser.
 */
@Timeout(300)
class SwapIT {
  private static final String USER = "keeper";

  /** In memory where there is such a place, as every step waits for the disk. */
  @TempDir(factory = InMemory.class)
  private static Path folder;

  private static final AtomicInteger cases = new AtomicInteger();
  private static PostgresTestServer postgres;
  private static FilesystemObjectStore store;
  private static NativeTools tools;

  @BeforeAll
  static void start() {
    postgres = PostgresTestServer.start();
    postgres.execute("postgres", "CREATE ROLE " + USER + " LOGIN CREATEDB");
    store = new FilesystemObjectStore(folder.resolve("store"));
    tools = new NativeTools();
  }

  @AfterAll
  static void stop() {
    tools.close();
    store.close();
    postgres.close();
  }

  /** Where temporary folders are made. */
  static final class InMemory implements TempDirFactory {
    private static final Path MEMORY = Path.of("/dev/shm");

    @Override
    public Path createTempDirectory(
        AnnotatedElementContext elementContext, ExtensionContext extensionContext)
        throws IOException {
      return Files.isWritable(MEMORY)
          ? Files.createTempDirectory(MEMORY, "swap")
          : Files.createTempDirectory("swap");
    }
  }

  /** What there is to exchange, and where. */
  enum Kind {
    DATABASE_AND_FOLDER(true, true, false, true, false),
    DATABASE_AND_MOUNT_POINT(true, true, true, true, false),
    DATABASE_ALONE(true, false, false, true, false),
    CLOSED_DATABASE_ALONE(true, false, false, true, false),
    FOLDER_ALONE(false, true, false, true, false),
    MOUNT_POINT_ALONE(false, true, true, true, false),
    NOTHING_WAS_THERE(true, true, false, false, false),
    UNDOING(true, true, false, true, true),
    UNDOING_IN_A_MOUNT_POINT(true, true, true, true, true),

    /** There had been no folder: none comes back. */
    UNDOING_THE_FIRST(false, true, false, true, true);

    private final boolean database;
    private final boolean media;
    private final boolean within;
    private final boolean existed;
    private final boolean undoing;

    Kind(boolean database, boolean media, boolean within, boolean existed, boolean undoing) {
      this.database = database;
      this.media = media;
      this.within = within;
      this.existed = existed;
      this.undoing = undoing;
    }

    private boolean bringsNothing() {
      return this == UNDOING_THE_FIRST;
    }

    /** Nobody may connect to the target. */
    private boolean closed() {
      return this == CLOSED_DATABASE_ALONE;
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void shouldBeWhollyNewWhenKilledAtAnyStepAndCarriedOn(Kind kind) throws Exception {
    boolean killed = true;
    for (int step = 0; killed; step++) {
      // given
      Target target = new Target(kind);
      killed = isKilled(step, steps -> target.epoch(1, steps), Ending::forward);

      // when
      target.epoch(killed ? 2 : 1, SwapIT::noTrouble).forward();

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
      boolean back = killed && giveUp(target.epoch(2, SwapIT::noTrouble));

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
          killedAgain = isKilled(backStep, steps -> target.epoch(2, steps), SwapIT::giveUp);

          // when
          Swap last = target.epoch(3, SwapIT::noTrouble);
          boolean back = !last.forward() && last.back(GIVEN_UP);

          // then
          target.assertOldOrNew(back, "killed at step " + step + ", again at " + backStep);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void shouldChangeNothingMoreWhenFrozenAtAnyStepAndThawedAfterASuccess(Kind kind)
      throws Exception {
    boolean frozen = true;
    for (int step = 0; frozen; step++) {
      // given
      Target target = new Target(kind);
      try (Frozen first = new Frozen(step, steps -> target.epoch(1, steps), Ending::forward)) {
        frozen = first.isFrozen();

        // when
        if (frozen) {
          assertThat(target.epoch(2, SwapIT::noTrouble).forward()).isTrue();
          target.assertNew("frozen at step " + step);
        }
        assertThat(first.thaw()).isNotEqualTo(frozen);
      }

      // then
      target.assertNew("thawed at step " + step);
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void shouldChangeNothingMoreWhenFrozenAtAnyStepAndThawedAfterAnEnd(Kind kind) throws Exception {
    boolean frozen = true;
    for (int step = 0; frozen; step++) {
      // given
      Target target = new Target(kind);
      boolean back = false;
      try (Frozen first = new Frozen(step, steps -> target.epoch(1, steps), Ending::forward)) {
        frozen = first.isFrozen();

        // when
        if (frozen) {
          back = giveUp(target.epoch(2, SwapIT::noTrouble));
          target.assertOldOrNew(back, "frozen at step " + step);
        }
        assertThat(first.thaw()).isNotEqualTo(frozen);
      }

      // then
      target.assertOldOrNew(back, "thawed at step " + step);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {"FOLDER_ALONE", "MOUNT_POINT_ALONE", "DATABASE_ALONE"})
  void shouldChangeNothingMoreWhenThawedInTheMiddleOfTheNextEpoch(Kind kind) throws Exception {
    boolean frozen = true;
    for (int step = 0; frozen; step++) {
      boolean nextFrozen = true;
      for (int nextStep = 0; frozen && nextFrozen; nextStep++) {
        // given
        Target target = new Target(kind);
        try (Frozen first = new Frozen(step, steps -> target.epoch(1, steps), Ending::forward)) {
          frozen = first.isFrozen();
          if (frozen) {
            try (Frozen next =
                new Frozen(nextStep, steps -> target.epoch(2, steps), SwapIT::giveUp)) {
              nextFrozen = next.isFrozen();

              // when
              assertThat(first.thaw()).isFalse();

              // then
              target.assertOldOrNew(
                  next.thaw(), "frozen at step " + step + ", thawed at " + nextStep);
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {
        "DATABASE_AND_FOLDER",
        "DATABASE_AND_MOUNT_POINT",
        "DATABASE_ALONE",
        "NOTHING_WAS_THERE",
        "UNDOING"
      })
  void shouldBeWhollyNewWhenItsConnectionBreaksAtAnyStepAndItTriesAgain(Kind kind)
      throws Exception {
    Trouble trouble = new Trouble(SwapIT::breakConnections);
    for (int step = 0; trouble.isNextAt(step); step++) {
      // given
      Target target = new Target(kind);
      boolean _ = isBroken(target.epoch(1, trouble));

      // when
      boolean forward = target.epoch(1, SwapIT::noTrouble).forward();

      // then
      assertThat(forward).isTrue();
      target.assertNew("broken at step " + step);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {"DATABASE_AND_FOLDER", "DATABASE_AND_MOUNT_POINT", "UNDOING"})
  void shouldBeWhollyOldOrNewWhenTheServerStopsAtAnyStepAndItIsGivenUp(Kind kind) throws Exception {
    Trouble trouble = new Trouble(postgres::stop);
    int old = 0;
    for (int step = 0; trouble.isNextAt(step); step++) {
      // given
      Target target = new Target(kind);
      boolean broken;
      try {
        broken = isBroken(target.epoch(1, trouble));
        if (broken) {
          assertThat(isBroken(target.epoch(1, SwapIT::noTrouble))).isTrue();
        }
      } finally {
        if (trouble.happened) {
          postgres.restart();
        }
      }

      // when
      boolean back = broken && giveUp(target.epoch(1, SwapIT::noTrouble));

      // then
      target.assertOldOrNew(back, "stopped at step " + step);
      old += back ? 1 : 0;
    }
    assertThat(old).isPositive();
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
      Swap next = target.epoch(2, SwapIT::noTrouble);
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

  /** As the user may whose folder it is in. */
  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {"FOLDER_ALONE", "MOUNT_POINT_ALONE"})
  void shouldChangeNothingElsewhereWhenALinkTakesTheGatesPlaceAtAnyStep(Kind kind)
      throws Exception {
    Trouble trouble = new Trouble(() -> {});
    for (int step = 0; trouble.isNextAt(step); step++) {
      // given
      Target target = new Target(kind);
      Target.Elsewhere elsewhere = target.new Elsewhere();
      trouble.becomes(elsewhere::putALinkInTheGatesPlace);

      // when
      boolean forward = isForward(target.epoch(1, trouble));

      // then
      elsewhere.assertUntouched("replaced at step " + step);
      if (trouble.happened) {
        elsewhere.putTheGateBack();
      }
      assertThat(forward || target.epoch(2, SwapIT::noTrouble).forward()).isTrue();
      target.assertNew("replaced at step " + step);
    }
  }

  private static boolean isForward(Swap swap) throws Exception {
    try {
      return swap.forward();
    } catch (ComponentFailure | IOException e) {
      return false;
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
      Swap next = target.epoch(2, SwapIT::noTrouble);
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
      boolean forward = target.epoch(1, SwapIT::noTrouble).forward();

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
    boolean forward = target.epoch(1, SwapIT::noTrouble).forward();

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

  /** Whether the connection to the server broke on the way forward, which can pass. */
  private static boolean isBroken(Swap swap) throws Exception {
    try {
      assertThat(swap.forward()).isTrue();
      return false;
    } catch (ComponentFailure e) {
      assertThat(e).matches(ComponentFailure::retryable);
      return true;
    }
  }

  /** Something that happens at one step of an exchange. */
  private static final class Trouble implements Consumer<String> {
    private Runnable trouble;
    private int left;
    private boolean happened = true;

    Trouble(Runnable trouble) {
      this.trouble = trouble;
    }

    void becomes(Runnable other) {
      trouble = other;
    }

    /** Prepares for that step; false if there was none before it any more. */
    boolean isNextAt(int step) {
      boolean next = happened;
      left = step;
      happened = false;
      return next;
    }

    @Override
    public void accept(String step) {
      if (left-- == 0) {
        happened = true;
        trouble.run();
      }
    }
  }

  private static void breakConnections() {
    postgres.execute(
        "postgres",
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            + " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
  }

  /** As a service does it: what cannot go back goes forward. */
  private static boolean giveUp(Ending epoch) throws Exception {
    return epoch.back(GIVEN_UP) || !epoch.forward();
  }

  private static void noTrouble(String step) {}

  /** A target in use, and all that is to take its place, whole. */
  private static final class Target {
    private final Kind kind;
    private final String name = "app" + cases.incrementAndGet();
    private final RunId run = RunId.ofRequest("/test", name);
    private final RunId earlier = RunId.ofRequest("/test/earlier", name);
    private final Path media = folder.resolve(name).resolve("storage");
    private final DatabaseTarget database =
        new DatabaseTarget(
            new Postgres(asUser(name)),
            Settings.Target.TEMPLATE,
            new PgRestore(tools, postgres.program("pg_restore"), 1),
            new Psql(tools, postgres.program("psql")));
    private final Begun begun;
    private String rsync = "rsync";

    Target(Kind kind) throws Exception {
      this.kind = kind;
      Exchange.Databases databases = null;
      Exchange.Folders folders = null;
      if (kind.database) {
        String next = kind.undoing ? name + "_before_" + earlier : "restore_" + run + "_1";
        make(next, "new");
        if (kind.undoing) {
          allowConnections(next, false);
        }
        if (kind.existed) {
          make(name, "old");
          if (kind.closed()) {
            allowConnections(name, false);
          }
        }
        databases = database.plan(run, next);
      }
      if (kind.media) {
        Path kept = kept(run);
        folders =
            new Exchange.Folders(
                media.toString(),
                kind.within,
                kind.existed,
                kept.toString(),
                kind.undoing && !kind.bringsNothing() ? kept(earlier).toString() : null,
                kind.bringsNothing());
        if (folders.nextFrom() != null) {
          plant(kept(earlier), "new");
        }
        if (kind.existed) {
          plant(media, "old");
        }
        Gate gate = gate(folders, 1, SwapIT::noTrouble);
        gate.make();
        if (folders.nextFrom() != null) {
          gate.takeNext(kept(earlier));
        } else if (kind.bringsNothing()) {
          Path _ = Files.createDirectory(gate.next());
        } else {
          plant(gate.next(), "new");
        }
        gate.seal();
      }
      begun = new Begun(1, new Exchange(databases, folders), null, null, null, Map.of(), List.of());
      Journal journal = journal(1);
      journal.take();
      assertThat(journal.append(begun)).isTrue();
    }

    private Path kept(RunId of) {
      return kind.within
          ? media.resolve(".before-" + of)
          : media.resolveSibling("storage_before_" + of);
    }

    private Journal journal(int epoch) {
      return new Journal(new Decisions(store), run, work(epoch));
    }

    private Work work(int epoch) {
      return new Work(run, Component.RESTORE, epoch);
    }

    private Gate gate(Exchange.Folders folders, int epoch, Consumer<String> steps) {
      return new Gate(folders, work(epoch), tools, rsync, steps);
    }

    Swap epoch(int epoch, Consumer<String> steps) throws InterruptedException {
      Journal journal = journal(epoch);
      journal.take();
      return new Swap(
          begun,
          journal,
          work(epoch),
          kind.database ? Optional.of(database) : Optional.empty(),
          Optional.ofNullable(begun.exchange().media()).map(folders -> gate(folders, epoch, steps)),
          true,
          false,
          steps);
    }

    void assertOldOrNew(boolean old, String when) throws Exception {
      if (old) {
        assertOld(when);
      } else {
        assertNew(when);
      }
    }

    void assertNew(String when) throws Exception {
      if (kind.database) {
        assertDatabase("new", when);
        assertThat(databases())
            .as(when)
            .containsExactlyElementsOf(
                kind.existed ? List.of(name, name + "_before_" + run) : List.of(name));
      }
      if (kind.media) {
        removeGates();
        if (kind.bringsNothing()) {
          assertThat(media).as(when).doesNotExist();
        } else {
          assertFiles(media, "new", when);
        }
        if (kind.existed) {
          assertFiles(kept(run), "old", when);
        }
        assertBeside(when, kept(run));
      }
    }

    private void assertDatabase(String content, String when) throws SQLException {
      assertThat(
              text(
                  "postgres",
                  "SELECT datallowconn FROM pg_database WHERE datname = '%s'".formatted(name)))
          .as(when)
          .isEqualTo(kind.closed() ? "f" : "t");
      allowConnections(name, true);
      assertThat(text(name, "SELECT it FROM what")).as(when).isEqualTo(content);
      allowConnections(name, !kind.closed());
    }

    private static void assertFiles(Path where, String content, String when) throws IOException {
      boolean old = content.equals("old");
      assertThat(list(where))
          .as(when)
          .containsExactly(
              (old ? "an " : "a ") + content + " file", "both", content, content + "/file");
      assertThat(where.resolve("both")).as(when).hasContent(content);
      assertThat(describe(where)).as(when).isEqualTo(old ? OLD : NEW);
    }

    private void removeGates() throws IOException {
      Gate.remove(requireNonNull(begun.exchange().media()), run, Integer.MAX_VALUE);
    }

    void assertOld(String when) throws Exception {
      if (kind.database) {
        assertThat(databases())
            .as(when)
            .contains(requireNonNull(begun.exchange().database()).nextName())
            .hasSize(kind.existed ? 2 : 1);
        if (kind.existed) {
          assertDatabase("old", when);
        }
      }
      if (kind.media) {
        removeGates();
        if (kind.existed) {
          assertFiles(media, "old", when);
        } else {
          assertThat(media).as(when).doesNotExist();
        }
        if (kind.undoing && !kind.bringsNothing()) {
          assertFiles(kept(earlier), "new", when);
        }
        assertBeside(when, kept(earlier));
      }
    }

    /** There is nothing else. */
    private void assertBeside(String when, Path kept) throws IOException {
      try (Stream<Path> beside = Files.list(media.getParent())) {
        assertThat(beside).as(when).allMatch(path -> path.equals(media) || path.equals(kept));
      }
      if (Files.isDirectory(media)) {
        try (Stream<Path> within = Files.list(media)) {
          assertThat(within.filter(Gate::isOwn)).as(when).allMatch(kept::equals);
        }
      }
    }

    /** What is on another disk then; of this one nothing but an empty folder is there. */
    private Path disk() {
      return kind.within ? media : requireNonNull(media.getParent());
    }

    void takeTheDiskAway() throws IOException {
      Files.move(disk(), folder.resolve(name + " away"));
      Files.createDirectories(disk());
    }

    void bringTheDiskBack() throws IOException {
      Files.delete(disk());
      Files.move(folder.resolve(name + " away"), disk());
    }

    /** A folder that no restore has to do with, and that looks like a gate. */
    private final class Elsewhere {
      private final Path folder = SwapIT.folder.resolve(name + " elsewhere");
      private final List<String> before;

      Elsewhere() throws IOException {
        for (String chamber : List.of("1", "2", "")) {
          for (String child : List.of("next", "incoming", "previous", "strays/1", "names")) {
            plant(folder.resolve(chamber).resolve(child), "new");
          }
        }
        before = list(folder);
      }

      private Path gate(int number) {
        String gate = ".restore-" + run + "-" + number;
        return kind.within ? media.resolve(gate) : media.resolveSibling(".storage" + gate);
      }

      void putALinkInTheGatesPlace() {
        try {
          FileTime modified = Files.getLastModifiedTime(gate(1).getParent());
          Files.move(gate(1), gate(9));
          Files.createSymbolicLink(gate(1), folder);
          Files.setLastModifiedTime(gate(1).getParent(), modified);
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }

      void putTheGateBack() throws IOException {
        FileTime modified = Files.getLastModifiedTime(gate(1).getParent());
        Files.delete(gate(1));
        Files.move(gate(9), gate(1));
        Files.setLastModifiedTime(gate(1).getParent(), modified);
      }

      void assertUntouched(String when) {
        assertThat(list(folder)).as(when).isEqualTo(before);
      }
    }

    /** Makes at every step whatever is not there, until the exchange lets it use its new files. */
    private final class Application implements Consumer<String> {
      private static final Set<String> LATE =
          Set.of(
              "the target is filled", "rename the databases", "keep the previous folder", "done");
      private final List<String> made = new ArrayList<>();
      private boolean late;

      @Override
      public void accept(String step) {
        late |= LATE.contains(step);
        if (!late && (kind.within || !Files.exists(media))) {
          try {
            Files.createDirectories(media);
            for (String file : List.of("both", "other", "new/by the application", "old/too")) {
              Path path = media.resolve(file);
              Path top = media.resolve(media.relativize(path).getName(0));
              if (!Files.exists(top)) {
                Files.createDirectories(path.getParent());
                made.add(file + ", number " + made.size());
                Files.writeString(path, made.getLast());
              }
            }
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        }
      }

      /** Nothing is lost, and nothing that it made is where the new files are. */
      void assertKept(boolean back, String when) throws Exception {
        removeGates();
        List<String> contents = new ArrayList<>();
        try (Stream<Path> files = Files.walk(media.getParent())) {
          for (Path file : files.filter(Files::isRegularFile).toList()) {
            contents.add(Files.readString(file));
          }
        }
        assertThat(contents).as(when).containsAll(made);
        Path old = back ? media : kept(run);
        assertThat(list(old)).as(when).contains("an old file", "both", "old", "old/file");
        assertThat(old.resolve("both")).as(when).hasContent("old");
        if (!back) {
          assertFiles(media, "new", when);
        }
      }
    }

    private Set<String> databases() throws SQLException {
      Set<String> names = new TreeSet<>();
      try (Connection connection = postgres.connect("postgres");
          Statement statement = connection.createStatement();
          ResultSet rows =
              statement.executeQuery(
                  "SELECT datname FROM pg_database WHERE datname = '%1$s' OR datname LIKE '%1$s\\_%%' OR datname LIKE 'restore\\_%2$s%%'"
                      .formatted(name, run))) {
        while (rows.next()) {
          names.add(rows.getString(1));
        }
      }
      return names;
    }
  }

  private static Settings.Database asUser(String database) {
    return new Settings.Database(PostgresTestServer.HOST, postgres.port(), database, USER, null);
  }

  private static void make(String database, String content) {
    postgres.execute(
        "postgres", "CREATE DATABASE \"" + database + "\" TEMPLATE template0 OWNER " + USER);
    postgres.execute(database, "CREATE TABLE what AS SELECT '" + content + "'::text AS it");
  }

  private static void allowConnections(String database, boolean allowed) {
    postgres.execute(
        "postgres", "ALTER DATABASE \"" + database + "\" ALLOW_CONNECTIONS " + allowed);
  }

  private static String text(String database, String query) throws SQLException {
    try (Connection connection = postgres.connect(database);
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      assertThat(row.next()).isTrue();
      return row.getString(1);
    }
  }
}
