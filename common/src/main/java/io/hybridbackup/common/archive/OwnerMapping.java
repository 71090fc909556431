package io.hybridbackup.common.archive;

import java.util.Map;

/**
 * Whom files belong to instead of whom they belonged to, by number. Who is not in it stays who it
 * is.
 */
public record OwnerMapping(Map<Long, Long> users, Map<Long, Long> groups) {
  /** Everything belongs to whom it belonged. */
  public static final OwnerMapping NONE = new OwnerMapping(Map.of(), Map.of());

  public OwnerMapping {
    users = Map.copyOf(users);
    groups = Map.copyOf(groups);
  }

  long user(long number) {
    return users.getOrDefault(number, number);
  }

  long group(long number) {
    return groups.getOrDefault(number, number);
  }
}
