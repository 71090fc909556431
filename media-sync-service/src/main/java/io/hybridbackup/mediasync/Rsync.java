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
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * rsync from a source's folder into its staging folder. It holds the folder's lock for as long as
 * any process of it lives, so that one which a frozen or killed service has left behind and one of
 * the next epoch never write there at once.
 */
final class Rsync {
  private static final Pattern VERSION = Pattern.compile("version +v?(\\S+)");
  private static final Pattern PROGRESS = Pattern.compile("\\s*([\\d,]+)\\s+(\\d+)%.*");

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

  /** Makes the tree equal to the source: what has gone there goes here too. */
  void mirror(Staging staging, Work work, ProgressReporter progress)
      throws ComponentFailure, InterruptedException {
    run(List.of("--delete", "--delete-excluded"), staging, work, progress);
  }

  /** Brings new and changed files, and keeps what has gone since the last pass. */
  void update(Staging staging, Work work, ProgressReporter progress)
      throws ComponentFailure, InterruptedException {
    // --force: where a folder has become a file, the newer one wins.
    run(List.of("--force"), staging, work, progress);
  }

  private void run(List<String> options, Staging staging, Work work, ProgressReporter progress)
      throws ComponentFailure, InterruptedException {
    List<String> arguments = new ArrayList<>(List.of("-aHAX", "--numeric-ids"));
    arguments.add("--info=progress2");
    arguments.addAll(options);
    if (media.checksum()) {
      arguments.add("--checksum");
    }
    media.exclude().forEach(pattern -> arguments.add("--exclude=" + pattern));
    arguments.addAll(List.of("--", media.location() + "/", staging.tree() + "/"));
    ToolCommand command = ToolCommand.of(program).with(arguments);
    long end = System.nanoTime() + patience.toNanos();
    while (!ranAlone(command, staging.rsyncLock(), work, progress)) {
      if (System.nanoTime() - end > 0) {
        throw Staging.busy(staging.rsyncLock());
      }
      Optional<Boolean> _ = work.await(Optional::empty, LOCK_POLL);
    }
  }

  /** False if it was not run because another rsync is at work there. */
  private boolean ranAlone(ToolCommand command, Path lock, Work work, ProgressReporter progress)
      throws ComponentFailure, InterruptedException {
    try (ToolProcess process = tools.startHolding(lock, command)) {
      work.own(process);
      try {
        process.awaitLines(line -> report(line, progress));
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
