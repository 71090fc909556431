package io.hybridbackup.restore;

import static io.hybridbackup.restore.ApplicationFiles.NEW;
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
import io.hybridbackup.common.event.Dependent;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.RestoreOptions;
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
import io.hybridbackup.restore.Journal.Torn;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Overwrites targets in place as a user who may not create databases, and kills and freezes that at
 * every step.
 */
@Timeout(300)
class OverwriteIT {
  private static final String USER = "managed";

  @TempDir private static Path folder;

  private static final AtomicInteger cases = new AtomicInteger();
  private static PostgresTestServer postgres;
  private static FilesystemObjectStore store;
  private static NativeTools tools;
  private static Path dump;
  private static String archived;

  @BeforeAll
  static void start() throws IOException {
    postgres = PostgresTestServer.start();
    store = new FilesystemObjectStore(folder.resolve("store"));
    tools = new NativeTools();
    postgres.execute("postgres", "CREATE ROLE " + USER + " LOGIN");
    make("source");
    postgres.execute(
        "source",
        """
        SET ROLE managed;
        CREATE TABLE kind (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
        INSERT INTO kind (name) SELECT 'of the archive ' || n FROM generate_series(1, 2000) n;
        CREATE INDEX ON kind USING gin (name ext.gin_trgm_ops);
        CREATE SCHEMA letters;
        CREATE TABLE letters.letter (id int REFERENCES kind, body text);
        INSERT INTO letters.letter SELECT id, E'\\\\. and\\ttab' FROM kind;
        CREATE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 42';
        CREATE VIEW names AS SELECT name FROM kind;
        SELECT lo_from_bytea(4711, 'a large object');
        SELECT lo_from_bytea(4712, 'another');
        """);
    dump = dump("source");
    archived = content("source");
  }

  @AfterAll
  static void stop() {
    tools.close();
    store.close();
    postgres.close();
  }

  /** What is overwritten. */
  enum Kind {
    DATABASE_AND_FOLDER(true, true, false),
    DATABASE_ALONE(true, false, false),
    FOLDER_ALONE(false, true, false),
    MOUNT_POINT_ALONE(false, true, true);

    private final boolean database;
    private final boolean media;
    private final boolean within;

    Kind(boolean database, boolean media, boolean within) {
      this.database = database;
      this.media = media;
      this.within = within;
    }
  }

  @Test
  void shouldMakeADatabaseWhatTheArchiveHasAndKeepItsExtensions() throws Exception {
    // given
    Target target = new Target(Kind.DATABASE_ALONE);
    postgres.execute(
        target.name,
        """
        SET ROLE managed;
        CREATE TYPE mood AS ENUM ('good', 'bad');
        CREATE DOMAIN short AS text CHECK (length(VALUE) < 10);
        CREATE TYPE pair AS (a int, b mood);
        CREATE TYPE span AS RANGE (subtype = int);
        CREATE SEQUENCE numbers;
        CREATE TABLE parted (id bigserial, at date, p pair, s span) PARTITION BY RANGE (at);
        CREATE TABLE parted_2026 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
        CREATE MATERIALIZED VIEW seen AS SELECT * FROM parted;
        CREATE STATISTICS together ON id, at FROM parted;
        CREATE FUNCTION bare(mood, pair[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE PROCEDURE act(INOUT a int) LANGUAGE plpgsql AS 'BEGIN a := 1; END';
        CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int);
        CREATE FUNCTION same(mood, mood) RETURNS boolean LANGUAGE sql AS 'SELECT true';
        CREATE OPERATOR === (leftarg = mood, rightarg = mood, function = same);
        CREATE FUNCTION worth(mood) RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE CAST (mood AS int) WITH FUNCTION worth(mood);
        CREATE TEXT SEARCH CONFIGURATION plain (COPY = simple);
        CREATE COLLATION plain FROM "C";
        CREATE PUBLICATION everything FOR TABLE parted;
        CREATE FUNCTION ext.ours() RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE SCHEMA "Odd .name";
        CREATE TABLE "Odd .name"."a table" (id int);
        SELECT lo_from_bytea(4711, 'not of the archive');
        SELECT lo_from_bytea(99, 'nor this');
        """);
    String extension = one(target.name, "SELECT oid FROM pg_extension WHERE extname = 'pg_trgm'");

    // when
    target.epoch(1).forward();

    // then
    target.assertNew("");
    assertThat(one(target.name, "SELECT oid FROM pg_extension WHERE extname = 'pg_trgm'"))
        .isEqualTo(extension);
    assertThat(one(target.name, "SELECT convert_from(lo_get(4711), 'UTF8')"))
        .isEqualTo("a large object");
  }

