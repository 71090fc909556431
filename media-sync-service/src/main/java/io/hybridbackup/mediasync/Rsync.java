package io.hybridbackup.mediasync;

import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.ProgressReporter;
import io.hybridbackup.common.job.Work;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.process.ToolCommand;
import io.hybridbackup.common.process.ToolException;
import io.hybridbackup.common.process.ToolProcess;
import io.hybridbackup.common.settings.Settings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * rsync from a source's folder into its staging folder. It holds the folder's lock for as long as
 * any process of it lives, so that one which a frozen or killed service has left behind and one of
 * the next epoch never write there at once.
 */
final class Rsync {
  private static final Pattern VERSION = Pattern.compile("version +v?(\\S+)");
  private static final Pattern PROGRESS = Pattern.compile("\\s*([\\d,]+)\\s+(\\d+)%.*");

  private static final Pattern STATS =
      Pattern.compile(
          "(?s)Number of created files: (\\d+)(?: \\((?:reg: (\\d+),? ?)?(?:dir: (\\d+))?)?"
              + ".*Number of regular files transferred: (\\d+)"
              + ".*Total transferred file size: (\\d+)");

  /** Files vanished while rsync worked: the final pass and the fence are there for that. */
  private static final int VANISHED = 24;

  private static final int PARTIAL = 23;

  private static final Duration LOCK_POLL = Duration.ofSeconds(1);

  private final NativeTools tools;
  private final String program;
  private final Settings.Media media;
  private final Duration patience;

  /**
   * @param patience how long it waits for an rsync that is still at work in the staging folder
   */
  Rsync(NativeTools tools, String program, Settings.Media media, Duration patience) {
    this.tools = tools;
    this.program = program;
    this.media = media;
    this.patience = patience;
  }

  /**
   * The version of rsync, such as {@code 3.2.7}.
   *
   * @throws ComponentFailure if it cannot be run
   */
  String version() throws ComponentFailure, InterruptedException {
    try {
      Matcher version = VERSION.matcher(tools.run(ToolCommand.of(program, "--version")));
      return version.find() ? version.group(1) : "unknown";
    } catch (ToolException e) {
      throw ComponentFailure.permanent(
          FailureCode.TOOL_MISSING, e.getMessage() + "; install rsync", e);
    }
  }

  /** Waits until no rsync that an earlier epoch has left behind is at work in the folder. */
  void awaitOthers(Staging staging, Work work) throws ComponentFailure, InterruptedException {
    run(ToolCommand.of(program, "--version"), staging, work, line -> {});
  }

  /**
   * What a first copy will take at least.
   *
   * @param bytes of the files' content; of one with several names, once
   * @param inodes files, folders and all else
   * @param folders how many of these are folders
   */
  record Size(long bytes, long inodes, long folders) {}

  /** Looks through the source without copying anything into the tree, which is empty. */
  Size sizeOfCopy(Path tree, Work work) throws ComponentFailure, InterruptedException {
    StringBuilder stats = new StringBuilder();
    ToolCommand command = command(List.of("--dry-run", "--stats", "--no-h"), tree);
    try (ToolProcess process = tools.start(command)) {
      work.own(process);
      try {
        process.awaitLines(line -> stats.append(line).append('\n'));
      } finally {
        work.disown(process);
      }
    } catch (ToolException e) {
      if (e.exitCode() != VANISHED) {
        throw failure(e);
      }
    }
    Matcher found = STATS.matcher(stats);
    if (!found.find()) {
      return new Size(0, 0, 0);
    }
    long created = number(found.group(1));
    // All names of a file are created, and only one is transferred.
    long names = number(found.group(2));
    return new Size(
        number(found.group(5)), created - names + number(found.group(4)), number(found.group(3)));
  }

  private static long number(@Nullable String digits) {
    return digits == null ? 0 : Long.parseLong(digits);
  }

