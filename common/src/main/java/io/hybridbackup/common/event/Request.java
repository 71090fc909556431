package io.hybridbackup.common.event;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import java.time.Instant;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What others ask for. Names are plain text here: a request may name what does not exist, and is
 * then answered.
 */
public sealed interface Request extends Event {
  /** Who asks, for the audit; whatever the requester says of itself. */
  @Nullable String requestedBy();

  /**
   * @param components what to back up; absent: all that the source has
   */
  record BackupRequested(
      String source, @Nullable Set<Component> components, @Nullable String requestedBy)
      implements Request {
    public BackupRequested {
      components = Request.parts(components);
    }
  }

  record BackupCancelRequested(
      RunId backupId, String source, @Nullable String reason, @Nullable String requestedBy)
      implements Request {}

  /**
   * @param level {@code checksums} or {@code drill}
   */
  record VerificationRequested(
      String source, String archive, String level, @Nullable String requestedBy)
      implements Request {}

  /**
   * @param archive an archive's name, or {@code latest}
   * @param asOf with {@code latest}: the newest that shows nothing later than this, by the
   *     database's snapshot or, of files alone, by the end of the last pass over them
   * @param components what to restore; absent: all that both the archive and the target have
   * @param options how; absent: all of it, and only into what is empty or not there
   * @param undo a restore to that target: bring back what it replaced, instead of the archive;
   *     without asOf, components and options
   */
  record RestoreRequested(
      String source,
      String archive,
      String target,
      @Nullable Instant asOf,
      @Nullable Set<Component> components,
      @Nullable RestoreOptions options,
      @Nullable RunId undo,
      @Nullable String requestedBy)
      implements Request {
    public RestoreRequested {
      components = Request.parts(components);
    }
  }

  private static @Nullable Set<Component> parts(@Nullable Set<Component> components) {
    if (components == null) {
      return null;
    }
    if (!Component.parts().containsAll(components)) {
      throw new IllegalArgumentException(
          components + " are not parts of an archive; use \"database\" and \"media\"");
    }
    return Ordered.components(components);
  }
}