  @Test
  void shouldLeaveTheDatabaseAloneWhenTheDumpFailsInTheMiddle() throws Exception {
    // given
    make("unfit");
    postgres.execute(
        "unfit",
        """
        CREATE TABLE first AS SELECT 1 AS id;
        CREATE FUNCTION native(int) RETURNS int LANGUAGE internal AS 'int4abs';
        CREATE TABLE last AS SELECT 1 AS id;
        ALTER TABLE last ADD CHECK (native(id) > 0);
        """);
    Target target = new Target(Kind.DATABASE_AND_FOLDER);
    target.dump = dump("unfit");
    Overwrite overwrite = target.epoch(1);

    // when
    assertThatThrownBy(overwrite::forward)
        .isInstanceOf(ComponentFailure.class)
        .hasMessageContaining("permission denied for language internal");
    assertThat(target.epoch(1).back(GIVEN_UP)).isTrue();

    // then
    target.assertOld("");
    assertThat(target.journal(1).end()).contains(GIVEN_UP);
  }

  @Test
  void shouldLeaveTheDatabaseAloneWhenPgRestoreStopsHalfway() throws Exception {
    // given
    Target target = new Target(Kind.DATABASE_ALONE);
    target.pgRestore =
        script(
            "halfway",
            "case \"$*\" in *--single-transaction*) %1$s \"$@\" | head -c 20000 ;; *) exec %1$s \"$@\" ;; esac"
                .formatted(postgres.program("pg_restore")));
    Overwrite overwrite = target.epoch(1);

    // when
    assertThatThrownBy(overwrite::forward)
        .isInstanceOf(ComponentFailure.class)
        .hasMessageContaining("did not write the whole");

    // then
    target.assertOld("");
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
      assertThat(target.epoch(killed ? 2 : 1).forward()).isTrue();

      // then
      target.assertNew("killed at step " + step);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Kind.class,
      names = {"FOLDER_ALONE", "MOUNT_POINT_ALONE"})
  void shouldWaitForADiskThatIsAwayWhenKilledAtAnyStep(Kind kind) throws Exception {
    boolean killed = true;
    for (int step = 0; killed; step++) {
      // given
      Target target = new Target(kind);
      killed = isKilled(step, steps -> target.epoch(1, steps), Ending::forward);
      if (killed) {
        Path away = folder.resolve(target.name + " away");
        Path disk = kind.within ? target.media : requireNonNull(target.media.getParent());
        Files.move(disk, away);
        Files.createDirectory(disk);

        // when
        Overwrite next = target.epoch(2);
        for (ThrowingCallable call :
            List.<ThrowingCallable>of(next::forward, () -> next.back(GIVEN_UP))) {
          assertThatThrownBy(call)
              .isInstanceOfSatisfying(
                  ComponentFailure.class,
                  failure -> {
                    assertThat(failure.retryable()).isTrue();
                    assertThat(failure.code()).isEqualTo(FailureCode.MEDIA_MISSING);
                  });
        }

        // then
        Files.delete(disk);
        Files.move(away, disk);
        assertThat(next.forward()).isTrue();
      }
      target.assertNew("killed at step " + step);
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void shouldSayHowFarItGotWhenKilledAtAnyStepAndGivenUp(Kind kind) throws Exception {
    boolean killed = true;
    List<String> ends = new ArrayList<>();
    for (int step = 0; killed; step++) {
      // given
      Target target = new Target(kind);
      killed = isKilled(step, steps -> target.epoch(1, steps), Ending::forward);

      // when
      Overwrite next = target.epoch(killed ? 2 : 1);
      boolean back = next.back(GIVEN_UP);

      // then
      String when = "killed at step " + step;
      if (!back) {
        assertThat(next.forward()).as(when).isTrue();
        target.assertNew(when);
        ends.add("new");
      } else if (target.journal(2).end().orElseThrow() instanceof Torn torn) {
        assertThat(torn.message()).as(when).contains("no luck", "restore in place again");
        assertThat(torn.message().contains("the database has what the archive has"))
            .as(when)
            .isEqualTo(kind.database);
        if (kind.database) {
          target.tidyUp();
          assertThat(content(target.name)).as(when).isEqualTo(archived);
        }
        ends.add("torn");
      } else {
        target.assertOld(when);
        ends.add("old");
      }
    }
    assertThat(ends).contains("old", "new");
    assertThat(ends.contains("torn")).isEqualTo(kind.media);
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void shouldChangeNothingMoreWhenFrozenAtAnyStepAndThawedAfterTheEnd(Kind kind) throws Exception {
    boolean frozen = true;
    for (int step = 0; frozen; step++) {
      // given
      Target target = new Target(kind);
      try (Frozen first = new Frozen(step, steps -> target.epoch(1, steps), Ending::forward)) {
        frozen = first.isFrozen();

        // when
        if (frozen) {
          assertThat(target.epoch(2).forward()).isTrue();
          target.tidyUp();
          target.goOn();
        }
        assertThat(first.thaw()).isNotEqualTo(frozen);
      }

      // then
      if (frozen) {
        target.assertGoneOn("frozen at step " + step);
      }
    }
  }

  @Test
  void shouldChangeNothingWhenItsPsqlStartsOnlyAfterALaterEpoch() throws Exception {
    for (boolean tidied : List.of(false, true)) {
      // given
      Target target = new Target(Kind.DATABASE_ALONE);
      Path started = folder.resolve(target.name + ".started");
      Path go = folder.resolve(target.name + ".go");
      target.psql =
          script(
              "late-" + target.name,
              "case \"$*\" in *--file*) touch %s; until [ -e %s ]; do sleep 0.05; done ;; esac; exec %s \"$@\""
                  .formatted(started, go, postgres.program("psql")));
      try (Frozen first =
          new Frozen(Integer.MAX_VALUE, steps -> target.epoch(1, steps), Ending::forward)) {
        await().atMost(Duration.ofSeconds(30)).until(() -> Files.exists(started));
        target.psql = postgres.program("psql");
        assertThat(target.epoch(2).forward()).isTrue();
        if (tidied) {
          target.tidyUp();
        }
        target.goOn();

        // when
        Files.createFile(go);

        // then
        assertThat(first.thaw()).isFalse();
        target.assertGoneOn(tidied ? "without a marker" : "with another marker");
      }
    }
  }

  @Test
  void shouldEndTheTransactionOfAnEarlierEpochThatDoesNotGoOn() throws Exception {
    // given
    Target target = new Target(Kind.DATABASE_ALONE);
    target.pgRestore =
        script(
            "stalls",
            "case \"$*\" in *--single-transaction*) %1$s \"$@\" | head -c 20000; sleep 100 ;; *) exec %1$s \"$@\" ;; esac"
                .formatted(postgres.program("pg_restore")));
    try (Frozen _ =
        new Frozen(Integer.MAX_VALUE, steps -> target.epoch(1, steps), Ending::forward)) {
      await()
          .atMost(Duration.ofSeconds(30))
          .until(() ->
              !one(
                      "postgres",
                      "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'hybrid-backup-"
                          + target.run
                          + "-1' AND query LIKE 'COPY%'")
                  .equals("0"));
      target.pgRestore = postgres.program("pg_restore");

      // when
      assertThat(target.epoch(2).forward()).isTrue();

      // then
      target.assertNew("");
    }
  }

  @Test
  void shouldWaitForAnRsyncThatAnEarlierEpochHasLeftBehind() throws Exception {
    // given
    Target target = new Target(Kind.FOLDER_ALONE);
    Path started = folder.resolve("rsync.started");
    Path go = folder.resolve("rsync.go");
    target.rsync =
        script(
            "slow-rsync",
            "touch %s; until [ -e %s ]; do sleep 0.05; done; exec rsync \"$@\""
                .formatted(started, go));
    try (Frozen first =
        new Frozen(Integer.MAX_VALUE, steps -> target.epoch(1, steps), Ending::forward)) {
      await().atMost(Duration.ofSeconds(30)).until(() -> Files.exists(started));
      target.rsync = "rsync";
      CompletableFuture<Boolean> next = new CompletableFuture<>();
      Overwrite second = target.epoch(2);
      Thread.ofPlatform()
          .daemon()
          .start(() -> {
            try {
              next.complete(second.forward());
            } catch (Throwable e) {
              next.completeExceptionally(e);
            }
          });

      // when
      assertThatThrownBy(() -> next.get(2, TimeUnit.SECONDS)).isInstanceOf(TimeoutException.class);
      Files.createFile(go);

      // then
      assertThat(next.get(60, TimeUnit.SECONDS)).isTrue();
      assertThat(first.thaw()).isFalse();
      target.assertNew("");
    }
  }

  @Test
  void shouldSayWhatTheHalvesAreWhenTheFilesFail() throws Exception {
    // given
    Target target = new Target(Kind.DATABASE_AND_FOLDER);
    target.rsync = script("failing-rsync", "[ \"$1\" = --version ] || exit 11");
    Overwrite overwrite = target.epoch(1);
    assertThatThrownBy(overwrite::forward)
        .isInstanceOf(ComponentFailure.class)
        .hasMessageContaining("exit code 11");

    // when
    assertThat(overwrite.back(GIVEN_UP)).isTrue();

    // then
    assertThat(overwrite.forward()).isFalse();
    assertThat(target.journal(1).end().orElseThrow())
        .isInstanceOfSatisfying(
            Torn.class,
            torn ->
                assertThat(torn.message())
                    .contains("no luck", "the database has what the archive has, and some of"));
  }

  @Test
  void shouldOverwriteADatabaseThatItsSettingsKeepFromBeingChanged() throws Exception {
    // given
    Target target = new Target(Kind.DATABASE_ALONE);
    postgres.execute(
        "postgres", "ALTER DATABASE " + target.name + " SET default_transaction_read_only = on");

    // when
    assertThat(target.epoch(1).forward()).isTrue();

    // then
    target.assertNew("");
    assertThat(one(target.name, "SHOW default_transaction_read_only")).isEqualTo("on");
  }

  @Test
  void shouldNameWhatTheUserMayNotDrop() throws Exception {
    // given
    Target target = new Target(Kind.DATABASE_ALONE);
    postgres.execute(target.name, "CREATE SCHEMA hers; CREATE TABLE hers.secret (id int)");

    // when
    assertThatThrownBy(target::check)

        // then
        .isInstanceOf(ComponentFailure.class)
        .hasMessageContaining("may not drop")
        .hasMessageContaining("hers")
        .hasMessageContaining("GRANT \"hybrid\" TO \"managed\"");
  }

  @Test
  void shouldNameTheExtensionsThatTheDatabaseDoesNotHave() throws Exception {
    // given
    Target target = new Target(Kind.DATABASE_ALONE);
    postgres.execute(target.name, "DROP EXTENSION pg_trgm");

    // when
    assertThatThrownBy(target::check)

        // then
        .isInstanceOf(ComponentFailure.class)
        .hasMessageContaining("pg_trgm")
        .hasMessageContaining("CREATE EXTENSION");
  }

  @ParameterizedTest
  @EnumSource(Dependent.class)
  void shouldGoOnInSpiteOfWhatDependsOnTheDatabaseOnlyWhenToldTo(Dependent dependent)
      throws Exception {
    // given
    Target target = new Target(Kind.DATABASE_ALONE);
    String reader = "CREATE SUBSCRIPTION reader CONNECTION '' PUBLICATION p WITH (connect = false)";
    postgres.execute(
        target.name,
        switch (dependent) {
          case PREPARED_TRANSACTIONS ->
              "SET ROLE managed; BEGIN; INSERT INTO mine VALUES (2); PREPARE TRANSACTION 'it''s half'";
          case REPLICATION_SLOTS -> "SELECT pg_create_logical_replication_slot('slot', 'pgoutput')";
          case SUBSCRIPTIONS -> reader;
        });
    String expected = archived;
    if (dependent == Dependent.SUBSCRIPTIONS) {
      make("subscribed");
      postgres.execute("subscribed", "CREATE TABLE letter (id int); " + reader);
      target.dump = dump("subscribed");
      expected = content("subscribed");
      // Nobody else's dump has subscriptions.
      target.user = PostgresTestServer.USER;
    }

    // when
    assertThatThrownBy(target::check)

        // then
        .isInstanceOfSatisfying(
            ComponentFailure.class,
            failure -> {
              assertThat(failure.code()).isEqualTo(FailureCode.TARGET_IN_USE);
              assertThat(failure.getMessage()).contains("--override " + dependent.label());
            });

    // when
    target.overridden = Set.of(dependent);
    List<String> warnings = target.check();
    target.epoch(1).forward();

    // then
    String warned =
        switch (dependent) {
          case PREPARED_TRANSACTIONS -> "prepared transaction it's half has been rolled back";
          case REPLICATION_SLOTS -> "logical replication slot slot stays, and its subscriber";
          case SUBSCRIPTIONS -> "subscription reader stays, and brings nothing";
        };
    assertThat(warnings).anyMatch(warning -> warning.startsWith(warned));
    target.tidyUp();
    assertThat(content(target.name)).isEqualTo(expected);
  }

  /** A target in use, and what is to come in, verified. */
  private static final class Target {
    private final Kind kind;
    private final String name = "app" + cases.incrementAndGet();
    private final RunId run = RunId.ofRequest("/test", name);
    private final Path media = folder.resolve(name).resolve("storage");
    private final Begun begun;
    private final String before;
    private Path dump = OverwriteIT.dump;
    private String psql = postgres.program("psql");
    private String pgRestore = postgres.program("pg_restore");
    private String rsync = "rsync";
    private String user = USER;
    private @Nullable Set<Dependent> overridden;

    Target(Kind kind) throws Exception {
      this.kind = kind;
      Exchange.Folders folders = null;
      if (kind.database) {
        make(name);
        postgres.execute(
            name,
            "SET ROLE managed; CREATE TABLE mine AS SELECT 1 AS id; CREATE TABLE kind (other int);"
                + " CREATE SCHEMA letters; CREATE VIEW letters.all_mine AS SELECT * FROM mine");
      }
      before = kind.database ? content(name) : "";
      if (kind.media) {
        plant(media, "old");
        Files.createSymbolicLink(media.resolve("new"), Path.of("nowhere"));
        folders =
            new Exchange.Folders(
                media.toString(), kind.within, true, media + "_before", null, false);
        Gate gate = gate(folders, 1, step -> {});
        gate.make();
        plant(gate.next(), "new");
        gate.seal();
      }
      begun = new Begun(1, new Exchange(null, folders), null, null, null, Map.of(), List.of());
      Journal journal = journal(1);
      journal.take();
      assertThat(journal.append(begun)).isTrue();
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

    /** What it warns of. */
    List<String> check() throws Exception {
      List<String> warnings = new ArrayList<>();
      database()
          .check(new ArchivedDump("15.0", out -> Files.copy(dump, out), null), work(1), warnings);
      return warnings;
    }

    OverwrittenDatabase database() {
      return new OverwrittenDatabase(
          new Postgres(
              new Settings.Database(PostgresTestServer.HOST, postgres.port(), name, user, null)),
          new PgRestore(tools, pgRestore, 1),
          new Psql(tools, psql),
          run,
          new RestoreOptions(true, null, null, null, null, null, null, overridden, true, null));
    }

    Overwrite epoch(int epoch) throws InterruptedException {
      return epoch(epoch, step -> {});
    }

    Overwrite epoch(int epoch, Consumer<String> steps) throws InterruptedException {
      Journal journal = journal(epoch);
      journal.take();
      return new Overwrite(
          begun,
          journal,
          work(epoch),
          kind.database ? Optional.of(database()) : Optional.empty(),
          () -> dump,
          Optional.ofNullable(begun.exchange().media()).map(folders -> gate(folders, epoch, steps)),
          steps);
    }

    void tidyUp() throws Exception {
      Exchange.@Nullable Folders folders = begun.exchange().media();
      if (folders != null) {
        Gate.remove(folders, run, Integer.MAX_VALUE);
      }
      if (kind.database) {
        database().removeMarker();
      }
    }

    /** The application goes on with what it has got. */
    void goOn() throws IOException {
      if (kind.database) {
        postgres.execute(name, "CREATE TABLE afterwards AS SELECT 1 AS id");
      }
      if (kind.media) {
        Files.writeString(media.resolve("both"), "afterwards");
        Files.writeString(media.resolve("afterwards"), "afterwards");
      }
    }

    void assertGoneOn(String when) throws Exception {
      if (kind.database) {
        assertThat(one(name, "SELECT count(*) FROM afterwards")).as(when).isEqualTo("1");
        postgres.execute(name, "DROP TABLE afterwards");
      }
      if (kind.media) {
        assertThat(media.resolve("both")).as(when).hasContent("afterwards");
        assertThat(media.resolve("afterwards")).as(when).exists();
        Files.writeString(media.resolve("both"), "new");
        Files.delete(media.resolve("afterwards"));
        describe(media, NEW);
      }
      assertNew(when);
    }

    void assertNew(String when) throws Exception {
      tidyUp();
      if (kind.database) {
        assertThat(content(name)).as(when).isEqualTo(archived);
      }
      if (kind.media) {
        assertThat(list(media)).as(when).containsExactly("a new file", "both", "new", "new/file");
        assertThat(media.resolve("both")).as(when).hasContent("new");
        assertThat(describe(media)).as(when).isEqualTo(NEW);
        assertBeside(when);
      }
    }

    void assertOld(String when) throws Exception {
      tidyUp();
      if (kind.database) {
        assertThat(content(name)).as(when).isEqualTo(before);
      }
      if (kind.media) {
        assertThat(list(media))
            .as(when)
            .containsExactly("an old file", "both", "new", "old", "old/file");
        assertThat(media.resolve("both")).as(when).hasContent("old");
        assertBeside(when);
      }
    }

    /** There is nothing else. */
    private void assertBeside(String when) throws IOException {
      try (Stream<Path> beside = Files.list(media.getParent());
          Stream<Path> within = Files.list(media)) {
        assertThat(beside).as(when).containsExactly(media);
        assertThat(within.filter(Gate::isOwn)).as(when).isEmpty();
      }
    }
  }

  /** A database of the managed user, with an extension that somebody else has made. */
  private static void make(String database) {
    postgres.execute(
        "postgres", "CREATE DATABASE " + database + " TEMPLATE template0 OWNER " + USER);
    postgres.execute(
        database,
        "CREATE SCHEMA ext; GRANT ALL ON SCHEMA ext TO managed; CREATE EXTENSION pg_trgm SCHEMA ext");
    postgres.execute(database, "ALTER SCHEMA ext OWNER TO managed");
  }

  private static Path dump(String database) {
    Path file = folder.resolve(database + ".dump");
    Commands.run(
        postgres.program("pg_dump"), "--format=custom", "--file=" + file, postgres.url(database));
    return file;
  }

  /** All that is in a database, as SQL. */
  private static String content(String database) {
    return Commands.run(
            postgres.program("pg_dump"), "--no-owner", "--no-privileges", postgres.url(database))
        .lines()
        .filter(line -> !line.startsWith("\\restrict") && !line.startsWith("\\unrestrict"))
        .reduce("", (text, line) -> text + line + "\n");
  }

  private static String one(String database, String query) throws SQLException {
    try (Connection connection = postgres.connect(database);
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      assertThat(row.next()).isTrue();
      return row.getString(1);
    }
  }

  private static String script(String name, String text) throws IOException {
    Path script = folder.resolve(name);
    Files.writeString(script, "#!/bin/bash\n" + text + "\n");
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    return script.toString();
  }
}
