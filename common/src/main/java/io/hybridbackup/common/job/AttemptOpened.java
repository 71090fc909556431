package io.hybridbackup.common.job;

import com.fasterxml.jackson.annotation.JsonCreator;
import io.hybridbackup.common.event.Fact.BackupStarted;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.StoredObject;
import java.time.OffsetDateTime;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An attempt is open: the services may work on it.
 *
 * @param timestamp the time in the archive's name, with its offset
 * @param bases the archive that each component builds upon; one that is not there makes everything
 *     anew
 */
public record AttemptOpened(
    Announcement announcement, OffsetDateTime timestamp, Map<Component, StoredObject> bases) {
  /**
   * @param base what all components build upon, as the first version said it
   * @param bases null in a record of that version
   */
  @JsonCreator
  static AttemptOpened read(
      Announcement announcement,
      OffsetDateTime timestamp,
      @Nullable StoredObject base,
      @Nullable Map<Component, StoredObject> bases) {
    Map<Component, StoredObject> all = new EnumMap<>(Component.class);
    if (base != null) {
      Component.parts().forEach(component -> all.put(component, base));
    }
    return new AttemptOpened(announcement, timestamp, Objects.requireNonNullElse(bases, all));
  }

  public BackupStarted started() {
    return announcement.fact(BackupStarted.class);
  }

  /** What a component builds upon; it may have no part of that component. */
  public Optional<StoredObject> base(Component component) {
    return Optional.ofNullable(bases.get(component));
  }
}
