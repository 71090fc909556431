package io.hybridbackup.common.event;

import com.fasterxml.jackson.annotation.JsonIgnore;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * How a restore is to be carried out. What is absent is not asked for.
 *
 * @param replace whether a target that is in use may be replaced; what it was is kept for a while
 * @param noOwner whether owners and grants are left out: everything belongs to whoever restores it
 * @param schemas of the database only what is in these; names, exactly
 * @param tables of those schemas, or of {@code public}, only these; names, exactly
 * @param paths of the media only what matches one of these patterns, each of which begins with
 *     {@code storage/}
 * @param users whom files and ACLs of a user belong to instead, by number
 * @param groups likewise of a group
 * @param overrides what does not keep a database from being replaced, though it depends on it
 * @param inPlace whether what the target has is overwritten where it is, which is not atomic and
 *     keeps nothing of it
 * @param dryRun whether it is only to be said what would be done
 */
public record RestoreOptions(
    @Nullable Boolean replace,
    @Nullable Boolean noOwner,
    @Nullable List<String> schemas,
    @Nullable List<String> tables,
    @Nullable List<String> paths,
    @Nullable Map<Long, Long> users,
    @Nullable Map<Long, Long> groups,
    @Nullable Set<Dependent> overrides,
    @Nullable Boolean inPlace,
    @Nullable Boolean dryRun) {
  /** Nothing special. */
  public static final RestoreOptions NONE =
      new RestoreOptions(null, null, null, null, null, null, null, null, null, null);

  public RestoreOptions {
    schemas = schemas == null ? null : List.copyOf(schemas);
    tables = tables == null ? null : List.copyOf(tables);
    paths = paths == null ? null : List.copyOf(paths);
    users = sorted(users);
    groups = sorted(groups);
    overrides =
        overrides == null || overrides.isEmpty()
            ? null
            : Collections.unmodifiableSet(EnumSet.copyOf(overrides));
  }

  private static @Nullable Map<Long, Long> sorted(@Nullable Map<Long, Long> numbers) {
    return numbers == null || numbers.isEmpty()
        ? null
        : Collections.unmodifiableMap(new TreeMap<>(numbers));
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

  /** Whether files get other owners than they had. */
  @JsonIgnore
  public boolean mapsOwners() {
    return users != null || groups != null;
  }

  /** Whether this, though it is there, does not keep a database from being replaced. */
  public boolean overrides(Dependent dependent) {
    return overrides != null && overrides.contains(dependent);
  }

  @JsonIgnore
  public boolean overwrites() {
    return Boolean.TRUE.equals(inPlace);
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
