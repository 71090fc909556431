package io.hybridbackup.mediasync;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.archive.EntryPath;
import io.hybridbackup.common.event.Fact.BackupStarted;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.AttemptOpened;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.PartMaker;
import io.hybridbackup.common.job.ProgressReporter;
import io.hybridbackup.common.job.TestWork;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.messaging.TestPublisher;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.Commands;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class StagedTreeIT {
  private static final RunId RUN = RunId.ofRequest("/test", "1");
  private static final Instant TIME = Instant.parse("2026-01-11T02:00:00.100Z");

  private static final int LARGE = 20_000_000;

  @TempDir private Path folder;
  private final NativeTools tools = new NativeTools();
  private final EventPublisher publisher = TestPublisher.to(record -> {});
  private final Work work = TestWork.on(RUN, Component.MEDIA, 1);
  private final ProgressReporter progress =
      new ProgressReporter(publisher, Clock.systemUTC(), work, task(), "final-pass");

  private Path location;

  @BeforeEach
  void makeMedia() throws Exception {
    location = Files.createDirectory(folder.resolve("media"));
  }

  @AfterEach
  void close() {
    publisher.close();
    tools.close();
  }

  @Test
  void shouldCopyAFileAgainThatWasRewrittenWithinASecond() throws Exception {
    // given
    write(location.resolve("file"), "before", TIME);
    Rsync rsync = rsync("rsync", Settings.Staging.COPY);
    try (Staging staging = staging(Settings.Staging.COPY)) {
      Path copy = staging.copy().resolve("file");
      rsync.run(List.of("--delete"), staging, staging.copy(), work, progress);
      assertThat(copy).hasContent("before");

      // when
      write(location.resolve("file"), "after!", TIME.plusMillis(600));
      rsync.run(List.of("--delete"), staging, staging.copy(), work, progress);

      // then
      assertThat(copy).hasContent("after!");
      assertThat(Files.getLastModifiedTime(copy).toInstant()).isEqualTo(TIME.plusMillis(600));
    }
  }

  @ParameterizedTest
  @EnumSource(Settings.Staging.class)
  void shouldTellWhichPathsChangedTheirKindBetweenThePasses(Settings.Staging kind)
      throws Exception {
    // given
    write(Files.createDirectories(location.resolve("below/folder")).resolve("file"), "1", TIME);
    write(location.resolve("file"), "2", TIME);
    write(location.resolve("link"), "3", TIME);
    write(location.resolve("same"), "4", TIME);
    write(location.resolve("gone"), "5", TIME);
    for (String empty : List.of("empty", "empties/one", "empties/other", "still-empty")) {
      Path _ = Files.createDirectories(location.resolve(empty));
    }
    try (Staging staging = staging(kind)) {
      StagedTree tree = mirrored(staging, kind);

      // when
      Files.delete(location.resolve("below/folder/file"));
      Files.delete(location.resolve("below/folder"));
      write(location.resolve("below/folder"), "became a file", TIME);
      Files.delete(location.resolve("file"));
      write(Files.createDirectory(location.resolve("file")).resolve("inside"), "6", TIME);
      Files.delete(location.resolve("link"));
      Files.createSymbolicLink(location.resolve("link"), Path.of("same"));
      write(location.resolve("same"), "changed", TIME.plusSeconds(1));
      Files.delete(location.resolve("gone"));
      Files.delete(location.resolve("empty"));
      write(location.resolve("empty"), "became a file, too", TIME);
      Files.delete(location.resolve("empties/one"));
      Files.delete(location.resolve("empties/other"));
      Files.delete(location.resolve("empties"));
      Files.createSymbolicLink(location.resolve("empties"), Path.of("file"));
      SortedSet<Path> changed = tree.update(work, progress);

      // then
      assertThat(changed)
          .containsExactly(
              Path.of("below/folder"),
              Path.of("empties"),
              Path.of("empty"),
              Path.of("file"),
              Path.of("link"));
      assertThat(tree.root().resolve("empty")).hasContent("became a file, too");
      assertThat(tree.root().resolve("empties")).isSymbolicLink();
      assertThat(tree.root().resolve("still-empty")).isEmptyDirectory();
      assertThat(tree.root().resolve("below/folder")).hasContent("became a file");
      assertThat(tree.root().resolve("file/inside")).hasContent("6");
      assertThat(tree.root().resolve("gone")).hasContent("5");
      tree.end();
      assertThat(staging.replaced()).doesNotExist();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void shouldPartFilesThatAreOneInTheCopyAlone(boolean afterSnapshot) throws Exception {
    // given
    Path first = location.resolve("a");
    write(first, "same", TIME);
    for (String name : List.of("#b", "\u00e4\n", "gone")) {
      Files.createLink(location.resolve(name), first);
    }
    Files.createLink(Files.createDirectory(location.resolve("folder")).resolve("c"), first);
    try (Staging staging = staging(Settings.Staging.COPY)) {
      StagedTree tree = mirrored(staging, Settings.Staging.COPY);

      // when
      Path other = location.resolve("other");
      Files.copy(first, other, StandardCopyOption.COPY_ATTRIBUTES);
      Files.move(other, location.resolve("#b"), StandardCopyOption.REPLACE_EXISTING);
      Files.delete(location.resolve("folder/c"));
      Files.createLink(location.resolve("folder/c"), location.resolve("#b"));
      Files.setPosixFilePermissions(
          location.resolve("#b"), PosixFilePermissions.fromString("rw-------"));
      if (afterSnapshot) {
        Files.delete(location.resolve("gone"));
        assertThat(tree.update(work, progress)).isEmpty();
      } else {
        tree.mirror(work, progress);
      }
      tree.settle(work, progress);

      // then
      assertThat(tree.unsettled()).isEmpty();
      assertThat(staging.copy().resolve("gone")).hasContent("same");
      assertThat(
              Commands.run(
                  "rsync",
                  "-aHAXnc",
                  "--modify-window=-1",
                  "--itemize-changes",
                  location + "/",
                  staging.copy() + "/"))
          .isEmpty();
      assertThat(Files.isSameFile(staging.copy().resolve("a"), staging.copy().resolve("#b")))
          .isFalse();
      assertThat(Files.isSameFile(staging.copy().resolve("a"), staging.copy().resolve("\u00e4\n")))
          .isTrue();
    }
  }

  /** Writes to a file while rsync copies it, so many times. */
  private String disturbed(Path file, int times) throws Exception {
    return script(
        """
        rsync --bwlimit=20m "$@" & rsync=$!
        until find %1$s -name '*large*.*' | grep -q . || ! kill -0 $rsync 2> /dev/null
        do sleep 0.01; done
        if kill -0 $rsync 2> /dev/null && [ $(wc -l < $0.times) -lt %3$d ]; then
          echo >> $0.times
          printf x | dd of=%2$s bs=1 seek=%4$d conv=notrunc status=none
        fi
        wait $rsync
        """
            .formatted(folder.resolve("staging"), "'" + file + "'", times, LARGE - 1));
  }

  private String script(String body) throws Exception {
    Path script =
        Files.writeString(
            folder.resolve("rsync"),
            "#!/bin/bash\n[ \"$1\" = --version ] && exec rsync --version\n" + body);
    Files.createFile(folder.resolve("rsync.times"));
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
    return script.toString();
  }

  @ParameterizedTest
  @CsvSource({"1, 0", "2, 0", "3, 1"})
  void shouldCopyAgainWhatIsWrittenToMeanwhileAndTellIfThatIsInVain(int times, int told)
      throws Exception {
    // given
    write(location.resolve("quiet"), "quiet", TIME);
    try (Staging staging = staging(Settings.Staging.COPY)) {
      StagedTree _ = mirrored(staging, Settings.Staging.COPY);
      Path large = Files.write(location.resolve("large"), new byte[LARGE]);

      // when
      StagedTree tree = tree(staging, disturbed(large, times), Settings.Staging.COPY);
      tree.update(work, progress);
      tree.settle(work, progress);

      // then
      assertThat(folder.resolve("rsync.times")).hasContent("\n".repeat(times));
      assertThat(tree.unsettled())
          .isEqualTo(told == 0 ? List.of() : List.of(EntryPath.of("large")));
      if (told == 0) {
        assertThat(staging.copy().resolve("large")).hasSameBinaryContentAs(large);
      }
    }
  }

  @Test
  void shouldTellOfAFileThatWasWrittenToInAnEarlierPassAndHasGoneSince() throws Exception {
    // given
    write(location.resolve("quiet"), "quiet", TIME);
    try (Staging staging = staging(Settings.Staging.COPY)) {
      StagedTree _ = mirrored(staging, Settings.Staging.COPY);
      Path large = Files.write(location.resolve("large\n\u00e4"), new byte[LARGE]);
      StagedTree tree = tree(staging, disturbed(large, 1), Settings.Staging.COPY);
      tree.mirror(work, progress);

      // when
      Files.delete(large);
      StagedTree next = tree(staging, "rsync", Settings.Staging.COPY);
      next.update(work, progress);
      next.settle(work, progress);

      // then
      assertThat(folder.resolve("rsync.times")).hasContent("\n");
      assertThat(staging.copy().resolve("large\n\u00e4")).hasSize(LARGE);
      assertThat(next.unsettled()).containsExactly(EntryPath.of("large\n\u00e4"));
      assertThat(mirrored(staging, Settings.Staging.COPY).unsettled()).isEmpty();
    }
  }

  @Test
  void shouldLeaveNothingOfAKilledRsyncInTheCopy() throws Exception {
    // given
    write(location.resolve("quiet"), "quiet", TIME);
    try (Staging staging = staging(Settings.Staging.COPY)) {
      StagedTree tree = mirrored(staging, Settings.Staging.COPY);
      Path _ = Files.write(location.resolve("large"), new byte[LARGE]);
      String killed =
          script(
              """
              rsync --bwlimit=20m "$@" & rsync=$!
              until find %s -name '*large.*' | grep -q . || ! kill -0 $rsync 2> /dev/null
              do sleep 0.01; done
              others=$(ps -o pid= --ppid $rsync)
              for other in $others; do others="$others $(ps -o pid= --ppid $other)"; done
              kill -KILL $rsync $others
              wait $rsync
              """
                  .formatted(folder.resolve("staging")));
      assertThatThrownBy(() -> tree(staging, killed, Settings.Staging.COPY).update(work, progress))
          .isInstanceOf(ComponentFailure.class);

      // when
      tree.update(work, progress);

      // then
      assertThat(OwnFolders.children(staging.copy()))
          .extracting(path -> path.getFileName().toString())
          .containsExactlyInAnyOrder("quiet", "large");
      assertThat(staging.copy().resolve("large")).hasSize(LARGE);
    }
  }

  private Settings.Media media(Settings.Staging kind) {
    return new Settings.Media(location, List.of(), false, kind);
  }

  private Rsync rsync(String program, Settings.Staging kind) {
    return new Rsync(tools, program, media(kind), Duration.ofSeconds(10));
  }

  private Staging staging(Settings.Staging kind) throws Exception {
    return Staging.tryOpen(folder.resolve("staging"), media(kind)).orElseThrow();
  }

  private StagedTree tree(Staging staging, String program, Settings.Staging kind) {
    Rsync rsync = rsync(program, kind);
    return switch (kind) {
      case COPY -> new CopiedTree(staging, rsync, tools, location);
      case LINK -> new LinkedTree(staging, rsync, tools, location);
    };
  }

  /** After the first pass. */
  private StagedTree mirrored(Staging staging, Settings.Staging kind) throws Exception {
    StagedTree tree = tree(staging, "rsync", kind);
    tree.begin(work);
    tree.mirror(work, progress);
    return tree;
  }

  @Test
  void shouldKnowThatTheSourceHadFilesAlsoWhenItIsStagedInAnotherWay() throws Exception {
    // given
    write(location.resolve("file"), "1", TIME);
    assertThat(evidence(Settings.Staging.COPY, false)).isEmpty();
    assertThat(evidence(Settings.Staging.COPY, true)).isPresent();

    // then
    assertThat(evidence(Settings.Staging.LINK, false)).isPresent();
    assertThat(evidence(Settings.Staging.LINK, true)).isPresent();
    assertThat(evidence(Settings.Staging.COPY, false)).isPresent();
    assertThat(evidence(Settings.Staging.COPY, true)).isPresent();
    Files.delete(location.resolve("file"));
    assertThat(evidence(Settings.Staging.COPY, true)).isEmpty();
  }

  private Optional<Path> evidence(Settings.Staging kind, boolean mirrored) throws Exception {
    try (Staging staging = staging(kind)) {
      StagedTree tree = tree(staging, "rsync", kind);
      tree.begin(work);
      if (mirrored) {
        tree.mirror(work, progress);
      }
      tree.end();
      return staging.evidence();
    }
  }

  private static PartMaker.Task task() {
    BackupStarted started =
        new BackupStarted(
            RUN,
            "edms",
            new Origin(Component.PACKAGER, 1, 1, 1),
            new ArchiveName("backup_20260111_020000"),
            Set.of(Component.MEDIA));
    AttemptOpened opened =
        new AttemptOpened(new Announcement(started, TIME), TIME.atOffset(ZoneOffset.UTC), Map.of());
    return new PartMaker.Task(RUN, "edms", 1, opened);
  }

  private static void write(Path file, String content, Instant modified) throws Exception {
    Files.writeString(file, content);
    Files.setLastModifiedTime(file, FileTime.from(modified));
  }
}
