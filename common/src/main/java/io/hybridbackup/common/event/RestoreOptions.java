package io.hybridbackup.common.event;

import com.fasterxml.jackson.annotation.JsonIgnore;
import org.jspecify.annotations.Nullable;

/**
 * How a restore is to be carried out. What is absent is not asked for.
 *
 * @param replace whether a target that is in use may be replaced; what it was is kept for a while
 */
public record RestoreOptions(@Nullable Boolean replace) {
  /** Nothing special. */
  public static final RestoreOptions NONE = new RestoreOptions(null);

  @JsonIgnore
  public boolean replaces() {
    return Boolean.TRUE.equals(replace);
  }

  /** The same, or absent where nothing special is asked for. */
  public static @Nullable RestoreOptions orAbsent(RestoreOptions options) {
    return options.equals(NONE) ? null : options;
  }
}
