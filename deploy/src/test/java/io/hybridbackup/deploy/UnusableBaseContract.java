package io.hybridbackup.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.event.Fact.BackupCompleted;
import io.hybridbackup.common.event.Fact.BackupOutcome;
import io.hybridbackup.common.event.Fact.ComponentFailed;
import io.hybridbackup.common.event.Fact.RestoreCompleted;
import io.hybridbackup.common.event.Fact.RestoreFailed;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.ObjectStores;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.deploy.Installation.Misbehaviour;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What becomes of a backup whose base goes bad, before it or between the choice of the base and the
 * composition of the archive: in each store, for a database and for files.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(600)
abstract class UnusableBaseContract {
  private static final String DATABASE = "pages";
  private static final String FILES = "scans";
  private static final int PAGES = 20_000;
  private static final int SCANS = 40;
  private static final int SCAN_BYTES = 500_000;

  private Path folder;
  private PostgresTestServer postgres;
  private Site site;

  /** What happens to the base while the backup is under way. */
  enum Mishap {
    DELETED,
    OVERWRITTEN,
    /** Below the store, by somebody who writes other bytes into its file. */
    WRITTEN_TO,
    /** By the disk: nothing but a byte of the content shows it. */
    DAMAGED
  }

  /**
   * An empty store.
   *
   * @param root holds each object's bytes in a file whose path below it is the key
   * @param stop ends what has been started for it
   */
  record Place(Settings.Store settings, Path root, Runnable stop) {}

  /** Makes an empty store that keeps everything in a folder. */
  abstract Place place(Path folder);

  /** Whether the store tells the checksum of an archive as it lies there. */
  abstract boolean tellsChecksums();

  @BeforeAll
  void start(@TempDir Path temporary) throws IOException {
    folder = temporary;
    postgres = PostgresTestServer.start();
    Sample.createLargeDatabase(postgres, DATABASE, PAGES);
    Path scans = Files.createDirectory(folder.resolve(FILES));
    Random random = new Random(1);
    byte[] scan = new byte[SCAN_BYTES];
    for (int i = 0; i < SCANS; i++) {
      random.nextBytes(scan);
      Files.write(scans.resolve("scan-%02d.jpg".formatted(i)), scan);
    }
    site = new Site("checked", 100);
  }

  @AfterAll
  void stop() {
    site.close();
    postgres.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {DATABASE, FILES})
  void shouldMakeEverythingAnewWhereTheBaseIsFoundDamaged(String source) throws IOException {
    // given
    ObjectKey base = key(site.backUp(source));
    corrupt(site.file(base));

    // when
    RunId run = site.installation.console.backup(source);

    // then
    assertDoneWithout(base, Mishap.DAMAGED, run);

    // when
    BackupCompleted next = site.backUp(source);

    // then
    assertThat(next.state()).isEqualTo(BackupOutcome.COMPLETE);
    assertThat(next.reusedBytes()).isPositive();
  }

  @ParameterizedTest
  @EnumSource
  void shouldMakeADatabaseAnewWhoseBaseIsMeanwhile(Mishap mishap) throws IOException {
    assertMadeAnew(DATABASE, mishap);
  }

  @ParameterizedTest
  @EnumSource
  void shouldMakeFilesAnewWhoseBaseIsMeanwhile(Mishap mishap) throws IOException {
    assertMadeAnew(FILES, mishap);
  }

  private void assertMadeAnew(String source, Mishap mishap) throws IOException {
    // given
    ObjectKey base = key(site.backUp(source));

    // when
    RunId run = site.backUpWhile(source, () -> site.cause(mishap, base));

    // then
    assertDoneWithout(base, mishap, run);
  }

  private void assertDoneWithout(ObjectKey base, Mishap mishap, RunId run) {
    BackupCompleted completed = site.installation.console.awaitEnd(run, BackupCompleted.class);
    assertThat(site.installation.console.facts(run, ComponentFailed.class))
        .extracting(ComponentFailed::code)
        .containsExactly(FailureCode.BASE_CHANGED);
    assertThat(completed.origin().attempt()).isEqualTo(2);
    assertThat(completed.reusedBytes()).isZero();
    if (mishap == Mishap.DAMAGED) {
      assertThat(completed.state()).isEqualTo(BackupOutcome.COMPLETE_WITH_WARNINGS);
      assertThat(completed.warnings())
          .anyMatch(warning -> warning.contains("is damaged") && warning.contains(base.name()));
    }
    site.restore(completed);
  }

  /** Where nobody has read a range since it was damaged, only a checksum of the whole can tell. */
  @Test
  void shouldNeverRestoreAWrongByteOfWhatWasNotChecked() throws IOException {
    try (Site unchecked = new Site("unchecked", 0)) {
      for (String source : List.of(DATABASE, FILES)) {
        // given
        ObjectKey base = key(unchecked.backUp(source));
        corrupt(unchecked.file(base));

        // when
        BackupCompleted completed = unchecked.backUp(source);

        // then
        if (tellsChecksums()) {
          assertThat(completed.origin().attempt()).isEqualTo(2);
          assertThat(completed.reusedBytes()).isZero();
          assertThat(completed.warnings())
              .anyMatch(warning -> warning.contains("is damaged") && warning.contains(base.name()));
          assertThat(unchecked.isMarked(base)).isTrue();
          unchecked.restore(completed);
        } else {
          assertThat(completed.reusedBytes()).isPositive();
          unchecked.failToRestore(completed);
          assertThat(unchecked.isMarked(key(completed))).isTrue();
        }
      }
    }
  }