  private ToolCommand command(List<String> options, Path tree) {
    // Without the window, rsync compares times by their seconds alone.
    List<String> arguments =
        new ArrayList<>(List.of("-aHAX", "--numeric-ids", "--modify-window=-1"));
    arguments.addAll(options);
    media.exclude().forEach(pattern -> arguments.add("--exclude=" + pattern));
    arguments.addAll(List.of("--", media.location() + "/", tree + "/"));
    return ToolCommand.of(program).with(arguments);
  }

  /**
   * Runs a pass.
   *
   * @param options besides those that say what is kept of a file and what is left out
   * @param tree where to
   * @throws ComponentFailure if it fails; files that vanished meanwhile are no failure
   */
  void run(List<String> options, Staging staging, Path tree, Work work, ProgressReporter progress)
      throws ComponentFailure, InterruptedException {
    List<String> all = new ArrayList<>(options);
    all.add("--info=progress2");
    // A link is the file itself, whatever is in it.
    if (media.checksum() && media.staging() == Settings.Staging.COPY) {
      all.add("--checksum");
    }
    run(command(all, tree), staging, work, line -> report(line, progress));
  }

  /**
   * Copies files anew, whatever they seem to be in the tree: none of them is the same file there as
   * before. Those that have gone from the source are left alone.
   *
   * @param list names them relative to the tree, each ended by a NUL
   */
  void copyAnew(
      List<String> options,
      Path list,
      Staging staging,
      Path tree,
      Work work,
      ProgressReporter progress)
      throws ComponentFailure, InterruptedException {
    List<String> all = new ArrayList<>(options);
    all.addAll(
        List.of(
            "--ignore-times",
            "--ignore-missing-args",
            "--from0",
            "--files-from=" + list,
            "--info=progress2"));
    run(command(all, tree), staging, work, line -> report(line, progress));
  }

  private void run(ToolCommand command, Staging staging, Work work, Consumer<String> line)
      throws ComponentFailure, InterruptedException {
    long end = System.nanoTime() + patience.toNanos();
    while (!ranAlone(command, staging.rsyncLock(), work, line)) {
      if (System.nanoTime() - end > 0) {
        throw Staging.busy(staging.rsyncLock());
      }
      Optional<Boolean> _ = work.await(Optional::empty, LOCK_POLL);
    }
  }

  /** False if it was not run because another rsync is at work there. */
  private boolean ranAlone(ToolCommand command, Path lock, Work work, Consumer<String> line)
      throws ComponentFailure, InterruptedException {
    try (ToolProcess process = tools.startHolding(lock, command)) {
      work.own(process);
      try {
        process.awaitLines(line);
      } finally {
        work.disown(process);
      }
    } catch (ToolException e) {
      if (e.exitCode() == ToolException.LOCKED) {
        return false;
      }
      if (e.exitCode() != VANISHED) {
        throw failure(e);
      }
    }
    return true;
  }

  private static void report(String line, ProgressReporter progress) {
    Matcher matcher = PROGRESS.matcher(line);
    if (matcher.matches()) {
      long bytes = Long.parseLong(matcher.group(1).replace(",", ""));
      long percent = Long.parseLong(matcher.group(2));
      progress.reached(bytes, percent == 0 ? bytes : bytes * 100 / percent);
    }
  }

  private ComponentFailure failure(ToolException e) {
    String said = e.errors();
    String location = media.location().toString();
    if (e.exitCode() == ToolException.NOT_STARTED) {
      return ComponentFailure.permanent(
          FailureCode.TOOL_MISSING, e.getMessage() + "; install rsync", e);
    }
    if (Staging.isFull(e)) {
      return Staging.full(media.location(), said, e);
    }
    if (said.contains("change_dir") && said.contains("No such file or directory")) {
      return ComponentFailure.permanent(
          FailureCode.MEDIA_MISSING,
          "the media folder " + location + " is gone; mount it or correct its location",
          e);
    }
    if (e.exitCode() == PARTIAL && said.contains("Permission denied")) {
      return ComponentFailure.permanent(
          FailureCode.MEDIA_PERMISSION,
          "rsync may not read everything below " + location + "; let this service read it: " + said,
          e);
    }
    return ComponentFailure.passing(
        FailureCode.TOOL_FAILED, e.getMessage() + " (media folder " + location + ")", e);
  }
}
