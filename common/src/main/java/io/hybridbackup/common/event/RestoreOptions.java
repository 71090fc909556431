package io.hybridbackup.common.event;

import com.fasterxml.jackson.annotation.JsonIgnore;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a restore is to be carried out. What is absent is not asked for.
 *
 * @param replace whether a target that is in use may be replaced; what it was is kept for a while
 * @param noOwner whether owners and grants are left out: everything belongs to whoever restores it
 * @param schemas of the database only what is in these; names, exactly
 * @param tables of those schemas, or of {@code public}, only these; names, exactly
 * @param dryRun whether it is only to be said what would be done
 */
public record RestoreOptions(
    @Nullable Boolean replace,
    @Nullable Boolean noOwner,
    @Nullable List<String> schemas,
    @Nullable List<String> tables,
    @Nullable Boolean dryRun) {
  /** Nothing special. */
  public static final RestoreOptions NONE = new RestoreOptions(null, null, null, null, null);

  public RestoreOptions {
    schemas = schemas == null ? null : List.copyOf(schemas);
    tables = tables == null ? null : List.copyOf(tables);
  }

  @JsonIgnore
  public boolean replaces() {
    return Boolean.TRUE.equals(replace);
  }

  @JsonIgnore
  public boolean leavesOwnersOut() {
    return Boolean.TRUE.equals(noOwner);
  }

  /** Whether only a part of the database is asked for. */
  @JsonIgnore
  public boolean selects() {
    return schemas != null || tables != null;
  }

  @JsonIgnore
  public boolean isRehearsal() {
    return Boolean.TRUE.equals(dryRun);
  }

  /** The same, or absent where nothing special is asked for. */
  public static @Nullable RestoreOptions orAbsent(RestoreOptions options) {
    return options.equals(NONE) ? null : options;
  }
}
