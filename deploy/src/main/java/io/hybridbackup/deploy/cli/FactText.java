package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.archive.EscapedPath;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.identity.Component;
import java.util.Collection;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A fact in a sentence, and further lines for what comes with it. */
final class FactText {
  private FactText() {}

  /**
   * The one way out for what facts say: names of files and messages of tools are in it, and none of
   * them gets a line of its own or moves the cursor.
   */
  static String of(Fact fact) {
    return Stream.concat(Stream.of(sentence(fact)), details(fact))
        .map(EscapedPath::printableLine)
        .collect(Collectors.joining("\n"));
  }

  private static String sentence(Fact fact) {
    return switch (fact) {
      case Fact.BackupAccepted accepted ->
          "accepted: " + labels(accepted.components()) + " of " + accepted.source();
      case Fact.BackupRejected rejected ->
          "rejected (" + rejected.code() + "): " + rejected.reason();
      case Fact.BackupStarted started -> "started: " + started.archive();
      case Fact.MediaPrepared prepared -> "media: prepared";
      case Fact.DatabaseSnapshotTaken taken ->
          "database: snapshot taken at " + taken.snapshotAt() + ", " + taken.lsn();
      case Fact.ComponentProgressed progressed ->
          progressed.origin().component().label()
              + ": "
              + progressed.phase()
              + progress(
                  progressed.bytesDone(),
                  progressed.bytesTotal(),
                  progressed.filesDone(),
                  progressed.filesTotal());
      case Fact.DatabaseDumpCompleted completed ->
          "database: done, "
              + Amounts.bytes(completed.dumpBytes())
              + " dumped, "
              + Amounts.bytes(completed.partBytes())
              + " packed";
      case Fact.MediaSyncCompleted completed ->
          "media: done, "
              + Amounts.count(completed.files())
              + " files, "
              + Amounts.bytes(completed.mediaBytes())
              + ", "
              + Amounts.bytes(completed.partBytes())
              + " packed";
      case Fact.ComponentFailed failed ->
          failed.origin().component().label()
              + ": failed ("
              + failed.code()
              + "): "
              + failed.message()
              + (failed.willRetry() ? "; it is tried again" : "");
      case Fact.BackupCompleted completed ->
          "complete: "
              + completed.archiveKey()
              + ", "
              + Amounts.bytes(completed.archiveBytes())
              + " ("
              + Amounts.bytes(completed.uploadedBytes())
              + " uploaded, "
              + Amounts.bytes(completed.reusedBytes())
              + " reused)";
      case Fact.BackupFailed failed ->
          "failed ("
              + failed.code()
              + "): "
              + failed.message()
              + (failed.missing().isEmpty() ? "" : "; missing: " + labels(failed.missing()));
      case Fact.BackupCancelled cancelled -> "cancelled" + reason(cancelled.reason());
      case Fact.BackupExpired expired -> "expired: " + expired.archive();
      case Fact.BackupVerified verified ->
          "verified ("
              + verified.level()
              + "): "
              + verified.archive()
              + (verified.sound() ? " is sound" : " is NOT sound")
              + reason(verified.message());
      case Fact.RestoreStarted started ->
          started.undoes() == null
              ? "started: "
                  + labels(started.components())
                  + " of "
                  + started.archive()
                  + " to "
                  + started.target()
              : "started: undoing " + started.undoes() + " at " + started.target();
      case Fact.RestoreProgressed progressed ->
          "restore: "
              + progressed.phase()
              + progress(progressed.bytesDone(), progressed.bytesTotal(), null, null);
      case Fact.RestoreCompleted completed ->
          completed.plan() != null
              ? "nothing was done; this would be:"
              : completed.undoes() == null
                  ? "complete: "
                      + labels(completed.components())
                      + " of "
                      + completed.archive()
                      + " restored to "
                      + completed.target()
                  : "complete: "
                      + completed.target()
                      + " is what it was before "
                      + completed.undoes();
      case Fact.RestoreFailed failed ->
          "failed ("
              + failed.code()
              + "): "
              + failed.message()
              + (failed.rolledBack() ? "; the target is as it was" : "");
    };
  }

  /** What has a line of its own. */
  private static Stream<String> details(Fact fact) {
    return switch (fact) {
      case Fact.BackupCompleted completed -> warnings(completed.warnings());
      case Fact.RestoreCompleted completed ->
          completed.plan() != null
              ? completed.plan().stream().map(step -> "  " + step)
              : Stream.concat(kept(completed), warnings(completed.warnings()));
      default -> Stream.empty();
    };
  }

  private static Stream<String> kept(Fact.RestoreCompleted completed) {
    String kept =
        Stream.of(completed.previousDatabase(), completed.previousFolder())
            .filter(Objects::nonNull)
            .collect(Collectors.joining(" and "));
    return kept.isEmpty()
        ? Stream.empty()
        : Stream.of(
            "kept for a while: "
                + kept
                + "; to bring it back: hybrid-backup restore --undo "
                + completed.restoreId());
  }

  static String progress(
      long bytes, @Nullable Long bytesTotal, @Nullable Long files, @Nullable Long filesTotal) {
    StringBuilder text = new StringBuilder(" ").append(Amounts.bytes(bytes));
    if (bytesTotal != null) {
      text.append(" of ").append(Amounts.bytes(bytesTotal));
    }
    if (files != null) {
      text.append(", ").append(Amounts.count(files));
      if (filesTotal != null) {
        text.append(" of ").append(Amounts.count(filesTotal));
      }
      text.append(" files");
    }
    return text.toString();
  }

  static String labels(Set<Component> components) {
    return components.stream().sorted().map(Component::label).collect(Collectors.joining(" and "));
  }

  private static String reason(@Nullable String reason) {
    return reason == null ? "" : ": " + reason;
  }

  private static Stream<String> warnings(Collection<String> warnings) {
    return warnings.stream().map(warning -> "warning: " + warning);
  }
}