  private static ObjectKey key(BackupCompleted completed) {
    return new ObjectKey(completed.archiveKey());
  }

  /** Changes a byte where nothing but the content shows it. */
  private static void corrupt(Path file) throws IOException {
    FileTime modified = Files.getLastModifiedTime(file);
    try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
      long offset = open.length() / 2;
      open.seek(offset);
      int value = open.read();
      open.seek(offset);
      open.write(value ^ 1);
    }
    Files.setLastModifiedTime(file, modified);
  }

  /** What happens while a backup waits. */
  private interface Happening {
    void happen() throws IOException;
  }

  /** An installation with a store of its own. */
  private final class Site implements AutoCloseable {
    final Installation installation;
    private final Path own;
    private final Place place;
    private final ObjectStore store;
    private final String database;
    private final Path files;

    Site(String name, int scrubPercent) throws IOException {
      own = Files.createDirectory(folder.resolve(name));
      place = place(own);
      store = ObjectStores.open(place.settings());
      database = "restored_" + name;
      files = own.resolve("restored");
      installation =
          Installation.start(
              own,
              postgres,
              place.settings(),
              new Settings.Jobs(
                  Installation.LEASE,
                  Duration.ofMillis(300),
                  Duration.ofMinutes(5),
                  3,
                  Duration.ofSeconds(30),
                  4,
                  Settings.WhenBusy.WAIT,
                  Duration.ofHours(1),
                  true,
                  scrubPercent),
              Map.of(
                  new SourceName(DATABASE),
                  new Settings.Source(postgres.settings(DATABASE), null, null),
                  new SourceName(FILES),
                  new Settings.Source(null, media(folder.resolve(FILES)), null)),
              Map.of(
                  new TargetName(DATABASE),
                  new Settings.Target(postgres.settings(database), null),
                  new TargetName(FILES),
                  new Settings.Target(null, media(files))));
    }

    private static Settings.Media media(Path location) {
      return new Settings.Media(location, List.of(), false);
    }

    Path file(ObjectKey key) {
      return place.root().resolve(key.value());
    }

    /** Whether no backup builds upon it any more. */
    boolean isMarked(ObjectKey archive) {
      return store.find(RunKeys.damaged(archive)).isPresent();
    }

    BackupCompleted backUp(String source) {
      return installation.console.awaitEnd(
          installation.console.backup(source), BackupCompleted.class);
    }

    /** Begins a backup that waits, with its base chosen, until something has happened. */
    RunId backUpWhile(String source, Happening happening) throws IOException {
      boolean database = source.equals(DATABASE);
      String tool = database ? "pg_dump" : "rsync";
      Files.deleteIfExists(own.resolve(tool + ".frozen"));
      misbehave(database, Misbehaviour.FREEZES);
      RunId run = installation.console.backup(source);
      ProcessHandle waiting = installation.awaitFrozen(tool, 1).getLast();
      try {
        happening.happen();
      } finally {
        misbehave(database, Misbehaviour.NONE);
        RunningProgram.thaw(waiting);
      }
      return run;
    }

    private void misbehave(boolean database, Misbehaviour misbehaviour) throws IOException {
      if (database) {
        installation.pgDump(misbehaviour);
      } else {
        installation.rsync(misbehaviour);
      }
    }

    void cause(Mishap mishap, ObjectKey base) throws IOException {
      Path file = file(base);
      byte[] other = new byte[(int) Files.size(file)];
      switch (mishap) {
        case DELETED -> store.delete(base);
        case OVERWRITTEN -> store.overwrite(base, other);
        case WRITTEN_TO -> Files.write(file, other);
        case DAMAGED -> corrupt(file);
      }
    }

    /** It restores to exactly what the source has. */
    void restore(BackupCompleted completed) {
      postgres.execute("postgres", "DROP DATABASE IF EXISTS " + database);
      Commands.run("rm", "-rf", files.toString());
      RestoreCompleted _ = installation.console.awaitEnd(asked(completed), RestoreCompleted.class);
      if (completed.source().equals(DATABASE)) {
        Sample.assertSameDatabase(postgres, DATABASE, database);
      } else {
        Sample.assertSameFiles(folder.resolve(FILES), files);
      }
    }

    void failToRestore(BackupCompleted completed) {
      RestoreFailed failed = installation.console.awaitEnd(asked(completed), RestoreFailed.class);
      assertThat(failed.code()).isEqualTo(FailureCode.ARCHIVE_CORRUPT);
      installation.assertUntouched(postgres, database);
      assertThat(files).doesNotExist();
    }

    private RunId asked(BackupCompleted completed) {
      return installation.console.restore(
          completed.source(), completed.archive().value(), completed.source());
    }

    @Override
    public void close() {
      installation.close();
      store.close();
      place.stop().run();
    }
  }
}
