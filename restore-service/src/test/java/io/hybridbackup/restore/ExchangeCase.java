package io.hybridbackup.restore;

import static io.hybridbackup.restore.ApplicationFiles.NEW;
import static io.hybridbackup.restore.ApplicationFiles.OLD;
import static io.hybridbackup.restore.ApplicationFiles.describe;
import static io.hybridbackup.restore.ApplicationFiles.list;
import static io.hybridbackup.restore.ApplicationFiles.plant;
import static io.hybridbackup.restore.Interruption.GIVEN_UP;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.Decisions;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.restore.Journal.Begun;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.io.TempDirFactory;

/**
 * Exchanges to be troubled at every step. They are done as a user who owns the databases and is no
 * superuser.
 */
abstract class ExchangeCase {
  static final String USER = "keeper";

  /** In memory where there is such a place, as every step waits for the disk. */
  @TempDir(factory = InMemory.class)
  static Path folder;

  static final AtomicInteger cases = new AtomicInteger();
  static PostgresTestServer postgres;
  static FilesystemObjectStore store;
  static NativeTools tools;

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
    static final Path MEMORY = Path.of("/dev/shm");

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

    final boolean database;
    final boolean media;
    final boolean within;
    final boolean existed;
    final boolean undoing;

    Kind(boolean database, boolean media, boolean within, boolean existed, boolean undoing) {
      this.database = database;
      this.media = media;
      this.within = within;
      this.existed = existed;
      this.undoing = undoing;
    }

    boolean bringsNothing() {
      return this == UNDOING_THE_FIRST;
    }

    /** Nobody may connect to the target. */
    boolean closed() {
      return this == CLOSED_DATABASE_ALONE;
    }
  }

  /** Something that happens at one step of an exchange. */
  static final class Trouble implements Consumer<String> {
    Runnable trouble;
    int left;
    boolean happened = true;

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

  /** As a service does it: what cannot go back goes forward. */
  static boolean giveUp(Ending epoch) throws Exception {
    return epoch.back(GIVEN_UP) || !epoch.forward();
  }

  static void noTrouble(String step) {}

  /** A target in use, and all that is to take its place, whole. */
  static final class Target {
    final Kind kind;
    final String name = "app" + cases.incrementAndGet();
    final RunId run = RunId.ofRequest("/test", name);
    final RunId earlier = RunId.ofRequest("/test/earlier", name);
    final Path media = folder.resolve(name).resolve("storage");
    final DatabaseTarget database =
        new DatabaseTarget(
            new Postgres(asUser(name)),
            Settings.Target.TEMPLATE,
            new PgRestore(tools, postgres.program("pg_restore"), 1),
            new Psql(tools, postgres.program("psql")));
    final Begun begun;
    String rsync = "rsync";

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
        Gate gate = gate(folders, 1, ExchangeCase::noTrouble);
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

    Path kept(RunId of) {
      return kind.within
          ? media.resolve(".before-" + of)
          : media.resolveSibling("storage_before_" + of);
    }

    Journal journal(int epoch) {
      return new Journal(new Decisions(store), run, work(epoch));
    }

    Work work(int epoch) {
      return new Work(run, Component.RESTORE, epoch);
    }

    Gate gate(Exchange.Folders folders, int epoch, Consumer<String> steps) {
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

    void assertDatabase(String content, String when) throws SQLException {
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

    static void assertFiles(Path where, String content, String when) throws IOException {
      boolean old = content.equals("old");
      assertThat(list(where))
          .as(when)
          .containsExactly(
              (old ? "an " : "a ") + content + " file", "both", content, content + "/file");
      assertThat(where.resolve("both")).as(when).hasContent(content);
      assertThat(describe(where)).as(when).isEqualTo(old ? OLD : NEW);
    }

    void removeGates() throws IOException {
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
    void assertBeside(String when, Path kept) throws IOException {
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
    Path disk() {
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
    final class Elsewhere {
      final Path folder = SwapIT.folder.resolve(name + " elsewhere");
      final List<String> before;

      Elsewhere() throws IOException {
        for (String chamber : List.of("1", "2", "")) {
          for (String child : List.of("next", "incoming", "previous", "strays/1", "names")) {
            plant(folder.resolve(chamber).resolve(child), "new");
          }
        }
        before = list(folder);
      }

      Path gate(int number) {
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
    final class Application implements Consumer<String> {
      static final Set<String> LATE =
          Set.of(
              "the target is filled", "rename the databases", "keep the previous folder", "done");
      final List<String> made = new ArrayList<>();
      boolean late;

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

    Set<String> databases() throws SQLException {
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

  static Settings.Database asUser(String database) {
    return new Settings.Database(PostgresTestServer.HOST, postgres.port(), database, USER, null);
  }

  static void make(String database, String content) {
    postgres.execute(
        "postgres", "CREATE DATABASE \"" + database + "\" TEMPLATE template0 OWNER " + USER);
    postgres.execute(database, "CREATE TABLE what AS SELECT '" + content + "'::text AS it");
  }

  static void allowConnections(String database, boolean allowed) {
    postgres.execute(
        "postgres", "ALTER DATABASE \"" + database + "\" ALLOW_CONNECTIONS " + allowed);
  }

  static String text(String database, String query) throws SQLException {
    try (Connection connection = postgres.connect(database);
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      assertThat(row.next()).isTrue();
      return row.getString(1);
    }
  }
}
